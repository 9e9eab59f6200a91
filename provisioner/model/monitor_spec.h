// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/units.h"

namespace voicectl {

enum class PricePlan;

/// kOff: load is shown and nothing is decided. kObserve: decisions are made and told, and nobody
/// acts on them. kOn: they are carried out.
enum class PromotionMode { kOff, kObserve, kOn };
std::string_view name_of(PromotionMode mode);

/// Longest dwell. The monitor keeps every sample of it, of every tenant.
inline constexpr std::chrono::hours kLongestDwell{6};

/// Marks of a measure that a policy may look at and by itself does not.
struct ExtraMarks {
  std::uint32_t high = 0;
  std::uint32_t low = 0;
  friend bool operator==(const ExtraMarks&, const ExtraMarks&) = default;
};

/// Two sides of a measure: busy at or above `high`, quiet at or below `low`.
struct LoadMarks {
  /// Live sessions of the tenant.
  std::uint32_t high_sessions = 20;
  std::uint32_t low_sessions = 5;
  /// Processor time of the tenant.
  MilliCpu high_cpu{500};
  MilliCpu low_cpu{100};
  /// Milliseconds within which 99 of 100 requests of the last minute were answered. A slow backend
  /// of the tenant's own counts too, and an instance of its own does not make that faster.
  std::optional<ExtraMarks> p99_ms{};
  /// Requests that are being answered at a time.
  std::optional<ExtraMarks> in_flight{};
  /// How long a tenant must be busy before it is promoted: longer than a burst of callers. 0: at
  /// the first sample at a mark.
  std::chrono::seconds high_dwell{60};
  friend bool operator==(const LoadMarks&, const LoadMarks&) = default;
};

/// When tenants are moved within the pool because its instances are unevenly loaded.
struct BalancePolicy {
  /// By so much processor time must the busiest shared instance exceed the idlest; 0: nobody is
  /// moved. A move is worth its pause only if it takes much along.
  MilliCpu spread{300};
  /// For how long: longer than a burst of callers of one tenant.
  std::chrono::seconds dwell{300};
  friend bool operator==(const BalancePolicy&, const BalancePolicy&) = default;
};

/// What of the host is kept free for the shared pool. A promotion costs a process, so none is made
/// that would leave less; 0: nothing is kept.
struct PoolReserve {
  Bytes memory{std::uint64_t{256} << 20};
  /// Processors that nobody uses. None by default: a tenant that is kept in the pool because the
  /// host is busy makes the pool busier.
  MilliCpu cpu{0};
  friend bool operator==(const PoolReserve&, const PoolReserve&) = default;
};

/// When a tenant of tier auto deserves an instance of its own, when it no longer does, and how many
/// may have one.
struct PromotionPolicy {
  PromotionMode mode = PromotionMode::kOn;
  /// By price plan: who pays more is promoted earlier.
  LoadMarks starter{.high_sessions = 40, .low_sessions = 10, .high_cpu = {800}, .low_cpu = {200}};
  LoadMarks professional{
      .high_sessions = 25, .low_sessions = 6, .high_cpu = {600}, .low_cpu = {150}};
  LoadMarks enterprise{.high_dwell = std::chrono::seconds(10)};
  /// How long it must be quiet before it is demoted: longer than a lull between two busy hours.
  std::chrono::seconds low_dwell{900};
  /// How long after a change of placement nothing is decided about a tenant.
  std::chrono::seconds cooldown{600};
  /// Tenants that may be promoted at a time: each costs the host a process. Those of tier
  /// dedicated are not counted, they were asked for.
  std::uint32_t max_promoted = 8;
  /// Moves begun within a minute, within the pool too: each makes both instances busy for a moment.
  std::uint32_t moves_per_minute = 4;
  BalancePolicy balance{};
  /// Instances that are kept running without a tenant, for whoever is promoted next: it does not
  /// wait for a process to start then. They count against max_promoted.
  std::uint32_t spare = 0;
  PoolReserve reserve{};

  const LoadMarks& marks_for(PricePlan plan) const;
  friend bool operator==(const PromotionPolicy&, const PromotionPolicy&) = default;
};

/// How an instance that does not answer any more is recognised.
struct LivenessSpec {
  /// Between heartbeats; an answer may take nine tenths of it.
  std::chrono::seconds interval{5};
  /// So many missed in a row, and it is taken to hang. Two could be one long wait for a processor.
  std::uint32_t misses = 3;
  /// Whether it is killed and started again then; else that it hangs is only told.
  bool replaces = true;
  /// From its start until an instance must be ready, whenever one is started.
  std::chrono::seconds start_timeout{15};
  friend bool operator==(const LivenessSpec&, const LivenessSpec&) = default;
};

/// How tenants are asked through the edge whether they answer.
struct EdgeProbeSpec {
  /// Between two questions to one tenant that is well.
  std::chrono::seconds interval{60};
  /// So many in a row, and it counts as unreachable. One may be the moment in which it moved.
  std::uint32_t misses = 3;
  std::chrono::seconds timeout{5};
  friend bool operator==(const EdgeProbeSpec&, const EdgeProbeSpec&) = default;
};

/// The longest of its dwells.
std::chrono::seconds longest_dwell(const PromotionPolicy& policy);

/// Whether the policy makes sense: every low mark below its high mark, dwells up to
/// kLongestDwell, and those before a demotion and a rebalance above 0.
/// ERRORS: kInvalidArgument.
Status check_policy(const PromotionPolicy& policy);

}  // namespace voicectl
