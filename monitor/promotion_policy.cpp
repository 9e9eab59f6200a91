// SPDX-License-Identifier: Apache-2.0
#include "monitor/promotion_policy.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace voicectl {
namespace {

/// A tenant that is where the monitor does not want it is on its way, or its move failed.
bool is_on_its_way(const TenantSituation& situation) {
  return situation.is_wished != (situation.placement == InstanceKind::kDedicated);
}

bool is_unseen(const LoadWindows& load) {
  return std::all_of(kMeasures.begin(), kMeasures.end(),
                     [&](Measure measure) { return load[measure].empty(); });
}

/// Any measure is enough: a tenant that takes too much of one thing crowds out the others.
PromotionVerdict judge_in_pool(const LoadMarks& marks, const LoadWindows& load, MonoTime now) {
  PromotionVerdict verdict;
  for (const Measure measure : kMeasures) {
    const std::optional<MeasureMarks> judged = judged_marks(marks, load, measure);
    if (!judged) {
      continue;
    }
    const double high = judged->high;
    if (load[measure].has_held_at_or_above(high, now, marks.high_dwell)) {
      return {PromotionKind::kPromote, PromotionRule::kBusy};
    }
    if (load[measure].has_held_at_or_above(high, now, Duration::zero())) {
      verdict.rule = PromotionRule::kDwell;
    }
  }
  return verdict;
}

/// All must be quiet: one alone says nothing about the others.
PromotionVerdict judge_alone(const PromotionPolicy& policy,
                             const LoadMarks& marks,
                             const LoadWindows& load,
                             MonoTime now) {
  PromotionVerdict verdict{PromotionKind::kDemote, PromotionRule::kQuiet};
  for (const Measure measure : kMeasures) {
    const std::optional<MeasureMarks> judged = judged_marks(marks, load, measure);
    if (!judged) {
      continue;
    }
    const double low = judged->low;
    if (!load[measure].has_held_at_or_below(low, now, Duration::zero())) {
      return {std::nullopt, PromotionRule::kBetweenMarks};
    }
    if (!load[measure].has_held_at_or_below(low, now, policy.low_dwell)) {
      verdict = {std::nullopt, PromotionRule::kDwell};
    }
  }
  return verdict;
}

/// Whether one process more would leave less than that. What is not known does not hold anybody.
bool eats_into(const PoolReserve& reserve, const HostRoom& room, Bytes process) {
  const bool is_memory_short = reserve.memory.count > 0 && room.memory &&
                               room.memory->count < reserve.memory.count + process.count;
  return is_memory_short || (room.cpu && room.cpu->count < reserve.cpu.count);
}

void take_process(HostRoom& room, Bytes process) {
  if (room.memory) {
    room.memory->count -= std::min(room.memory->count, process.count);
  }
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
    case PromotionRule::kReserve:
      return "reserve";
    case PromotionRule::kPace:
      return "pace";
    case PromotionRule::kRetry:
      break;
  }
  return "retry";
}

PromotionVerdict judge_tenant(const PromotionPolicy& policy,
                              const TenantSituation& situation,
                              MonoTime now) {
  if (situation.tier != Tier::kAuto) {
    return {std::nullopt, PromotionRule::kTier};
  }
  if (policy.mode == PromotionMode::kOff) {
    return {std::nullopt, PromotionRule::kModeOff};
  }
  if (policy.mode == PromotionMode::kOn && is_on_its_way(situation)) {
    return {std::nullopt, PromotionRule::kWished};
  }
  if (situation.placed_at && now - *situation.placed_at < policy.cooldown) {
    return {std::nullopt, PromotionRule::kCooldown};
  }
  if (is_unseen(situation.load)) {
    return {std::nullopt, PromotionRule::kUnseen};
  }
  const LoadMarks& marks = policy.marks_for(situation.plan);
  return situation.placement == InstanceKind::kShared
             ? judge_in_pool(marks, situation.load, now)
             : judge_alone(policy, marks, situation.load, now);
}

double pressure_of(const PromotionPolicy& policy, const TenantSituation& situation) {
  const LoadMarks& marks = policy.marks_for(situation.plan);
  double most = 0;
  for (const Measure measure : kMeasures) {
    const std::optional<LoadPoint> latest = situation.load[measure].latest();
    const std::optional<MeasureMarks> judged = judged_marks(marks, situation.load, measure);
    if (latest && judged) {
      most = std::max(most, latest->value / judged->high);
    }
  }
  return most;
}

bool goes_before(const MoveCandidate& a, const MoveCandidate& b) {
  const auto rank = [](const MoveCandidate& one) {
    const bool is_promotion = one.kind == PromotionKind::kPromote;
    const int plan = static_cast<int>(one.plan);
    return std::make_tuple(is_promotion, is_promotion ? -plan : plan,
                           is_promotion ? -one.pressure : one.pressure, one.tenant);
  };
  return rank(a) < rank(b);
}

std::vector<MoveAdmission> admit_moves(const PromotionPolicy& policy,
                                       const HostSituation& host,
                                       const std::vector<MoveCandidate>& candidates) {
  std::vector<std::size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return goes_before(candidates[a], candidates[b]);
  });
  std::vector<MoveAdmission> out(candidates.size());
  std::size_t promoted = host.promoted;
  std::size_t moves = host.recent_moves;
  HostRoom room = host.room;
  for (const std::size_t i : order) {
    const bool is_promotion = candidates[i].kind == PromotionKind::kPromote;
    out[i] = {std::nullopt, promoted, moves, room};
    if (is_promotion && promoted >= policy.max_promoted) {
      out[i].held_by = PromotionRule::kBudget;
    } else if (is_promotion && eats_into(policy.reserve, room, host.process)) {
      out[i].held_by = PromotionRule::kReserve;
    } else if (moves >= policy.moves_per_minute) {
      out[i].held_by = PromotionRule::kPace;
    } else {
      ++moves;
      promoted += is_promotion ? 1 : 0;
      take_process(room, is_promotion ? host.process : Bytes{});
    }
  }
  return out;
}

}  // namespace voicectl
