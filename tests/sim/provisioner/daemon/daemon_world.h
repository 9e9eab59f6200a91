// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "provisioner/daemon/daemon.h"
#include "provisioner/holder/holder_store.h"
#include "provisioner/model/desired_state_yaml.h"
#include "tests/support/edge/fake_edge.h"
#include "tests/support/edge/faulty_edge.h"
#include "tests/support/fake_fd_channel.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_holder.h"
#include "tests/support/fake_instance.h"
#include "tests/support/fake_listener_factory.h"
#include "tests/support/fake_log_pipe.h"
#include "tests/support/fake_process_spawner.h"
#include "tests/support/faulty.h"
#include "tests/support/matchers.h"
#include "tests/support/registry/memory_registry.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time

/// Makes certificates of a year, at once.
class FakeAuthority final : public CertificateSource {
 public:
  FakeAuthority(Reactor& reactor, const WallClock& wall) : reactor_(reactor), wall_(wall) {}
  void issue(CertificateRequest request, Completion<Certificate> done) override;

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
  FakeEdgeState edge;
  std::shared_ptr<RegistryStore> registry = std::make_shared<RegistryStore>();
  std::vector<std::string> log_lines;
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
  std::unique_ptr<Daemon> daemon;
  bool is_started = false;
};

/// What came of an apply, with every step's last state by its text.
struct Applied {
  bool is_finished = false;
  api::ApplyOutcome outcome;
  std::map<std::string, api::StepProgress> steps;
};

/// A machine with a daemon that can be killed and started again at will.
class DaemonWorld : public ::testing::Test {
 protected:
  DaemonWorld() {
    install(kProgram, "1.0 layout-1");
    start_daemon();
  }
  ~DaemonWorld() override { kill_daemon(); }

  /// Within `limit` it must be ready to answer.
  void start_daemon(Duration limit = 60s);
  /// Starts it with call `n` being its death. Whether it died.
  bool start_and_die(std::size_t n, KillPoint point);
  /// As SIGKILL does: nothing that the daemon's objects do while they die has an effect.
  void kill_daemon();

  /// The machine reboots: daemon, instances, edge and every listener are gone; the disk stays.
  void lose_the_machine();

  /// A platform with these tenants, restaurants all.
  static DesiredState platform_with(const std::vector<std::string>& tenants);
  Plan plan(const DesiredState& desired);
  /// Applies and lets everything come to rest.
  Applied apply(const DesiredState& desired);
  /// The five laws, as far as one moment shows them.
  void expect_converged(const DesiredState& desired);

  SimDaemon& daemon() { return *daemon_; }

  SimMachine machine;
  /// The file that the daemon is started with.
  static constexpr const char* kProgram = "/usr/lib/voicectl/voice-runtime";
  /// Puts another program at `path`; its fingerprint.
  std::string install(const std::string& path, const std::string& content);

 private:
  std::unique_ptr<SimDaemon> daemon_;
};

}  // namespace voicectl
