// SPDX-License-Identifier: Apache-2.0
// What is decided from what was seen: who moves, in which order, and who was tried in vain.
#include <algorithm>
#include <utility>

#include "monitor/instance_monitor.h"

namespace voicectl {
namespace {

/// In which moves are counted against the pace.
constexpr Duration kPaceSpan = std::chrono::minutes(1);
/// So long is believed what was last seen of the host, by who does not look for himself.
constexpr Duration kRoomHolds = 3 * kSampleInterval;

void hold_back(PromotionDecision& decision, Duration wait) {
  decision.kind.reset();
  decision.rule = PromotionRule::kRetry;
  decision.reason =
      "it could not be moved a short while ago; it has " + std::exchange(decision.reason, "");
  decision.otherwise = {"it is tried again in " + format_duration(wait)};
}

/// Whether it has, or is to have, an instance by the monitor's will, or had until now and has not
/// left it yet.
bool is_promoted(const RecordedTenant& record, InstanceKind kind) {
  return record.wish.has_value() ||
         (record.spec.tier == Tier::kAuto && kind == InstanceKind::kDedicated);
}

}  // namespace

void InstanceMonitor::recall_move(const TenantId& tenant, MonoTime at) {
  recalled_.insert_or_assign(tenant, at);
}

std::optional<MonoTime> InstanceMonitor::recalled(const TenantId& tenant) const {
  const auto told = recalled_.find(tenant);
  return told == recalled_.end() ? std::nullopt : std::optional(told->second);
}

std::optional<MonoTime> InstanceMonitor::kind_changed_at(const TenantId& tenant) const {
  const auto seen = placements_.find(tenant);
  return std::max(recalled(tenant),
                  seen == placements_.end() ? std::nullopt : seen->second.kind_changed_at);
}

void InstanceMonitor::note_room(MonoTime now, const HostRoom& room) {
  room_ = {now, room};
}

const InstanceMonitor::TenantHistory* InstanceMonitor::history_of(
    const RecordedTenant& record) const {
  const auto history = tenants_.find(record.spec.tenant);
  // While it moves, what was seen belongs to another placement than the recorded one.
  return history == tenants_.end() || history->second.instance != record.placement
             ? nullptr
             : &history->second;
}

std::size_t InstanceMonitor::recent_moves(MonoTime now) const {
  return static_cast<std::size_t>(std::count_if(moves_.begin(), moves_.end(),
                                                [&](MonoTime at) { return now - at < kPaceSpan; }));
}

std::vector<PromotionDecision> InstanceMonitor::judge(MonoTime now,
                                                      const Snapshot& recorded) const {
  return decide(now, recorded, Told::kEverybody, [&] {
    return room_ && now - room_->first <= kRoomHolds ? room_->second : HostRoom{};
  });
}

std::vector<PromotionDecision> InstanceMonitor::movers(MonoTime now,
                                                       const Snapshot& recorded,
                                                       const AskRoom& ask_room) const {
  std::vector<PromotionDecision> out = decide(now, recorded, Told::kMovers, ask_room);
  std::erase_if(out, [](const PromotionDecision& decision) { return !decision.kind; });
  std::sort(out.begin(), out.end(), [](const PromotionDecision& a, const PromotionDecision& b) {
    return goes_before(candidate_of(a), candidate_of(b));
  });
  return out;
}

std::vector<PromotionDecision> InstanceMonitor::decide(MonoTime now,
                                                       const Snapshot& recorded,
                                                       Told told,
                                                       const AskRoom& ask_room) const {
  std::vector<PromotionDecision> out;
  HostSituation host{0, recent_moves(now), {}, {}};
  for (const auto& [tenant, record] : recorded.tenants) {
    const auto instance =
        record.placement ? recorded.instances.find(*record.placement) : recorded.instances.end();
    const InstanceKind kind =
        instance == recorded.instances.end() ? InstanceKind::kShared : instance->second.kind;
    host.promoted += is_promoted(record, kind) ? 1 : 0;
    const TenantHistory* const history = history_of(record);
    if (history == nullptr || instance == recorded.instances.end()) {
      continue;
    }
    const TenantSituation situation{tenant,       record.spec.tier,        record.spec.plan,
                                    kind,         record.wish.has_value(), kind_changed_at(tenant),
                                    history->load};
    if (told == Told::kMovers && !judge_tenant(policy_, situation, now).kind) {
      continue;
    }
    out.push_back(decide_promotion(policy_, situation, now));
    const auto attempt = attempts_.find(tenant);
    if (out.back().kind && attempt != attempts_.end() && now < attempt->second.not_before) {
      hold_back(out.back(), attempt->second.not_before - now);
    }
  }
  if (ask_room && is_room_needed(out)) {
    host.room = ask_room();
    host.process = least_process();
  }
  keep_within_limits(policy_, host, out);
  return out;
}

bool InstanceMonitor::is_room_needed(const std::vector<PromotionDecision>& decisions) const {
  return policy_.reserve != PoolReserve{Bytes{}, MilliCpu{}} &&
         std::any_of(decisions.begin(), decisions.end(), [](const PromotionDecision& decision) {
           return decision.kind == PromotionKind::kPromote;
         });
}

Bytes InstanceMonitor::least_process() const {
  std::optional<Bytes> least;
  for (const auto& [name, seen] : instance_loads_) {
    if (seen.usage) {
      least = std::min(least.value_or(seen.usage->memory), seen.usage->memory);
    }
  }
  return least.value_or(Bytes{});
}

std::vector<PromotionDecision> InstanceMonitor::news(MonoTime now,
                                                     const Snapshot& recorded,
                                                     const AskRoom& ask_room) {
  std::vector<PromotionDecision> out;
  std::map<TenantId, PromotionKind> told;
  for (PromotionDecision& decision : movers(now, recorded, ask_room)) {
    told.emplace(decision.tenant, *decision.kind);
    const auto before = told_.find(decision.tenant);
    if (before == told_.end() || before->second != *decision.kind) {
      out.push_back(std::move(decision));
    }
  }
  told_ = std::move(told);
  return out;
}

void InstanceMonitor::note_attempt(MonoTime now, const TenantId& tenant, Attempted what) {
  std::erase_if(moves_, [&](MonoTime at) { return now - at >= kPaceSpan; });
  moves_.push_back(now);
  Attempt& attempt = (what == Attempted::kKind ? attempts_ : balance_attempts_)[tenant];
  attempt.not_before = now + backoff_without_jitter(kMoveRetry, attempt.count + 1);
  ++attempt.count;
}

std::vector<TenantId> InstanceMonitor::stranded(MonoTime now, const Snapshot& recorded) const {
  std::vector<TenantId> out;
  for (const auto& [tenant, record] : recorded.tenants) {
    const auto instance =
        record.placement ? recorded.instances.find(*record.placement) : recorded.instances.end();
    const auto attempt = attempts_.find(tenant);
    const bool is_where_it_belongs =
        instance == recorded.instances.end() || record.spec.tier != Tier::kAuto ||
        record.wish.has_value() == (instance->second.kind == InstanceKind::kDedicated);
    if (!is_where_it_belongs && (attempt == attempts_.end() || now >= attempt->second.not_before)) {
      out.push_back(tenant);
    }
  }
  return out;
}

}  // namespace voicectl
