// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "provisioner/instances/instance_manager.h"
#include "tests/support/fake_descriptor_store.h"
#include "tests/support/fake_fd_channel.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_instance.h"
#include "tests/support/fake_listener_factory.h"
#include "tests/support/fake_log_pipe.h"
#include "tests/support/fake_process_spawner.h"
#include "tests/support/faulty.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time

inline InstanceId an_instance(const std::string& name) {
  return *InstanceId::parse(name);
}
inline TenantId a_tenant(const std::string& name) {
  return *TenantId::parse(name);
}
inline Port a_port(int number) {
  return *Port::make(number);
}

/// What stays when the daemon is killed.
struct Machine {
  SimReactor sim;
  FakeFileSystem files;
  FakeNetwork network{files};
  FakeProcesses processes{sim};
  FakeChannelHub hub{sim, &network};
  FakeInstances instances{sim, processes, hub, network};
  FakeLogPipes log_pipes;
  FakeKept kept;

  Machine() { (void)files.make_directory("/run/voicectl/tenants", kPrivateDirectory); }
};

/// One run of the daemon, as far as instances go. Its callbacks are written down.
class DaemonRun {
 public:
  DaemonRun(Machine& machine, std::uint64_t epoch, FaultPlan& plan)
      : loop(machine.sim),
        spawner(machine.processes),
        listeners(machine.network),
        faulty_files(machine.files, plan),
        faulty_spawner(spawner, plan),
        faulty_listeners(listeners, plan),
        channels(machine.hub),
        kept(loop, machine.kept),
        bank(faulty_listeners, faulty_files, kept),
        manager(InstanceManager::Deps{loop, faulty_spawner, faulty_listeners, bank, channels,
                                      faulty_files, machine.log_pipes, random},
                settings(epoch),
                callbacks()) {}

  static InstanceManager::Settings settings(std::uint64_t epoch) {
    InstanceManager::Settings settings;
    settings.launch.program = "/usr/lib/voicectl/voice-runtime";
    settings.paths = {"/run/voicectl", "/var/log/voicectl"};
    settings.epoch = Epoch{epoch};
    settings.restart.wait.jitter = 0;
    return settings;
  }

  InstanceCallbacks callbacks() {
    return {.on_ready =
                [this](const InstanceId& id, ReadyCause cause) {
                  told.push_back((cause == ReadyCause::kStarted ? "started " : "restarted ") +
                                 id.str());
                },
            .on_exit =
                [this](const InstanceId& id, const InstanceExit& exit) {
                  told.push_back(id.str() + " " +
                                 (exit.process ? exit.process->str() : "was not spawned") +
                                 ", next try " + when(exit.next_try));
                  waits.push_back(exit.next_try);
                },
            .on_failed = [this](const InstanceId& id,
                                const Error&) { told.push_back(id.str() + " failed"); },
            .on_standby =
                [this](const InstanceId& id, const Result<InstanceReady>& ready) {
                  told.push_back(id.str() + (ready.has_error() ? " has no other" : " has another"));
                }};
  }

  static std::string when(Duration wait) {
    return wait == Duration::zero() ? "at once" : "in " + format_duration(wait);
  }

  SimReactorView loop;
  FakeProcessSpawner spawner;
  FakeListenerFactory listeners;
  FaultyFileSystem faulty_files;
  FaultyProcessSpawner faulty_spawner;
  FaultyListenerFactory faulty_listeners;
  FakeFdChannelFactory channels;
  SeededRandom random{1};
  std::vector<std::string> told;
  std::vector<Duration> waits;
  FakeDescriptorStore kept;
  ListenerBank bank;
  InstanceManager manager;
};

/// A machine with a daemon that can be killed and started again.
class InstanceWorld : public ::testing::Test {
 protected:
  InstanceWorld() { start_daemon(); }

  void start_daemon() {
    plan_ = std::make_unique<FaultPlan>();
    daemon_ = std::make_unique<DaemonRun>(machine, ++epoch_, *plan_);
  }
  /// As SIGKILL does: nothing that the daemon's objects do while they die has an effect.
  void kill_daemon() {
    plan_->kill();
    daemon_->loop.kill();
    daemon_.reset();
  }

