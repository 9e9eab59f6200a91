// SPDX-License-Identifier: Apache-2.0
#include "monitor/promotion_policy.h"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>
#include <tuple>

#include "base/check.h"

namespace voicectl {
namespace {

MeasureView view_of(std::string_view name,
                    std::string_view unit,
                    const LoadWindow& window,
                    double high,
                    double low,
                    MonoTime now) {
  const std::optional<LoadPoint> latest = window.latest();
  return MeasureView{name,
                     unit,
                     latest ? std::optional(latest->value) : std::nullopt,
                     high,
                     low,
                     window.held_at_or_above(high, now),
                     window.held_at_or_below(low, now)};
}

std::vector<MeasureView> measures_of(const PromotionPolicy& policy,
                                     const TenantSituation& situation,
                                     MonoTime now) {
  const LoadMarks& marks = policy.marks_for(situation.plan);
  return {view_of("sessions", "live sessions", situation.sessions, marks.high_sessions,
                  marks.low_sessions, now),
          view_of("cpu", "mCPU", situation.cpu, marks.high_cpu.count, marks.low_cpu.count, now)};
}

std::string busy(const MeasureView& measure, Duration dwell) {
  return fmt::format("{:.0f} {}, at or above the high mark of {:.0f} for {} (dwell {})",
                     *measure.value, measure.unit, measure.high, format_duration(*measure.busy_for),
                     format_duration(dwell));
}

std::string quiet(const MeasureView& measure, Duration dwell) {
  return fmt::format("{:.0f} {}, at or below the low mark of {:.0f} for {} (dwell {})",
                     *measure.value, measure.unit, measure.low, format_duration(*measure.quiet_for),
                     format_duration(dwell));
}

std::string shown(const MeasureView& measure) {
  return measure.value ? fmt::format("{:.0f} {} (marks {:.0f} and {:.0f})", *measure.value,
                                     measure.unit, measure.low, measure.high)
                       : fmt::format("no {} seen", measure.unit);
}

std::string all_shown(const std::vector<MeasureView>& measures) {
  std::string out;
  for (const MeasureView& measure : measures) {
    out += (out.empty() ? "" : "; ") + shown(measure);
  }
  return out;
}

void stay(PromotionDecision& decision, PromotionRule rule, std::string reason) {
  decision.kind.reset();
  decision.rule = rule;
  decision.reason = std::move(reason);
}

/// Either measure is enough: a tenant that takes too much of one thing crowds out the others.
void decide_in_pool(const LoadMarks& marks, PromotionDecision& decision) {
  const Duration dwell = marks.high_dwell;
  const MeasureView* longest = nullptr;
  for (const MeasureView& measure : decision.measures) {
    const bool is_longer =
        measure.busy_for && (longest == nullptr || *measure.busy_for > *longest->busy_for);
    longest = is_longer ? &measure : longest;
  }
  if (longest == nullptr) {
    stay(decision, PromotionRule::kBetweenMarks, all_shown(decision.measures));
    for (const MeasureView& measure : decision.measures) {
      decision.otherwise.push_back(fmt::format("{:.0f} {} or more for {} would promote it",
                                               measure.high, measure.unit, format_duration(dwell)));
    }
    return;
  }
  if (*longest->busy_for < dwell) {
    stay(decision, PromotionRule::kDwell, busy(*longest, dwell));
    decision.otherwise.push_back(fmt::format("{} more like this would promote it",
                                             format_duration(dwell - *longest->busy_for)));
    return;
  }
  decision.kind = PromotionKind::kPromote;
  decision.rule = PromotionRule::kBusy;
  decision.reason = busy(*longest, dwell);
  decision.otherwise.push_back(fmt::format("less than {:.0f} {} would have left it in the pool",
                                           longest->high, longest->unit));
}

/// All must be quiet: one alone says nothing about the others.
void decide_alone(const PromotionPolicy& policy, PromotionDecision& decision) {
  const Duration dwell = policy.low_dwell;
  std::string reason;
  Duration shortest = dwell;
  for (const MeasureView& measure : decision.measures) {
    if (!measure.quiet_for) {
      stay(decision, PromotionRule::kBetweenMarks, all_shown(decision.measures));
      decision.otherwise.push_back(fmt::format("{:.0f} {} or less for {} would bring it back",
                                               measure.low, measure.unit, format_duration(dwell)));
    } else {
      reason += (reason.empty() ? "" : "; ") + quiet(measure, dwell);
      shortest = std::min(shortest, *measure.quiet_for);
    }
  }
  if (!decision.otherwise.empty()) {
    return;
  }
  if (shortest < dwell) {
    stay(decision, PromotionRule::kDwell, std::move(reason));
    decision.otherwise.push_back(
        fmt::format("{} more like this would bring it back", format_duration(dwell - shortest)));
    return;
  }
  decision.kind = PromotionKind::kDemote;
  decision.rule = PromotionRule::kQuiet;
  decision.reason = std::move(reason);
  decision.otherwise.emplace_back("any of it above its low mark would have kept it");
}

double pressure_of(const std::vector<MeasureView>& measures) {
  double most = 0;
  for (const MeasureView& measure : measures) {
    most = std::max(most, measure.value.value_or(0) / measure.high);
  }
  return most;
}

std::string_view tier_reason(Tier tier) {
  return tier == Tier::kPooled ? "its tier is pooled: it is never promoted"
                               : "its tier is dedicated: it is never demoted";
}

/// A tenant that is where the monitor does not want it is on its way, or its move failed.
bool is_on_its_way(const TenantSituation& situation) {
  return situation.is_wished != (situation.placement == InstanceKind::kDedicated);
}

}  // namespace

std::string_view name_of(PromotionKind kind) {
  switch (kind) {
    case PromotionKind::kPromote:
      return "promote";
    case PromotionKind::kDemote:
      break;
  }
  return "demote";
}

std::string_view name_of(PromotionRule rule) {
  switch (rule) {
    case PromotionRule::kModeOff:
      return "mode-off";
    case PromotionRule::kTier:
      return "tier";
    case PromotionRule::kWished:
      return "wished";
    case PromotionRule::kCooldown:
      return "cooldown";
    case PromotionRule::kUnseen:
      return "unseen";
    case PromotionRule::kBetweenMarks:
      return "between-marks";
    case PromotionRule::kDwell:
      return "dwell";
    case PromotionRule::kBusy:
      return "busy";
    case PromotionRule::kQuiet:
      return "quiet";
    case PromotionRule::kBudget:
      return "budget";
    case PromotionRule::kPace:
      return "pace";
    case PromotionRule::kRetry:
      break;
  }
  return "retry";
}

PromotionDecision decide_promotion(const PromotionPolicy& policy,
                                   const TenantSituation& situation,
                                   MonoTime now) {
  PromotionDecision out{situation.tenant,
                        std::nullopt,
                        PromotionRule::kBetweenMarks,
                        "",
                        {},
                        measures_of(policy, situation, now),
                        0};
  out.pressure = pressure_of(out.measures);
  const Duration since_move = situation.placed_at ? now - *situation.placed_at : Duration::max();
  if (situation.tier != Tier::kAuto) {
    stay(out, PromotionRule::kTier, std::string(tier_reason(situation.tier)));
    out.otherwise.emplace_back("with tier auto the monitor would decide");
  } else if (policy.mode == PromotionMode::kOff) {
    stay(out, PromotionRule::kModeOff, "the monitor's mode is off: it decides nothing");
    out.otherwise.emplace_back("with mode on or observe it would be judged by its load");
  } else if (policy.mode == PromotionMode::kOn && is_on_its_way(situation)) {
    stay(out, PromotionRule::kWished,
         situation.is_wished ? "it is to be alone in an instance, and is not yet"
                             : "it is to be in the pool, and is not yet");
  } else if (since_move < policy.cooldown) {
    stay(out, PromotionRule::kCooldown,
         fmt::format("it moved {} ago (cooldown {})", format_duration(since_move),
                     format_duration(policy.cooldown)));
    out.otherwise.push_back(
        fmt::format("it is judged again in {}", format_duration(policy.cooldown - since_move)));
  } else if (situation.sessions.empty() && situation.cpu.empty()) {
    stay(out, PromotionRule::kUnseen, "its instance has told nothing of it yet");
  } else if (situation.placement == InstanceKind::kShared) {
    decide_in_pool(policy.marks_for(situation.plan), out);
  } else {
    decide_alone(policy, out);
  }
  return out;
}

void keep_within_limits(const PromotionPolicy& policy,
                        const HostSituation& host,
                        const std::vector<PricePlan>& plans,
                        std::vector<PromotionDecision>& decisions) {
  VC_CHECK(plans.size() == decisions.size(), "one plan for each decision");
  std::vector<std::size_t> order(decisions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t i) { return !decisions[i].kind; });
  const auto rank = [&](std::size_t i) {
    const PromotionDecision& decision = decisions[i];
    return std::make_tuple(*decision.kind == PromotionKind::kPromote, -static_cast<int>(plans[i]),
                           -decision.pressure, decision.tenant);
  };
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
  std::size_t promoted = host.promoted;
  std::size_t moves = host.recent_moves;
  for (const std::size_t i : order) {
    PromotionDecision& decision = decisions[i];
    const bool is_promotion = *decision.kind == PromotionKind::kPromote;
    if (is_promotion && promoted >= policy.max_promoted) {
      stay(decision, PromotionRule::kBudget,
           fmt::format("{} of {} tenants are promoted already; it has {}", promoted,
                       policy.max_promoted, decision.reason));
      decision.otherwise = {
          "a higher monitor.max_promoted, or a demotion, would let it be promoted"};
    } else if (moves >= policy.moves_per_minute) {
      stay(decision, PromotionRule::kPace,
           fmt::format("{} moves were begun within a minute (limit {}); it has {}", moves,
                       policy.moves_per_minute, decision.reason));
      decision.otherwise = {"it is next when the minute is over"};
    } else {
      ++moves;
      promoted += is_promotion ? 1 : 0;
      promoted -= !is_promotion && promoted > 0 ? 1 : 0;
    }
  }
}

}  // namespace voicectl
