// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/metrics_text.h"
#include "base/units.h"
#include "monitor/host_room.h"
#include "monitor/load_report.h"
#include "monitor/load_window.h"
#include "monitor/pool_balance.h"
#include "monitor/promotion_policy.h"
#include "monitor/recent_latency.h"
#include "monitor/steady_value.h"
#include "provisioner/model/snapshot.h"

namespace voicectl {

/// An instance as last seen.
struct ObservedInstanceLoad {
  MonoTime at;
  /// Absent until it was seen twice.
  std::optional<MilliCpu> cpu;
  std::optional<MilliCpu> mean_cpu;  ///< over kShownSpan
  std::optional<ProcessUsage> usage;
  std::uint64_t sessions = 0;
  /// The longest between the last two looks.
  std::optional<std::uint64_t> loop_lag_us{};
  /// How late its loop was, since it was first seen.
  LatencyTotals loop_lag{};
  std::size_t tenants = 0;
};

/// A tenant as last seen.
struct ObservedTenantLoad {
  MonoTime at;
  InstanceId instance;
  TenantStats stats;
  /// As its instance counts; where that does not, its share of what the instance used, by requests
  /// (by sessions when there were none).
  std::optional<MilliCpu> cpu;
  /// Absent until it was seen twice.
  std::optional<double> requests_per_s;
  std::optional<double> mean_sessions;  ///< over kShownSpan
  std::optional<double> max_sessions;   ///< over kShownSpan
  /// Of the requests of about the last minute; absent if there were none.
  std::optional<LatencyHistogram> latency{};
  std::optional<double> received_per_s{};
  std::optional<double> sent_per_s{};
  /// Of all requests since it was first seen, wherever it ran.
  LatencyTotals all_latency{};
  /// Processor time over kSteadySpan, as SteadyValue holds it.
  std::optional<MilliCpu> steady_cpu{};
  /// Since the last look; absent until it was seen twice. What it did in an instance that it left
  /// since then is not known but for requests and events, which it takes along.
  std::optional<TenantGain> gained{};
  /// Absent until it was seen twice.
  std::optional<double> events_per_s{};
};

/// Span of what placements are decided with.
inline constexpr Duration kSteadySpan = std::chrono::minutes(5);

/// Span of the means and maxima that people see.
inline constexpr Duration kShownSpan = std::chrono::minutes(1);

/// How long a move that did not come about is not tried again: then twice as long, and so on.
inline constexpr BackoffPolicy kMoveRetry{.first = std::chrono::minutes(1),
                                          .cap = std::chrono::minutes(15)};

/// What a tenant was to be moved for: to an instance of another kind (or out of one), or within the
/// pool.
enum class Attempted { kKind, kPool };

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

  /// Looks that were taken so far.
  std::uint64_t samples() const { return samples_; }

  /// Drops what was not seen for `age`: instances and tenants that are gone.
  void forget_older_than(MonoTime now, Duration age);

  const std::map<InstanceId, ObservedInstanceLoad>& instances() const { return instance_loads_; }
  const std::map<TenantId, ObservedTenantLoad>& tenants() const { return tenant_loads_; }
  /// When it was last looked at; known for longer than what was seen then.
  std::optional<MonoTime> looked_at(const InstanceId& instance) const;

  /// What is decided now about every tenant that is placed, in the order of their names. `recorded`
  /// says who is placed where. A tenant that is on its way is left out until it was seen there.
  std::vector<PromotionDecision> judge(MonoTime now, const Snapshot& recorded) const;
  /// Those of them that are to be moved now, in the order in which they are to be. What is asked
  /// every few seconds about everybody: reasons are put into words for these alone. Who carries
  /// the first of them out asks again for the next: a promotion must not count on a demotion that
  /// is not done. `ask_room` may be empty: nothing is known of the host then.
  std::vector<PromotionDecision> movers(MonoTime now,
                                        const Snapshot& recorded,
                                        const AskRoom& ask_room = {}) const;

  /// Those with a move that hold now and did not when this was last asked: each is told once.
  std::vector<PromotionDecision> news(MonoTime now,
                                      const Snapshot& recorded,
                                      const AskRoom& ask_room = {});

  /// What `judge` is to know of the host, for a short while.
  void note_room(MonoTime now, const HostRoom& room);

  /// It was promoted or demoted then, by a monitor before this one: its cooldown goes on.
  void recall_move(const TenantId& tenant, MonoTime at);

  /// Somebody begins to move it, or tries again. Until it was seen where it was to go, no move of
  /// that sort is decided about it for the time of kMoveRetry.
  void note_attempt(MonoTime now, const TenantId& tenant, Attempted what = Attempted::kKind);

  /// Tenants that are not where the monitor wishes them, and may be tried again.
  std::vector<TenantId> stranded(MonoTime now, const Snapshot& recorded) const;

