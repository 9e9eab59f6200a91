// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/os/posix_log_files.h"
#include "base/os/posix_process_spawner.h"
#include "base/os/system_clock.h"
#include "provisioner/instances/instance_manager.h"
#include "provisioner/instances/posix_log_pipe.h"
#include "provisioner/migrate/session_migrator.h"
#include "tests/integration/provisioner/migrate/relayed_channels.h"
#include "tests/integration/runtime/byte_peer.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/fake_descriptor_store.h"

namespace voicectl {

/// Two real voice-runtime processes, "one" and "two", with a daemon's hands on them and one tenant,
/// which "one" has at first.
class TwoInstances {
 public:
  TwoInstances();
  ~TwoInstances();
  TwoInstances(const TwoInstances&) = delete;
  TwoInstances& operator=(const TwoInstances&) = delete;

  static InstanceId one() { return *InstanceId::parse("one"); }
  static InstanceId two() { return *InstanceId::parse("two"); }

  /// Moves the tenant from where it is to the other one.
  MoveOutcome move();
  /// Begins the same; `outcome` is set when it is over.
  void begin_move(std::optional<MoveOutcome>& outcome);
  const InstanceId& home() const { return home_; }
  const InstanceId& other() const;
  ProcessIdentity process(const InstanceId& instance);
  void signal(const InstanceId& instance, int number);
  Status lend(const InstanceId& instance);
  /// Until it is ready, which it may have to become again.
  void await_ready(const InstanceId& instance);
  Status reclaim(const InstanceId& instance);
  /// See RelayedChannels: what the two say to each other passes through there.
  std::function<void(std::size_t number)>& on_message() { return relay_.on_message; }

  /// Has the instance wait for the tenant from whoever has the socket that is returned, instead of
  /// the other instance; `outcome` is set when that is over. The token is `last_token`.
  std::unique_ptr<FdChannel> pose_as_source(const InstanceId& instance,
                                            std::optional<Status>& outcome);

  bool run_until(const std::function<bool()>& condition) { return world.run_until(condition); }
  /// What the instance answers to GET at its admin address.
  std::string metrics(const InstanceId& instance);
  std::size_t descriptors_of(const InstanceId& instance);

  runtime::RuntimeFixture world;
  std::uint16_t port = 0;
  std::uint64_t last_token = 0;

 private:
  LendOptions lend_options(const InstanceId& instance);
  void start(const InstanceId& instance);

  TempDir dir_;
  TenantId tenant_ = *TenantId::parse("acme");
  PosixProcessSpawner spawner_{world.reactor(), world.reactor()};
  PosixListenerFactory listeners_;
  PosixFileSystem files_;
  PosixFdChannelFactory channels_{world.reactor(), world.reactor()};
  RelayedChannels relay_{channels_};
  PosixLogFiles log_files_;
  SystemWallClock wall_;
  PosixLogPipeFactory log_pipes_{world.reactor(), log_files_, wall_};
  SystemRandom random_;
  FakeKept kept_;
  FakeDescriptorStore store_{world.reactor(), kept_};
  ListenerBank bank_{listeners_, files_, store_};
  std::map<InstanceId, Port> admin_ports_;
  std::optional<InstanceManager> manager_;
  std::optional<SessionMigrator> migrator_;
  InstanceId home_ = one();
};

}  // namespace voicectl
