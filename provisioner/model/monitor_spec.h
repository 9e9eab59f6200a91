// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/units.h"

namespace voicectl {

enum class PricePlan;

/// kOff: load is shown and nothing is decided. kObserve: decisions are made and told, and nobody
/// acts on them. kOn: they are carried out.
enum class PromotionMode { kOff, kObserve, kOn };
std::string_view name_of(PromotionMode mode);

/// Two sides of a measure: busy at or above `high`, quiet at or below `low`.
struct LoadMarks {
  /// Live sessions of the tenant.
  std::uint32_t high_sessions = 20;
  std::uint32_t low_sessions = 5;
  /// Processor time of the tenant.
  MilliCpu high_cpu{500};
  MilliCpu low_cpu{100};
  /// How long a tenant must be busy before it is promoted: longer than a burst of callers.
  std::chrono::seconds high_dwell{60};
  friend bool operator==(const LoadMarks&, const LoadMarks&) = default;
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
  /// Promotions and demotions begun within a minute: each makes both instances busy for a moment.
  std::uint32_t moves_per_minute = 4;

  const LoadMarks& marks_for(PricePlan plan) const;
  friend bool operator==(const PromotionPolicy&, const PromotionPolicy&) = default;
};

/// Whether the policy makes sense: every low mark below its high mark, dwells above 0.
/// ERRORS: kInvalidArgument.
Status check_policy(const PromotionPolicy& policy);

}  // namespace voicectl
