// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/provisioner/daemon/daemon_world.h"

#include <fmt/core.h>

#include <set>

#include "provisioner/certs/x509.h"

namespace voicectl {
namespace {

constexpr std::string_view kHead = R"(
apiVersion: voicectl/v1
platform:
  domain: example.com
  edge: { mode: dynamic, address: 127.0.0.1, http_port: 8080, https_port: 8443 }
  pool: { size: 2 }
  ultravox: { endpoint: "http://127.0.0.1:4100/api" }
tenants:
)";

}  // namespace

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

SimDaemon::SimDaemon(SimMachine& machine)
    : loop(machine.sim),
      offload(loop),
      registry(open_memory_registry(machine.registry)),
      spawner(machine.processes),
      listeners(machine.network),
      files(machine.files, plan),
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
  DaemonOptions options;
  options.paths = {"/var/lib/voicectl", "/run/voicectl", "/var/log/voicectl"};
  options.launch.program = "/usr/lib/voicectl/voice-runtime";  // as kProgram
  options.edge.folders = {"/run/voicectl", "/var/log/voicectl"};
  options.restart.wait.jitter = 0;
  const DaemonSeams seams{loop,
                          offload,
                          *registry,
                          files,
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
                          [] { return std::string("as installed"); }};
  daemon = std::make_unique<Daemon>(seams, std::move(options),
                                    *load_state(*registry, registry->epoch()));
}

void DaemonWorld::start_daemon(Duration limit) {
  daemon_ = std::make_unique<SimDaemon>(machine);
  ASSERT_THAT(daemon_->daemon->start([this] { daemon_->is_started = true; }), IsOk());
  machine.sim.advance(limit);
  ASSERT_TRUE(daemon_->is_started);
}

bool DaemonWorld::start_and_die(std::size_t n, KillPoint point) {
  daemon_ = std::make_unique<SimDaemon>(machine);
  daemon_->plan.kill_at(daemon_->plan.calls() + n, point);
  try {
    (void)daemon_->daemon->start([] {});  // whether it can is told by the next start
    machine.sim.advance(60s);
  } catch (const DaemonKilled&) {
    return true;
  }
  return false;
}

std::string DaemonWorld::install(const std::string& path, const std::string& content) {
  EXPECT_THAT(machine.files.make_directory(path.substr(0, path.rfind('/')), kSharedDirectory),
              IsOk());
  EXPECT_THAT(machine.files.replace_atomically(path, content, FileMode{0755}), IsOk());
  return fingerprint_of_program(content);
}

void DaemonWorld::kill_daemon() {
  if (daemon_ != nullptr) {
    daemon_->plan.kill();
    daemon_->loop.kill();
    daemon_.reset();
  }
}

void DaemonWorld::lose_the_machine() {
  kill_daemon();
  machine.instances.crash("shared-0");
  machine.instances.crash("shared-1");
  machine.holder.crash();
  machine.sim.settle();
  machine.processes.reboot();
  machine.edge.served.reset();
  machine.edge.routes.clear();
  machine.edge.sockets.clear();
}

DesiredState DaemonWorld::platform_with(const std::vector<std::string>& tenants) {
  std::string text(kHead);
  for (const std::string& tenant : tenants) {
    text += fmt::format(
        "  - {{ slug: {0}, name: {0}, business_type: restaurant, plan: starter, "
        "menu: [ {{ name: Soup, price: \"4.50\" }} ] }}\n",
        tenant);
  }
  if (tenants.empty()) {
    text += "  []\n";
  }
  ParsedState parsed = parse_desired_state({{"platform.yaml", text}}, {});
  for (const Diagnostic& problem : parsed.problems) {
    ADD_FAILURE() << problem.str();
  }
  return parsed.state;
}

Plan DaemonWorld::plan(const DesiredState& desired) {
  const Result<Plan> plan = daemon_->daemon->loop().plan(desired);
  EXPECT_THAT(plan, IsOk());
  return plan.has_value() ? *plan : Plan{};
}

Applied DaemonWorld::apply(const DesiredState& desired) {
  auto applied = std::make_shared<Applied>();
  const Status begun = daemon_->daemon->loop().apply(
      {desired, std::nullopt, "test"},
      {[](const Plan&) {},
       [applied](const api::StepProgress& step) { applied->steps[step.text] = step; },
       [applied](const api::ApplyOutcome& outcome) {
         applied->is_finished = true;
         applied->outcome = outcome;
       }});
  EXPECT_THAT(begun, IsOk());
  machine.sim.advance(120s);
  return *applied;
}

void DaemonWorld::expect_converged(const DesiredState& desired) {
  const Plan rest = plan(desired);
  for (const std::string& line : machine.log_lines) {
    if (!rest.empty() && line.find("failed") != std::string::npos) {
      ADD_FAILURE() << line;
    }
  }
  for (const Step& step : rest.steps) {
    ADD_FAILURE() << "still to do: " << describe(step.action) << " (" << step.reason << ")";
  }
  std::set<Port> ports;
  for (const auto& [name, tenant] : daemon_->daemon->recorded().snapshot().tenants) {
    EXPECT_EQ(tenant.phase, TenantPhase::kServing) << name.str();
    ASSERT_TRUE(tenant.port.has_value()) << name.str();
    EXPECT_TRUE(ports.insert(*tenant.port).second) << "two tenants on " << tenant.port->str();
    EXPECT_TRUE(machine.network.is_held(*tenant.port)) << name.str();
    EXPECT_EQ(machine.instances.holders(name).size(), 1U) << name.str();
    ASSERT_TRUE(tenant.placement.has_value()) << name.str();
    EXPECT_NE(machine.instances.find(tenant.placement->str(), name), nullptr) << name.str();
    EXPECT_TRUE(machine.edge.sockets.contains(name)) << name.str();
  }
  EXPECT_EQ(machine.edge.sockets.size(), desired.tenants.size());
}

}  // namespace voicectl
