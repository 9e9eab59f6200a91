// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/os/process_spawner.h"
#include "base/result.h"
#include "base/shared_copy.h"
#include "base/units.h"
#include "provisioner/instances/instance_fsm.h"
#include "provisioner/instances/listeners.h"
#include "provisioner/model/snapshot.h"
#include "runtime/handoff/protocol.h"

namespace voicectl {

/// What becomes of an instance whose very first start fails.
enum class FirstFailure {
  kForget,     ///< ended, cleaned away and forgotten: the caller decides
  kKeepTrying  ///< restarted by policy like one that had been ready: for what is recorded already
};

struct InstanceOptions {
  InstanceId instance;
  InstanceKind kind = InstanceKind::kShared;
  /// Port of its health and metrics on 127.0.0.1.
  Port admin_port;
  FirstFailure first_failure = FirstFailure::kForget;
  /// Program that it runs, now and after each restart; empty: that of the launch template.
  std::string program{};
};

struct InstanceReady {
  ProcessIdentity process;
  /// Version that the program says it has.
  std::string version;
  /// From spawn to ready; zero if it was ready already.
  Duration took{};
};

struct LendOptions {
  InstanceId instance;
  TenantId tenant;
  Generation generation;
  FencingToken token;
  /// The tenant's configuration file, readable by the instance.
  std::string config_path;
  /// The tenant's folder, writable by the instance.
  std::string data_dir;
  /// From ListenerBank::descriptors; duplicated at once.
  ListenerDescriptors listeners;
};

/// How long the two instances of a hand-over may take beyond the patience with requests. Longer
/// than their own bounds (runtime/handoff/handoff_source.h) together.
inline constexpr Duration kHandOverGrace = std::chrono::seconds(25);

/// Told how far a hand-over is, in a turn of its own.
using OnHandOverProgress = std::function<void(const handoff::HandOverProgress& progress)>;

/// A tenant as lent to an instance.
struct LentTenant {
  Generation generation;
  FencingToken token;
  /// Of the sockets that it accepts on (ListenerDescriptors); 0 for ones that nobody comes to.
  std::uint64_t binding = 0;
  /// The instance says so, and nobody has recorded it (AdoptRecord::tenants).
  bool is_only_claimed = false;
  friend bool operator==(const LentTenant&, const LentTenant&) = default;
};

/// Tenants of an instance, by name. To look at all instances copies no tenant.
using LentTenants = SharedCopy<std::map<TenantId, LentTenant>>;

struct InstanceView {
  InstanceId instance;
  InstanceKind kind = InstanceKind::kShared;
  InstanceState state = InstanceState::kStopped;
  /// Running process, if there is one.
  std::optional<ProcessIdentity> process;
  Port admin_port;
  /// Starts again after an end nobody asked for, in this run of the daemon.
  int restarts = 0;
  /// In `state` since then.
  MonoTime since{};
  /// When `process` began, also if an earlier daemon started it.
  std::optional<MonoTime> process_began;
  LentTenants tenants;
  /// Empty until it was ready once.
  std::string version;
  std::optional<ProcessExit> last_exit;
  /// Why the last start failed or the last process was killed.
  std::optional<Error> last_error;
  /// It was found not to answer (InstanceManager::doubt): nothing should be begun with it that it
  /// has to take part in.
  bool is_mute = false;
  /// A process that waits to take the place of `process`, or is started for that.
  std::optional<ProcessIdentity> standby{};
};

/// What is to be done about an instance that does not answer.
enum class Doubt {
  kReplace,  ///< a process is started beside it, to take its place if it is given up
  kTell,     ///< it stays as it is, for whoever looks at it
};

enum class ReadyCause {
  kStarted,    ///< a start that was asked for
  kRestarted,  ///< it had ended by itself: it has none of its tenants any more
};

/// An end that nobody asked for.
struct InstanceExit {
  /// How its process ended; nullopt if there was none to end (its spawn went wrong).
  std::optional<ProcessExit> process;
  /// Without what it wrote: that is in its log.
  Error why;
  /// Wait before it is started again.
  Duration next_try{};
  /// Number of that restart in the present series, from 1.
  int attempt = 1;
};

/// What a tenant's instance could go on with of what the one before, which died, had left open.
struct RecoveredConnections {
  std::int64_t kept = 0;
  /// Closed because their state was not certain; as JSON, how many for which reason.
  std::string doubtful = "{}";
};

/// What the manager tells by itself, each in a turn of its own. Any may be empty.
struct InstanceCallbacks {
  /// Ready with no tenants: lend it its own.
  std::function<void(const InstanceId&, ReadyCause)> on_ready;
  /// Ended without being asked; it will be started again.
  std::function<void(const InstanceId&, const InstanceExit&)> on_exit;
  /// Given up: a person should look. Tried again when started, or after a long wait.
  std::function<void(const InstanceId&, const Error& why)> on_failed;
  /// It was lent a tenant and found connections. May be empty.
  std::function<void(const InstanceId&, const TenantId&, const RecoveredConnections&)>
      on_recovered = {};
  /// A process that was started to take its place is ready, or why there is none (any more). May be
  /// empty.
  std::function<void(const InstanceId&, const Result<InstanceReady>&)> on_standby = {};
};

/// An instance that the records say should run.
struct AdoptRecord {
  InstanceId instance;
  InstanceKind kind = InstanceKind::kShared;
  Port admin_port;
  /// Program that it is started with again; empty: that of the launch template.
  std::string program{};
  /// The tenants that it may have, with where their listeners are: those that are recorded there,
  /// and those that the earlier run was moving there or away. An instance may be taken over by a
  /// stranger: what else it says to have gets no connections that others kept, and no listener that
  /// it gives for it is taken.
  std::map<TenantId, ListenerPlaces> tenants{};
};

/// A tenant that a running instance says to have. Its listeners came back into the ListenerBank if
/// nobody held them and they are where they should be.
struct RegainedTenant {
  TenantId tenant;
  InstanceId instance;
  Generation generation;
  FencingToken token;
  /// See LentTenant.
  bool is_only_claimed = false;
};

/// The tokens that a run of the daemon gives out are above this one, and those of the runs before
/// are below it.
inline FencingToken first_token_of(Epoch epoch) {
  constexpr int kBitsOfARun = 32;
  return FencingToken{epoch.value << kBitsOfARun};
}

/// A running process that is neither ours to end nor ours to keep.
struct LeftAlone {
  InstanceId instance;
  Error why;
};

struct AdoptReport {
  /// Running, and supervised from now on.
  std::vector<InstanceId> adopted;
  /// Recorded but not running (gone, or hung and killed): start them.
  std::vector<InstanceId> lost;
  /// Found without a record and ended.
  std::vector<InstanceId> ended;
  /// One for each tenant and instance. A tenant stands here twice if a move was cut in half: the
  /// higher token is the younger lease.
  std::vector<RegainedTenant> regained;
  std::vector<LeftAlone> left_alone;
};

}  // namespace voicectl
