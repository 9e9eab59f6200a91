// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "provisioner/daemon/daemon.h"
#include "provisioner/holder/holder_store.h"
#include "tests/support/edge/fake_edge.h"
#include "tests/support/edge/faulty_edge.h"
#include "tests/support/fake_fd_channel.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_holder.h"
#include "tests/support/fake_hook_streams.h"
#include "tests/support/fake_host_scan.h"
#include "tests/support/fake_instance.h"
#include "tests/support/fake_listener_factory.h"
#include "tests/support/fake_log_pipe.h"
#include "tests/support/fake_process_spawner.h"
#include "tests/support/faulty.h"
#include "tests/support/registry/faulty_registry.h"
#include "tests/support/registry/memory_registry.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {

/// Makes certificates of a year, at once.
class FakeAuthority final : public CertificateSource {
 public:
  FakeAuthority(Reactor& reactor, const WallClock& wall) : reactor_(reactor), wall_(wall) {}
  void issue(CertificateRequest request, Completion<Certificate> done) override;
  OrderLimit limit() const override { return {"the authority of tests"}; }

 private:
  Reactor& reactor_;
  const WallClock& wall_;
};

/// A program on the simulated machine, as its file says: "<version> <hand-over layout>", or
/// "broken".
class FakeInspector final : public ProgramInspector {
 public:
  FakeInspector(Reactor& reactor, FileSystem& files) : reactor_(reactor), files_(files) {}
  void inspect(const std::string& path, Completion<ProgramFacts> done) override;

 private:
  Reactor& reactor_;
  FileSystem& files_;
};

/// Instances are well while they run, unless a test says otherwise.
class FakeProbe final : public HttpProbe {
 public:
  using Hook = std::function<Status(const ProbeTarget&)>;
  FakeProbe(Reactor& reactor, const Hook& hook) : reactor_(reactor), hook_(hook) {}
  void ask(const ProbeTarget& target, Duration timeout, Completion<void> done) override;

 private:
  Reactor& reactor_;
  const Hook& hook_;
};

/// What stays when the daemon is killed: the machine, its disk and its processes.
struct SimMachine {
  SimReactor sim;
  SimWallClock wall{sim};
  FakeFileSystem files;
  FakeNetwork network{files};
  FakeProcesses processes{sim};
  FakeChannelHub hub{sim, &network};
  FakeInstances instances{sim, processes, hub, network};
  FakeHolder holder{sim, processes, hub, network};
  FakeLogPipes log_pipes;
  FakeHookStreams hook_streams;
  FakeEdgeState edge;
  std::shared_ptr<RegistryStore> registry = std::make_shared<RegistryStore>();
  std::vector<std::string> log_lines;
  /// Whether plans of faults count, and reach, what is written to the registry too.
  bool has_registry_faults = false;
  /// Answers probes; empty: all are well.
  FakeProbe::Hook on_probe;
};

class LineSink final : public LogSink {
 public:
  explicit LineSink(std::vector<std::string>& lines) : lines_(lines) {}
  void write(LogLevel, std::string_view line) override { lines_.emplace_back(line); }

 private:
  std::vector<std::string>& lines_;
};

/// One run of the whole daemon on the simulated machine.
class SimDaemon {
 public:
  explicit SimDaemon(SimMachine& machine);

  FaultPlan plan;
  SimReactorView loop;
  SimOffload offload;
  std::unique_ptr<Registry> registry;
  FakeProcessSpawner spawner;
  FakeListenerFactory listeners;
  FaultyFileSystem files;
  FakeHostScan scan;
  FaultyHostScan faulty_scan;
  FaultyProcessSpawner faulty_spawner;
  FaultyListenerFactory faulty_listeners;
  FakeFdChannelFactory channels;
  HolderStore holder;
  FaultyDescriptorStore descriptors;
  SeededRandom random{7};
  LineSink sink;
  Log log;
  FakeAuthority authority;
  FakeEdgeProxy edge;
  FaultyEdgeProxy faulty_edge;
  FakeInspector inspector;
  FakeProbe probe;
  /// What instances told last; empty: nothing is known.
  std::function<LiveLoad()> load;
  std::unique_ptr<Daemon> daemon;
  bool is_started = false;
};

}  // namespace voicectl