  DaemonRun& daemon() { return *daemon_; }
  InstanceManager& manager() { return daemon_->manager; }
  FaultPlan& plan() { return *plan_; }

  /// A receiver that keeps what it gets.
  template <typename T>
  static Completion<T> into(std::optional<Result<T>>& kept) {
    return [&kept](Result<T> result) {
      EXPECT_FALSE(kept.has_value()) << "answered twice";
      kept = std::move(result);
    };
  }

  static InstanceOptions shared(const std::string& name, int admin_port = 21900) {
    return InstanceOptions{an_instance(name), InstanceKind::kShared, a_port(admin_port),
                           FirstFailure::kForget};
  }

  /// Starts and waits until it is ready.
  void start_ready(const std::string& name, int admin_port = 21900) {
    std::optional<Result<InstanceReady>> ready;
    manager().start(shared(name, admin_port), into(ready));
    machine.sim.advance(1s);
    ASSERT_TRUE(ready.has_value());
    ASSERT_THAT(*ready, IsOk());
    daemon().told.clear();
  }

  /// Binds a tenant's listeners and lends it to an instance.
  void lend(const std::string& name,
            const std::string& tenant,
            std::uint64_t token = 1,
            int port = 21000) {
    const TenantId id = a_tenant(tenant);
    ASSERT_THAT(daemon().bank.bind(id, socket_of(tenant), SocketAccess{}, a_port(port)), IsOk());
    std::optional<Result<void>> lent;
    manager().lend(LendOptions{an_instance(name), id, Generation{7}, FencingToken{token},
                               "/etc/" + tenant, "/var/" + tenant, *daemon().bank.descriptors(id)},
                   into(lent));
    machine.sim.settle();
    ASSERT_TRUE(lent.has_value());
    ASSERT_THAT(*lent, IsOk());
  }
  static std::string socket_of(const std::string& tenant) {
    return "/run/voicectl/tenants/" + tenant + ".sock";
  }

  std::optional<InstanceView> view(const std::string& name) {
    for (InstanceView& seen : manager().observe()) {
      if (seen.instance.str() == name) {
        return std::move(seen);
      }
    }
    return std::nullopt;
  }
  InstanceState state(const std::string& name) {
    const std::optional<InstanceView> seen = view(name);
    return seen ? seen->state : InstanceState::kStopped;
  }

  AdoptReport adopt(std::vector<AdoptRecord> records) {
    std::optional<Result<AdoptReport>> report;
    manager().adopt(std::move(records), into(report));
    machine.sim.advance(30s);
    EXPECT_TRUE(report.has_value());
    EXPECT_THAT(*report, IsOk());
    return report && !report->has_error() ? **report : AdoptReport{};
  }
  static AdoptRecord record(const std::string& name, int admin_port = 21900) {
    return AdoptRecord{an_instance(name),
                       InstanceKind::kShared,
                       a_port(admin_port),
                       "",
                       {{a_tenant("mario-pizza"), places_of("mario-pizza", 21000)},
                        {a_tenant("acme"), places_of("acme", 21001)}}};
  }
  static ListenerPlaces places_of(const std::string& tenant, int port) {
    return places_of_listeners(socket_of(tenant), a_port(port));
  }

  bool has_folder(const std::string& name) {
    return machine.files.find("/run/voicectl/instances/" + name) != nullptr;
  }
  int signals_to(const ProcessIdentity& who, int number) {
    int count = 0;
    for (const FakeProcesses::Signal& sent : machine.processes.signals()) {
      count += sent == FakeProcesses::Signal{who, number} ? 1 : 0;
    }
    return count;
  }

  Machine machine;

 private:
  std::uint64_t epoch_ = 0;
  std::unique_ptr<FaultPlan> plan_;
  std::unique_ptr<DaemonRun> daemon_;
};

}  // namespace voicectl
