// SPDX-License-Identifier: Apache-2.0
// What is said about a verdict: its numbers, and what would have had to differ.
#include <fmt/core.h>

#include <algorithm>

#include "monitor/promotion_policy.h"

namespace voicectl {
namespace {

std::vector<MeasureView> measures_of(const PromotionPolicy& policy,
                                     const TenantSituation& situation,
                                     MonoTime now) {
  std::vector<MeasureView> out;
  for (const Measure measure : kMeasures) {
    const LoadWindow& window = situation.load[measure];
    const auto marks = judged_marks(policy.marks_for(situation.plan), situation.load, measure);
    if (!marks) {
      continue;
    }
    const std::optional<LoadPoint> latest = window.latest();
    out.push_back(MeasureView{name_of(measure), unit_of(measure),
                              latest ? std::optional(latest->value) : std::nullopt, marks->high,
                              marks->low, window.held_at_or_above(marks->high, now),
                              window.held_at_or_below(marks->low, now)});
  }
  return out;
}

std::string busy(const MeasureView& measure, Duration dwell) {
  const std::string what = fmt::format("{:.0f} {}, at or above the high mark of {:.0f}",
                                       *measure.value, measure.unit, measure.high);
  return dwell == Duration::zero()
             ? what
             : fmt::format("{} for {} (dwell {})", what, format_duration(*measure.busy_for),
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

const MeasureView& longest_busy(const std::vector<MeasureView>& measures) {
  return *std::max_element(
      measures.begin(), measures.end(),
      [](const MeasureView& a, const MeasureView& b) { return a.busy_for < b.busy_for; });
}

void explain_between_marks(Duration dwell, PromotionDecision& decision) {
  decision.reason = all_shown(decision.measures);
  for (const MeasureView& measure : decision.measures) {
    const std::string what = fmt::format("{:.0f} {} or more", measure.high, measure.unit);
    decision.otherwise.push_back(
        dwell == Duration::zero()
            ? what + " would promote it at once"
            : fmt::format("{} for {} would promote it", what, format_duration(dwell)));
  }
}

/// Each measure that has held for the dwell would have been enough: all of them are told.
void explain_busy(Duration dwell, PromotionDecision& decision) {
  std::string less;
  for (const MeasureView& measure : decision.measures) {
    if (measure.busy_for >= dwell) {
      decision.reason += (decision.reason.empty() ? "" : "; ") + busy(measure, dwell);
      less += fmt::format("{}less than {:.0f} {}", less.empty() ? "" : " and ", measure.high,
                          measure.unit);
    }
  }
  decision.otherwise.push_back(less + " would have left it in the pool");
}

void explain_in_pool(Duration dwell, PromotionDecision& decision) {
  if (decision.rule == PromotionRule::kBetweenMarks) {
    explain_between_marks(dwell, decision);
  } else if (decision.rule == PromotionRule::kBusy) {
    explain_busy(dwell, decision);
  } else {
    const MeasureView& longest = longest_busy(decision.measures);
    decision.reason = busy(longest, dwell);
    decision.otherwise.push_back(fmt::format("{} more like this would promote it",
                                             format_duration(dwell - *longest.busy_for)));
  }
}

void explain_alone(Duration dwell, PromotionDecision& decision) {
  if (decision.rule == PromotionRule::kBetweenMarks) {
    decision.reason = all_shown(decision.measures);
    for (const MeasureView& measure : decision.measures) {
      if (!measure.quiet_for) {
        decision.otherwise.push_back(fmt::format("{:.0f} {} or less for {} would bring it back",
                                                 measure.low, measure.unit,
                                                 format_duration(dwell)));
      }
    }
    return;
  }
  Duration shortest = dwell;
  for (const MeasureView& measure : decision.measures) {
    decision.reason += (decision.reason.empty() ? "" : "; ") + quiet(measure, dwell);
    shortest = std::min(shortest, *measure.quiet_for);
  }
  decision.otherwise.push_back(
      decision.rule == PromotionRule::kDwell
          ? fmt::format("{} more like this would bring it back", format_duration(dwell - shortest))
          : "any of it above its low mark would have kept it");
}

std::string_view tier_reason(Tier tier) {
  return tier == Tier::kPooled ? "its tier is pooled: it is never promoted"
                               : "its tier is dedicated: it is never demoted";
}

void explain(const PromotionPolicy& policy,
             const TenantSituation& situation,
             MonoTime now,
             PromotionDecision& out) {
  const auto say = [&](std::string_view reason, std::string otherwise) {
    out.reason = reason;
    if (!otherwise.empty()) {
      out.otherwise.push_back(std::move(otherwise));
    }
  };
  switch (out.rule) {
    case PromotionRule::kTier:
      return say(tier_reason(situation.tier), "with tier auto the monitor would decide");
    case PromotionRule::kModeOff:
      return say("the monitor's mode is off: it decides nothing",
                 "with mode on or observe it would be judged by its load");
    case PromotionRule::kWished:
      return say(situation.is_wished ? "it is to be alone in an instance, and is not yet"
                                     : "it is to be in the pool, and is not yet",
                 "");
    case PromotionRule::kCooldown: {
      const Duration since = now - *situation.placed_at;
      return say(fmt::format("it moved {} ago (cooldown {})", format_duration(since),
                             format_duration(policy.cooldown)),
                 fmt::format("it is judged again in {}", format_duration(policy.cooldown - since)));
    }
    case PromotionRule::kUnseen:
      return say("its instance has told nothing of it yet", "");
    case PromotionRule::kBetweenMarks:
    case PromotionRule::kDwell:
    case PromotionRule::kBusy:
    case PromotionRule::kQuiet:
      return situation.placement == InstanceKind::kShared
                 ? explain_in_pool(policy.marks_for(situation.plan).high_dwell, out)
                 : explain_alone(policy.low_dwell, out);
    case PromotionRule::kBudget:
    case PromotionRule::kReserve:
    case PromotionRule::kPace:
    case PromotionRule::kRetry:
      return;  // no verdict about one tenant
  }
}

std::string reserve_reason(const PoolReserve& reserve, const HostRoom& room, Bytes process) {
  std::string out;
  if (room.memory && reserve.memory.count > 0) {
    out = fmt::format("{} of memory are free, a process takes {}, and {} are kept for the pool",
                      room.memory->str(), process.str(), reserve.memory.str());
  }
  if (room.cpu && reserve.cpu.count > 0) {
    out += fmt::format("{}{} mCPU are idle, and {} are kept for the pool", out.empty() ? "" : "; ",
                       room.cpu->count, reserve.cpu.count);
  }
  return out;
}

void hold_back(const PromotionPolicy& policy,
               const HostSituation& host,
               const MoveAdmission& admission,
               PromotionDecision& decision) {
  decision.kind.reset();
  decision.rule = *admission.held_by;
  if (decision.rule == PromotionRule::kBudget) {
    decision.reason = fmt::format("{} of {} tenants are promoted already; it has {}",
                                  admission.promoted, policy.max_promoted, decision.reason);
    decision.otherwise = {"a higher monitor.max_promoted, or a demotion, would let it be promoted"};
  } else if (decision.rule == PromotionRule::kReserve) {
    decision.reason =
        fmt::format("{}; it has {}", reserve_reason(policy.reserve, admission.room, host.process),
                    decision.reason);
    decision.otherwise = {
        "a smaller monitor.reserve, or a host with more room, would let it be "
        "promoted"};
  } else {
    decision.reason = fmt::format("{} moves were begun within a minute (limit {}); it has {}",
                                  admission.moves, policy.moves_per_minute, decision.reason);
    decision.otherwise = {"it is next when the minute is over"};
  }
}

}  // namespace

PromotionDecision decide_promotion(const PromotionPolicy& policy,
                                   const TenantSituation& situation,
                                   MonoTime now) {
  const PromotionVerdict verdict = judge_tenant(policy, situation, now);
  PromotionDecision out{situation.tenant,
                        verdict.kind,
                        verdict.rule,
                        "",
                        {},
                        measures_of(policy, situation, now),
                        pressure_of(policy, situation),
                        situation.plan};
  explain(policy, situation, now, out);
  return out;
}

MoveCandidate candidate_of(const PromotionDecision& decision) {
  return {*decision.kind, decision.plan, decision.pressure, decision.tenant.str()};
}

void keep_within_limits(const PromotionPolicy& policy,
                        const HostSituation& host,
                        std::vector<PromotionDecision>& decisions) {
  std::vector<MoveCandidate> candidates;
  std::vector<PromotionDecision*> movers;
  for (PromotionDecision& decision : decisions) {
    if (decision.kind) {
      candidates.push_back(candidate_of(decision));
      movers.push_back(&decision);
    }
  }
  const std::vector<MoveAdmission> admissions = admit_moves(policy, host, candidates);
  for (std::size_t i = 0; i < movers.size(); ++i) {
    if (admissions[i].held_by) {
      hold_back(policy, host, admissions[i], *movers[i]);
    }
  }
}

}  // namespace voicectl
