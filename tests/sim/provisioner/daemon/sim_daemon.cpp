// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/provisioner/daemon/sim_daemon.h"

#include "provisioner/certs/x509.h"

namespace voicectl {

void FakeAuthority::issue(CertificateRequest request, Completion<Certificate> done) {
  // The store looks into what it keeps, so it must be a certificate; one authority serves all
  // tests, because drawing its key is the slow part.
  static const AuthorityPem kAuthority =
      *make_authority({SimWallClock::kStart, SimWallClock::kStart + std::chrono::days(3650)}, {});
  const WallTime now = wall_.now();
  const Result<Certificate> made =
      issue_certificate(kAuthority, request, {now, now + std::chrono::days(365)});
  reactor_.post([made, done] { done(made); });
}

void FakeInspector::inspect(const std::string& path, Completion<ProgramFacts> done) {
  const Result<std::optional<std::string>> text = files_.read(path, 1U << 20);
  const bool is_broken = text.has_error() || !*text || **text == "broken";
  const std::string said = is_broken ? "" : **text;
  const std::size_t space = said.find(' ');
  const Result<ProgramFacts> facts =
      is_broken
          ? Result<ProgramFacts>(Error(ErrorCode::kInvalidArgument, "cannot use it: exited with 1"))
          : Result<ProgramFacts>(ProgramFacts{
                said.substr(0, space), space == std::string::npos ? "" : said.substr(space + 1)});
  reactor_.post([facts, done = std::move(done)] { done(facts); });
}

void FakeProbe::ask(const ProbeTarget& target, Duration, Completion<void> done) {
  reactor_.post(
      [this, target, done = std::move(done)] { done(hook_ ? hook_(target) : ok_status()); });
}

namespace {

std::unique_ptr<Registry> open_registry(SimMachine& machine, FaultPlan& plan) {
  std::unique_ptr<Registry> registry = open_memory_registry(machine.registry);
  return machine.has_registry_faults ? std::make_unique<FaultyRegistry>(std::move(registry), plan)
                                     : std::move(registry);
}

}  // namespace

SimDaemon::SimDaemon(SimMachine& machine)
    : loop(machine.sim),
      offload(loop),
      registry(open_registry(machine, plan)),
      spawner(machine.processes),
      listeners(machine.network),
      files(machine.files, plan),
      scan(machine.files, machine.processes, machine.network),
      faulty_scan(scan, plan),
      faulty_spawner(spawner, plan),
      faulty_listeners(listeners, plan),
      channels(machine.hub),
      holder({loop, faulty_spawner, faulty_listeners, channels, files},
             {.program = "/usr/lib/voicectl/voicectl-holder", .run = "/run/voicectl"}),
      descriptors(holder, plan),
      sink(machine.log_lines),
      log(sink, machine.wall),
      authority(loop, machine.wall),
      edge(machine.edge, loop),
      faulty_edge(edge, loop, plan),
      inspector(loop, machine.files),
      probe(loop, machine.on_probe) {
  // As opening the registry does.
  if (constexpr const char* kRegistry = "/var/lib/voicectl/registry.db";
      machine.files.find(kRegistry) == nullptr) {
    machine.files.put(kRegistry, "");
  }
  DaemonOptions options;
  options.paths = {"/var/lib/voicectl", "/run/voicectl", "/var/log/voicectl"};
  options.launch.program = "/usr/lib/voicectl/voice-runtime";  // as kProgram
  options.edge.folders = {"/run/voicectl", "/var/log/voicectl"};
  options.restart.wait.jitter = 0;
  const DaemonSeams seams{loop,
                          offload,
                          *registry,
                          files,
                          faulty_scan,
                          faulty_spawner,
                          faulty_listeners,
                          descriptors,
                          &holder,
                          channels,
                          machine.log_pipes,
                          random,
                          machine.wall,
                          log,
                          authority,
                          faulty_edge,
                          [this](Completion<bool> done) { loop.post([done] { done(true); }); },
                          offload,
                          inspector,
                          probe,
                          machine.hook_streams,
                          [] { return std::string("as installed"); },
                          [this] { return load ? load() : LiveLoad{}; }};
  daemon = std::make_unique<Daemon>(seams, std::move(options),
                                    *load_state(*registry, registry->epoch()));
}

}  // namespace voicectl
