// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/os/reactor.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/daemon/reconcile_loop.h"
#include "provisioner/instances/instance_manager.h"

namespace voicectl {

/// What is waited for of a tenant.
enum class TenantCondition {
  kReady,     ///< an instance that is ready serves it
  kPromoted,  ///< and no other tenant
  kPooled,    ///< ready, and in the pool
  kDeleted,   ///< nothing of it is recorded or desired
  kApplied,   ///< ready, as it is desired now
};
std::optional<TenantCondition> tenant_condition_named(std::string_view name);

/// How often a wait looks although nothing was told.
inline constexpr std::chrono::seconds kLookAgain{1};

/// What a wait looks at. All must outlive it.
struct TenantSight {
  Reactor& reactor;
  const ReconcileLoop& loop;
  RecordedState& recorded;
  InstanceManager& instances;
  EventLog& events;
};

/// Why the condition does not hold now; nullopt if it does.
std::optional<std::string> why_not_yet(const TenantSight& sight,
                                       const TenantId& tenant,
                                       TenantCondition condition);

/// Waits for something to hold of one tenant, by looking again whenever something has changed.
///
/// THREADS: loop thread only. Lives until it has told, or `stop`.
class TenantWait : public std::enable_shared_from_this<TenantWait> {
 public:
  /// Gets nullopt once it holds, or after `patience` why it does not.
  using OnEnd = std::function<void(const std::optional<std::string>& why_not)>;

  static std::shared_ptr<TenantWait> begin(const TenantSight& sight,
                                           const TenantId& tenant,
                                           TenantCondition condition,
                                           Duration patience,
                                           OnEnd on_end);
  /// Nobody is to be told any more.
  void stop();

 private:
  TenantWait(const TenantSight& sight, TenantId tenant, TenantCondition condition, OnEnd on_end)
      : sight_(sight),
        tenant_(std::move(tenant)),
        condition_(condition),
        on_end_(std::move(on_end)) {}
  /// What a restarted instance is lent again is neither recorded nor an event.
  void look_now_and_then();
  /// Once in each turn in which something has changed.
  void look_soon();
  void look();
  void end(const std::optional<std::string>& why_not);

  TenantSight sight_;
  TenantId tenant_;
  TenantCondition condition_;
  OnEnd on_end_;
  std::optional<FollowerId> events_;
  std::optional<WatcherId> records_;
  bool is_looking_ = false;
};

}  // namespace voicectl