  const PromotionPolicy& policy() const { return policy_; }

  /// Notes how unevenly the pool is loaded now: once for each round of samples.
  void note_pool(MonoTime now, const Snapshot& recorded);
  /// The tenant that is to be moved within the pool now, if one is; never in mode off, nor beyond
  /// the pace, nor while programs are replaced: an even load is not worth a move onto one that has
  /// not proven itself. The busiest must have exceeded the idlest for the whole dwell, whichever
  /// that was. It looks at instances that were seen a short while ago, and leaves alone who moved
  /// or was tried a short while ago, or was at a mark for a promotion.
  std::optional<BalanceMove> balance(MonoTime now, const Snapshot& recorded) const;
  /// By how much the busiest shared instance exceeds the idlest, in thousandths of a processor.
  std::optional<double> pool_spread() const { return pool_spread_; }

 private:
  struct Attempt {
    int count = 0;
    MonoTime not_before;
  };
  struct InstanceHistory {
    MonoTime at;
    std::optional<ProcessUsage> usage;
    LoadWindow cpu;
    LatencyTotals loop_lag{};
  };
  /// Outlives what was measured, for as long as it matters.
  struct SeenPlacement {
    InstanceId instance;
    InstanceKind kind;
    /// When it was seen there last.
    MonoTime at;
    /// When it came there from another instance, and from one of another kind.
    std::optional<MonoTime> placed_at{};
    std::optional<MonoTime> kind_changed_at{};
  };
  struct TenantHistory {
    InstanceId instance;
    /// What was told last, and when.
    TenantStats stats;
    std::optional<MonoTime> at;
    LoadWindows load;
    RecentLatency latency;
    LatencyTotals all_latency{};
    SteadyValue steady_cpu{kLittleCpu};
  };
  /// Changes of less are not worth another placement.
  static constexpr double kLittleCpu = 25;

  std::optional<MilliCpu> take_usage(MonoTime now, const InstanceReport& report);
  /// Which part of an instance's work each tenant caused, 0 to 1.
  std::map<TenantId, double> shares(const InstanceReport& report) const;
  /// `share` of what the instance used stands for what it does not count.
  void take_tenant(MonoTime now,
                   const InstanceReport& report,
                   const TenantStats& stats,
                   std::optional<MilliCpu> share);

  void note_placement(MonoTime now, const InstanceReport& report, const TenantId& tenant);
  std::optional<MonoTime> recalled(const TenantId& tenant) const;
  std::optional<MonoTime> kind_changed_at(const TenantId& tenant) const;
  /// So that the longest dwell of the policy fits.
  void size_windows();

  /// Null: nothing was seen of it there, or it is not placed.
  const TenantHistory* history_of(const RecordedTenant& record) const;
  std::size_t recent_moves(MonoTime now) const;
  enum class Told { kEverybody, kMovers };
  std::vector<PromotionDecision> decide(MonoTime now,
                                        const Snapshot& recorded,
                                        Told told,
                                        const AskRoom& ask_room) const;
  /// Whether anybody would be promoted, and something of the host is kept.
  bool is_room_needed(const std::vector<PromotionDecision>& decisions) const;
  /// What the smallest instance takes: a new one is taken to need as much.
  Bytes least_process() const;
  /// It is left where it is for a while.
  bool rests(MonoTime now, const TenantId& tenant) const;
  std::vector<InstanceId> pool_of(MonoTime now, const Snapshot& recorded) const;
  std::vector<PoolTenant> tenants_of_pool(MonoTime now, const Snapshot& recorded) const;

  PromotionPolicy policy_;
  std::size_t least_points_;
  WindowLimits limits_;
  std::uint64_t samples_ = 0;
  /// By how much each shared instance exceeded the idlest.
  std::map<InstanceId, LoadWindow> excess_;
  std::optional<double> pool_spread_;
  std::map<InstanceId, InstanceHistory> instances_;
  std::map<TenantId, TenantHistory> tenants_;
  std::map<InstanceId, MonoTime> looked_at_;
  std::map<InstanceId, ObservedInstanceLoad> instance_loads_;
  std::map<TenantId, ObservedTenantLoad> tenant_loads_;
  std::map<TenantId, PromotionKind> told_;
  std::map<TenantId, SeenPlacement> placements_;
  std::map<TenantId, MonoTime> recalled_;
  /// What was last seen of the host, and when.
  std::optional<std::pair<MonoTime, HostRoom>> room_;
  std::map<TenantId, Attempt> attempts_;
  std::map<TenantId, Attempt> balance_attempts_;
  /// When moves were begun, oldest first; those of the last minute.
  std::deque<MonoTime> moves_;
};

}  // namespace voicectl
