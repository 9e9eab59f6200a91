// SPDX-License-Identifier: Apache-2.0
#include "monitor/promotion_policy.h"

#include <fmt/core.h>

namespace voicectl {
namespace {

/// One measure of a tenant against its two marks.
struct Measure {
  const LoadWindow& window;
  double high;
  double low;
  std::string_view what;
};

Measure sessions_of(const TenantSituation& situation, const LoadMarks& marks) {
  return {situation.sessions, static_cast<double>(marks.high_sessions),
          static_cast<double>(marks.low_sessions), "live sessions"};
}

Measure cpu_of(const TenantSituation& situation, const LoadMarks& marks) {
  return {situation.cpu, static_cast<double>(marks.high_cpu.count),
          static_cast<double>(marks.low_cpu.count), "mCPU"};
}

std::string busy_reason(const Measure& measure, Duration held, Duration dwell) {
  return fmt::format("{:.0f} {}, at or above the high mark of {:.0f} for {} (dwell {})",
                     measure.window.latest()->value, measure.what, measure.high,
                     format_duration(held), format_duration(dwell));
}

std::string quiet_reason(const Measure& measure, Duration held, Duration dwell) {
  return fmt::format("{:.0f} {}, at or below the low mark of {:.0f} for {} (dwell {})",
                     measure.window.latest()->value, measure.what, measure.low,
                     format_duration(held), format_duration(dwell));
}

/// Either measure is enough: a tenant that takes too much of one thing crowds out the others.
std::optional<std::string> reason_to_promote(const PromotionPolicy& policy,
                                             const TenantSituation& situation,
                                             MonoTime now) {
  const LoadMarks& marks = policy.marks_for(situation.plan);
  for (const Measure& measure : {sessions_of(situation, marks), cpu_of(situation, marks)}) {
    const auto held = measure.window.held_at_or_above(measure.high, now);
    if (held && *held >= policy.high_dwell) {
      return busy_reason(measure, *held, policy.high_dwell);
    }
  }
  return std::nullopt;
}

/// Both must be quiet: one alone says nothing about the other.
std::optional<std::string> reason_to_demote(const PromotionPolicy& policy,
                                            const TenantSituation& situation,
                                            MonoTime now) {
  const LoadMarks& marks = policy.marks_for(situation.plan);
  std::string reason;
  for (const Measure& measure : {sessions_of(situation, marks), cpu_of(situation, marks)}) {
    const auto held = measure.window.held_at_or_below(measure.low, now);
    if (!held || *held < policy.low_dwell) {
      return std::nullopt;
    }
    reason += (reason.empty() ? "" : "; ") + quiet_reason(measure, *held, policy.low_dwell);
  }
  return reason;
}

Status check_marks(std::string_view plan, const LoadMarks& marks) {
  if (marks.low_sessions >= marks.high_sessions || marks.low_cpu >= marks.high_cpu) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot use the promotion policy: each low mark of plan '{}' must be "
                             "below its high mark",
                             plan));
  }
  return ok_status();
}

}  // namespace

std::string_view name_of(PromotionMode mode) {
  switch (mode) {
    case PromotionMode::kOff:
      return "off";
    case PromotionMode::kObserve:
      break;
  }
  return "observe";
}

Result<PromotionMode> parse_promotion_mode(std::string_view text) {
  for (const PromotionMode mode : {PromotionMode::kOff, PromotionMode::kObserve}) {
    if (name_of(mode) == text) {
      return mode;
    }
  }
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot use '{}' as promotion mode: it must be off or observe", text));
}

std::string_view name_of(PromotionKind kind) {
  switch (kind) {
    case PromotionKind::kPromote:
      return "promote";
    case PromotionKind::kDemote:
      break;
  }
  return "demote";
}

const LoadMarks& PromotionPolicy::marks_for(PricePlan plan) const {
  switch (plan) {
    case PricePlan::kStarter:
      return starter;
    case PricePlan::kProfessional:
      return professional;
    case PricePlan::kEnterprise:
      break;
  }
  return enterprise;
}

Status check_policy(const PromotionPolicy& policy) {
  for (const PricePlan plan :
       {PricePlan::kStarter, PricePlan::kProfessional, PricePlan::kEnterprise}) {
    VC_TRY(check_marks(name_of(plan), policy.marks_for(plan)));
  }
  if (policy.high_dwell <= Duration::zero() || policy.low_dwell <= Duration::zero() ||
      policy.cooldown < Duration::zero()) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot use the promotion policy: both dwells must be above 0");
  }
  return ok_status();
}

std::optional<PromotionDecision> decide_promotion(const PromotionPolicy& policy,
                                                  const TenantSituation& situation,
                                                  MonoTime now) {
  const bool cooling = situation.placed_at && now - *situation.placed_at < policy.cooldown;
  if (policy.mode == PromotionMode::kOff || situation.tier != Tier::kAuto || cooling) {
    return std::nullopt;
  }
  const bool shared = situation.placement == InstanceKind::kShared;
  auto reason =
      shared ? reason_to_promote(policy, situation, now) : reason_to_demote(policy, situation, now);
  if (!reason) {
    return std::nullopt;
  }
  return PromotionDecision{situation.tenant,
                           shared ? PromotionKind::kPromote : PromotionKind::kDemote,
                           std::move(*reason)};
}

}  // namespace voicectl
