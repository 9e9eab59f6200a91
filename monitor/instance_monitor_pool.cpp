// SPDX-License-Identifier: Apache-2.0
// The pool as the monitor sees it: how unevenly it is loaded, and who could go elsewhere.
#include <algorithm>

#include "monitor/instance_monitor.h"

namespace voicectl {

std::vector<InstanceId> InstanceMonitor::pool_of(MonoTime now, const Snapshot& recorded) const {
  std::vector<InstanceId> out;
  for (const auto& [name, instance] : recorded.instances) {
    const auto seen = instance_loads_.find(name);
    if (instance.kind == InstanceKind::kShared && instance.fate == InstanceFate::kServing &&
        seen != instance_loads_.end() && now - seen->second.at <= limits_.longest_gap) {
      out.push_back(name);
    }
  }
  return out;
}

std::vector<PoolTenant> InstanceMonitor::tenants_of_pool(MonoTime now,
                                                         const Snapshot& recorded) const {
  std::vector<PoolTenant> out;
  for (const auto& [tenant, record] : recorded.tenants) {
    const auto known = tenants_.find(tenant);
    if (known == tenants_.end() || !record.placement) {
      continue;
    }
    const TenantHistory* const history = &known->second;
    // It counts where it goes to: else the next one would be sent there as well before it was seen.
    const bool is_on_its_way = history->instance != record.placement;
    const LoadMarks& marks = policy_.marks_for(record.spec.plan);
    // Whoever is at its mark has an instance of its own soon, and one dip is no reason to move it.
    const bool is_busy =
        record.spec.tier == Tier::kAuto &&
        std::any_of(kMeasures.begin(), kMeasures.end(), [&](Measure measure) {
          const std::optional<MeasureMarks> judged = judged_marks(marks, history->load, measure);
          return judged &&
                 history->load[measure].max(now, marks.high_dwell).value_or(0) >= judged->high;
        });
    out.push_back(
        {tenant, *record.placement, history->load[Measure::kCpu].mean(now, kShownSpan).value_or(0),
         record.phase == TenantPhase::kServing && !wants_own_instance(record.spec, recorded) &&
             !rests(now, tenant) && !is_busy && !is_on_its_way});
  }
  return out;
}

bool InstanceMonitor::rests(MonoTime now, const TenantId& tenant) const {
  // Longer than it takes for an imbalance to count: else it could be thrown to and fro.
  const Duration rest = std::max<Duration>(policy_.cooldown, policy_.balance.dwell);
  const auto seen = placements_.find(tenant);
  const auto attempt = balance_attempts_.find(tenant);
  const std::optional<MonoTime> moved_at =
      std::max(recalled(tenant), seen == placements_.end() ? std::nullopt : seen->second.placed_at);
  return (moved_at && now - *moved_at < rest) ||
         (attempt != balance_attempts_.end() && now < attempt->second.not_before);
}

void InstanceMonitor::note_pool(MonoTime now, const Snapshot& recorded) {
  const std::map<InstanceId, double> excess =
      excess_of(pool_of(now, recorded), tenants_of_pool(now, recorded));
  std::erase_if(excess_, [&](const auto& entry) { return !excess.contains(entry.first); });
  pool_spread_ = 0;
  for (const auto& [instance, more] : excess) {
    excess_.try_emplace(instance, LoadWindow(limits_)).first->second.add(now, more);
    pool_spread_ = std::max(*pool_spread_, more);
  }
}

std::optional<BalanceMove> InstanceMonitor::balance(MonoTime now, const Snapshot& recorded) const {
  const BalancePolicy& policy = policy_.balance;
  if (policy_.mode == PromotionMode::kOff || policy.spread.count == 0 ||
      recorded.programs.upgrade || recent_moves(now) >= policy_.moves_per_minute) {
    return std::nullopt;
  }
  const bool is_any_busy = std::any_of(excess_.begin(), excess_.end(), [&](const auto& entry) {
    return entry.second.has_held_at_or_above(policy.spread.count, now, policy.dwell);
  });
  if (!is_any_busy) {
    return std::nullopt;
  }
  std::optional<BalanceMove> move =
      choose_balance_move(policy, pool_of(now, recorded), tenants_of_pool(now, recorded));
  const auto donor = move ? excess_.find(move->from) : excess_.end();
  return donor != excess_.end() &&
                 donor->second.has_held_at_or_above(policy.spread.count, now, policy.dwell)
             ? move
             : std::nullopt;
}

}  // namespace voicectl
