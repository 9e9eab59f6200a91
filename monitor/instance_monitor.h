// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/units.h"
#include "monitor/load_source.h"
#include "monitor/load_window.h"
#include "monitor/promotion_policy.h"
#include "provisioner/model/snapshot.h"

namespace voicectl {

/// What an instance tells about one of its tenants (request `stats` of the control channel).
struct TenantStats {
  TenantId tenant;
  std::uint64_t sessions = 0;
  std::uint64_t connections = 0;
  std::uint64_t websockets = 0;
  /// Since the instance took the tenant.
  std::uint64_t requests_total = 0;
  std::uint64_t tool_calls_total = 0;
};

/// One look at one instance.
struct InstanceReport {
  InstanceId instance;
  /// Absent when its process could not be looked at.
  std::optional<ProcessUsage> usage;
  std::vector<TenantStats> tenants;
};

/// An instance as last seen.
struct ObservedInstanceLoad {
  MonoTime at;
  /// Absent until it was seen twice.
  std::optional<MilliCpu> cpu;
  std::optional<MilliCpu> mean_cpu;  ///< over kShownSpan
  std::optional<ProcessUsage> usage;
  std::uint64_t sessions = 0;
};

/// A tenant as last seen.
struct ObservedTenantLoad {
  MonoTime at;
  InstanceId instance;
  TenantStats stats;
  /// Estimated: its share of what its instance used, by requests (by sessions when there were
  /// none).
  std::optional<MilliCpu> cpu;
  /// Absent until it was seen twice.
  std::optional<double> requests_per_s;
  std::optional<double> mean_sessions;  ///< over kShownSpan
  std::optional<double> max_sessions;   ///< over kShownSpan
};

/// Span of the means and maxima that people see.
inline constexpr Duration kShownSpan = std::chrono::minutes(1);

/// How long a move that did not come about is not tried again: then twice as long, and so on.
inline constexpr BackoffPolicy kMoveRetry{.first = std::chrono::minutes(1),
                                          .cap = std::chrono::minutes(15)};

/// Keeps the recent load of instances and tenants, shows it, and judges who should be promoted or
/// demoted. It looks at nothing by itself and acts on nothing; who acts says so here.
///
/// THREADS: loop thread only.
class InstanceMonitor {
 public:
  /// REQUIRES: check_policy(policy) is success.
  explicit InstanceMonitor(PromotionPolicy policy = {}, WindowLimits limits = {});

  /// REQUIRES: check_policy(policy) is success.
  void set_policy(const PromotionPolicy& policy);

  /// Takes what was seen of one instance.
  void ingest(MonoTime now, const InstanceReport& report);

  /// Drops what was not seen for `age`: instances and tenants that are gone.
  void forget_older_than(MonoTime now, Duration age);

  const std::map<InstanceId, ObservedInstanceLoad>& instances() const { return instance_loads_; }
  const std::map<TenantId, ObservedTenantLoad>& tenants() const { return tenant_loads_; }

  /// What is decided now about every tenant that is placed, in the order of their names. `recorded`
  /// says who is placed where. A tenant that is on its way is left out until it was seen there.
  std::vector<PromotionDecision> judge(MonoTime now, const Snapshot& recorded) const;

  /// Those with a move that hold now and did not when this was last asked: each is told once.
  std::vector<PromotionDecision> news(MonoTime now, const Snapshot& recorded);

  /// Somebody begins to move it, or tries again. Until it was seen in another instance, it is not
  /// judged for the time of kMoveRetry.
  void note_attempt(MonoTime now, const TenantId& tenant);

  /// Tenants that are not where the monitor wishes them, and may be tried again.
  std::vector<TenantId> stranded(MonoTime now, const Snapshot& recorded) const;

  const PromotionPolicy& policy() const { return policy_; }

 private:
  struct Attempt {
    int count = 0;
    MonoTime not_before;
  };
  struct InstanceHistory {
    MonoTime at;
    std::optional<ProcessUsage> usage;
    LoadWindow cpu;
  };
  struct TenantHistory {
    InstanceId instance;
    std::optional<MonoTime> placed_at;
    std::uint64_t requests_total = 0;
    /// When that was told.
    std::optional<MonoTime> at;
    LoadWindow sessions;
    LoadWindow cpu;
  };
  std::optional<MilliCpu> take_usage(MonoTime now, const InstanceReport& report);
  /// Which part of an instance's work each tenant caused, 0 to 1.
  std::map<TenantId, double> shares(const InstanceReport& report) const;
  void take_tenant(MonoTime now,
                   const InstanceId& instance,
                   const TenantStats& stats,
                   std::optional<MilliCpu> cpu);

  /// Null: nothing was seen of it there, or it is not placed.
  const TenantHistory* history_of(const RecordedTenant& record) const;
  std::size_t recent_moves(MonoTime now) const;

  PromotionPolicy policy_;
  WindowLimits limits_;
  std::map<InstanceId, InstanceHistory> instances_;
  std::map<TenantId, TenantHistory> tenants_;
  std::map<InstanceId, ObservedInstanceLoad> instance_loads_;
  std::map<TenantId, ObservedTenantLoad> tenant_loads_;
  std::map<TenantId, PromotionKind> told_;
  std::map<TenantId, Attempt> attempts_;
  /// When moves were begun, oldest first; those of the last minute.
  std::deque<MonoTime> moves_;
};

}  // namespace voicectl
