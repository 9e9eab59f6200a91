// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/units.h"
#include "monitor/load_window.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/model/snapshot.h"

namespace voicectl {

/// kOff: nothing is decided. kObserve: decisions are made and told, and nobody acts on them.
enum class PromotionMode { kOff, kObserve };
std::string_view name_of(PromotionMode mode);
/// ERRORS: kInvalidArgument.
Result<PromotionMode> parse_promotion_mode(std::string_view text);

/// How often load is sampled.
inline constexpr Duration kSampleInterval = std::chrono::seconds(5);

/// Two sides of a measure: busy at or above `high`, quiet at or below `low`.
struct LoadMarks {
  /// Live sessions of the tenant.
  std::uint32_t high_sessions = 20;
  std::uint32_t low_sessions = 5;
  /// Processor time of the tenant.
  MilliCpu high_cpu{500};
  MilliCpu low_cpu{100};
  friend bool operator==(const LoadMarks&, const LoadMarks&) = default;
};

/// When a tenant deserves an instance of its own, and when it no longer does.
struct PromotionPolicy {
  PromotionMode mode = PromotionMode::kOff;
  /// By price plan: who pays more is promoted earlier.
  LoadMarks starter{.high_sessions = 40, .low_sessions = 10, .high_cpu = {800}, .low_cpu = {200}};
  LoadMarks professional{
      .high_sessions = 25, .low_sessions = 6, .high_cpu = {600}, .low_cpu = {150}};
  LoadMarks enterprise{};
  /// How long a tenant must be busy before it is promoted: longer than a burst of callers.
  Duration high_dwell = std::chrono::seconds(60);
  /// How long it must be quiet before it is demoted: longer than a lull between two busy hours.
  Duration low_dwell = std::chrono::minutes(15);
  /// How long after a change of placement nothing is decided about a tenant.
  Duration cooldown = std::chrono::minutes(10);

  const LoadMarks& marks_for(PricePlan plan) const;
};

static_assert(2 * kSampleInterval < std::chrono::seconds(60),
              "one lost sample must not decide a promotion");

/// Whether the policy makes sense: every low mark below its high mark, lengths above 0.
/// ERRORS: kInvalidArgument.
Status check_policy(const PromotionPolicy& policy);

enum class PromotionKind { kPromote, kDemote };
std::string_view name_of(PromotionKind kind);

/// What the policy would have done with a tenant.
struct PromotionDecision {
  TenantId tenant;
  PromotionKind kind = PromotionKind::kPromote;
  /// The numbers that decided: "25 live sessions, at or above the high mark of 20 for 1m05s (dwell
  /// 1m00s)".
  std::string reason;
  friend bool operator==(const PromotionDecision&, const PromotionDecision&) = default;
};

/// All that a decision about one tenant depends on.
struct TenantSituation {
  TenantId tenant;
  Tier tier = Tier::kAuto;
  PricePlan plan = PricePlan::kStarter;
  /// Kind of the instance that serves it.
  InstanceKind placement = InstanceKind::kShared;
  /// When it last moved, if that was seen.
  std::optional<MonoTime> placed_at;
  const LoadWindow& sessions;
  /// MilliCpu.
  const LoadWindow& cpu;
};

/// Pure: the same values give the same decision. Nothing is decided about tenants whose tier says
/// where they run.
std::optional<PromotionDecision> decide_promotion(const PromotionPolicy& policy,
                                                  const TenantSituation& situation,
                                                  MonoTime now);

}  // namespace voicectl
