// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/promotion_driver.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/plan/pool_moves.h"

namespace voicectl {
namespace {

constexpr std::string_view kTenantKind = "tenant/";
/// Enough for the longest cooldown that is worth remembering: at the usual pace, four hours.
constexpr std::size_t kRecalledDemotions = 1000;
/// Less than between two rounds.
constexpr Duration kRoomEvery = kSampleInterval * 4 / 5;

std::string subject_of_tenant(const TenantId& tenant) {
  return std::string(kTenantKind) + tenant.str();
}

Json seconds_of(const std::optional<Duration>& held) {
  return held ? Json(std::chrono::duration_cast<std::chrono::seconds>(*held).count()) : Json();
}

Json describe_move(const BalanceMove& move) {
  return {{"from", move.from.str()}, {"to", move.to.str()}, {"reason", move.reason}};
}

}  // namespace

Json describe_decision(const PromotionDecision& decision) {
  Json measures = Json::array();
  for (const MeasureView& measure : decision.measures) {
    measures.push_back({{"name", measure.name},
                        {"unit", measure.unit},
                        {"value", measure.value ? Json(*measure.value) : Json()},
                        {"high", measure.high},
                        {"low", measure.low},
                        {"busy_s", seconds_of(measure.busy_for)},
                        {"quiet_s", seconds_of(measure.quiet_for)}});
  }
  return {{"kind", decision.kind ? Json(name_of(*decision.kind)) : Json()},
          {"rule", name_of(decision.rule)},
          {"reason", decision.reason},
          {"otherwise", decision.otherwise},
          {"measures", std::move(measures)}};
}

void PromotionDriver::consider() {
  const std::optional<PlatformSpec>& platform = deps_.recorded.snapshot().platform;
  if (!platform) {
    return;
  }
  deps_.monitor.set_policy(platform->monitor);
  deps_.monitor.note_pool(deps_.reactor.now(), deps_.recorded.snapshot());
  if (recall_ != Recall::kDone) {
    recall();
    return;
  }
  if (platform->monitor.mode == PromotionMode::kOn) {
    act();
  } else {
    tell_news();
  }
}

void PromotionDriver::recall() {
  if (std::exchange(recall_, Recall::kAsked) == Recall::kAsked) {
    return;
  }
  deps_.registry.run<std::vector<EventRecord>>(
      [](Registry& registry) {
        return registry.latest_events_named("monitor.demotes", kRecalledDemotions);
      },
      [this, alive = std::weak_ptr(self_)](const Result<std::vector<EventRecord>>& demotions) {
        if (alive.expired()) {
          return;
        }
        // What cannot be read now is asked for again in the next round.
        recall_ = demotions.has_error() ? Recall::kDue : Recall::kDone;
        if (demotions.has_value()) {
          take_recalled(*demotions);
        }
      });
}

void PromotionDriver::take_recalled(const std::vector<EventRecord>& demotions) {
  const auto recall_from = [&](const TenantId& tenant, WallTime then) {
    // The clock may have been set since. Back: then it counts as moved now, and nobody waits for
    // longer than one cooldown.
    const auto passed = std::max(Duration::zero(), Duration(deps_.wall.now() - then));
    deps_.monitor.recall_move(tenant, deps_.reactor.now() - passed);
  };
  const std::map<TenantId, RecordedTenant>& tenants = deps_.recorded.snapshot().tenants;
  for (const auto& [tenant, record] : tenants) {
    if (record.wish) {
      recall_from(tenant, record.wish->since);
    }
  }
  // The oldest first: the newest of a tenant is the one that counts.
  for (auto event = demotions.rbegin(); event != demotions.rend(); ++event) {
    const Result<TenantId> tenant =
        TenantId::parse(event->subject.substr(std::min(event->subject.size(), kTenantKind.size())));
    const auto record = tenant.has_value() ? tenants.find(*tenant) : tenants.end();
    // One with a wish was not demoted after all, or was promoted again.
    if (record != tenants.end() && !record->second.wish) {
      recall_from(*tenant, event->at);
    }
  }
}

HostRoom PromotionDriver::room() {
  const MonoTime now = deps_.reactor.now();
  if (!room_ || now - room_->first >= kRoomEvery) {
    room_ = {now, room_of(deps_.host.sample())};
    deps_.monitor.note_room(now, room_->second);
  }
  return room_->second;
}

void PromotionDriver::tell_not_moved(const TenantId& tenant, const std::string& why) {
  ++counts_.not_moved;
  tell_refusal(tenant, why);
}

void PromotionDriver::tell_news() {
  for (const PromotionDecision& decision : deps_.monitor.news(
           deps_.reactor.now(), deps_.recorded.snapshot(), [this] { return room(); })) {
    deps_.events.add("monitor.would_" + std::string(name_of(*decision.kind)),
                     subject_of_tenant(decision.tenant), dump_json(describe_decision(decision)));
  }
  const std::optional<BalanceMove> move =
      deps_.monitor.balance(deps_.reactor.now(), deps_.recorded.snapshot());
  if (move && told_rebalance_ != move->tenant) {
    deps_.events.add("monitor.would_rebalance", subject_of_tenant(move->tenant),
                     dump_json(describe_move(*move)));
  }
  told_rebalance_ = move ? std::optional(move->tenant) : std::nullopt;
}

void PromotionDriver::act() {
  if (is_moving_ || deps_.loop.is_busy() || deps_.loop.is_stopping() || deps_.loop.is_locked()) {
    return;
  }
  const MonoTime now = deps_.reactor.now();
  const Snapshot& recorded = deps_.recorded.snapshot();
  if (const std::vector<PromotionDecision> movers =
          deps_.monitor.movers(now, recorded, [this] { return room(); });
      !movers.empty()) {
    move(movers.front());
    return;
  }
  if (const std::vector<TenantId> stranded = deps_.monitor.stranded(now, recorded);
      !stranded.empty()) {
    for (const TenantId& tenant : stranded) {
      deps_.monitor.note_attempt(now, tenant);
    }
    is_moving_ = true;
    decided_at_ = now;
    settle(stranded.front(), nullptr);
    return;
  }
  even_out();
}

void PromotionDriver::even_out() {
  const std::optional<BalanceMove> move =
      deps_.monitor.balance(deps_.reactor.now(), deps_.recorded.snapshot());
  if (!move) {
    return;
  }
  const TenantId tenant = move->tenant;
  is_moving_ = true;
  decided_at_ = deps_.reactor.now();
  deps_.monitor.note_attempt(decided_at_, tenant, Attempted::kPool);
  ++counts_.rebalances;
  deps_.events.add("monitor.rebalances", subject_of_tenant(tenant),
                   dump_json(describe_move(*move)));
  if (const Status begun = begin_even_out(*move); begun.has_error()) {
    is_moving_ = false;
    tell_not_moved(tenant, begun.error().text());
  }
}

Status PromotionDriver::begin_even_out(const BalanceMove& move) {
  const Snapshot snapshot = deps_.loop.snapshot();
  // Whether it may go there now is asked as for a person who moves it.
  VC_TRY(std::optional<PoolMove> checked, choose_move(snapshot, move.tenant, move.to));
  std::vector<PoolMove> moves;
  if (checked) {
    checked->reason = move.reason;
    moves.push_back(*std::move(checked));
  }
  VC_TRY(Plan plan, plan_moves(snapshot, moves));
  return deps_.loop.carry_out(
      std::move(plan), {[](const Plan&) {}, [](const api::StepProgress&) {},
                        [this, tenant = move.tenant](const api::ApplyOutcome& outcome) {
                          is_moving_ = false;
                          if (outcome.failed + outcome.skipped > 0) {
                            tell_not_moved(
                                tenant,
                                "it stays where it is; see 'voicectl events' for the step that "
                                "failed");
                          } else {
                            note_took();
                          }
                        }});
}

void PromotionDriver::note_took() {
  LatencyHistogram took;
  took.record(deps_.reactor.now() - decided_at_);
  counts_.took.add(took);
}

void PromotionDriver::move(const PromotionDecision& decision) {
  is_moving_ = true;
  decided_at_ = deps_.reactor.now();
  Json facts = describe_decision(decision);
  facts["tenant"] = decision.tenant.str();
  const std::vector<HookSpec> hooks = deps_.recorded.snapshot().platform->hooks.before_promotion;
  deps_.hooks.run("before_promotion", hooks, facts, HookRunner::OnFailure::kStop, nullptr,
                  [this, decision, facts, is_waiting = !hooks.empty()](const Status& passed) {
                    const Status stands =
                        passed.has_error() || !is_waiting ? passed : check_again(decision);
                    // Only now: what it is judged by must not count it among the others.
                    deps_.monitor.note_attempt(deps_.reactor.now(), decision.tenant);
                    if (stands.has_error()) {
                      is_moving_ = false;
                      tell_refusal(decision.tenant, stands.error().text());
                    } else {
                      record(decision, facts);
                    }
                  });
}

Status PromotionDriver::check_again(const PromotionDecision& decision) {
  const auto changed = [](std::string_view what) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot move it: {} changed while its hooks ran", what));
  };
  const Snapshot& recorded = deps_.recorded.snapshot();
  if (deps_.loop.is_stopping()) {
    return Error(ErrorCode::kCancelled, "cannot move it: the platform is being stopped");
  }
  if (deps_.loop.is_locked()) {
    return Error(ErrorCode::kConflict,
                 "cannot move it: the platform was locked while its hooks ran");
  }
  if (!recorded.platform || recorded.platform->monitor.mode != PromotionMode::kOn) {
    return changed("the mode of the monitor");
  }
  deps_.monitor.set_policy(recorded.platform->monitor);
  for (const PromotionDecision& now :
       deps_.monitor.movers(deps_.reactor.now(), recorded, [this] { return room(); })) {
    if (now.tenant == decision.tenant && now.kind == decision.kind) {
      return ok_status();
    }
  }
  return changed("what is decided about it");
}

void PromotionDriver::tell_refusal(const TenantId& tenant, const std::string& why) {
  deps_.events.add("monitor.not_moved", subject_of_tenant(tenant), dump_json({{"error", why}}));
}

void PromotionDriver::not_moved(const TenantId& tenant, const std::string& error) {
  is_moving_ = false;
  tell_not_moved(tenant, error);
}

void PromotionDriver::record(const PromotionDecision& decision, const Json& facts) {
  const TenantId tenant = decision.tenant;
  const bool is_promotion = *decision.kind == PromotionKind::kPromote;
  ++(is_promotion ? counts_.promotions : counts_.demotions);
  if (is_promotion) {
    deps_.events.add("monitor.promotes", subject_of_tenant(tenant),
                     dump_json(describe_decision(decision)));
  } else {
    deps_.events.add("monitor.demotes", subject_of_tenant(tenant),
                     dump_json(describe_decision(decision)));
  }
  const RecordWish wish{tenant, is_promotion ? std::optional(decision.reason) : std::nullopt};
  const auto recorded = [this, tenant, facts](const Status& status) {
    if (status.has_error()) {
      not_moved(tenant, status.error().text());
    } else {
      settle(tenant, facts);
    }
  };
  if (const Status begun = deps_.loop.run_single(wish, decision.reason, recorded);
      begun.has_error()) {
    recorded(begun);
  }
}

void PromotionDriver::settle(const TenantId& tenant, const Json& facts) {
  deps_.loop.converge("the monitor moves " + tenant.str(),
                      [this, tenant, facts] { settled(tenant, facts); });
}

void PromotionDriver::settled(const TenantId& tenant, const Json& facts) {
  is_moving_ = false;
  const bool is_moved = note_end(tenant);
  if (!facts.is_null() && deps_.recorded.snapshot().platform) {
    Json told = facts;
    told["moved"] = is_moved;
    // What failed of them is an event, and takes nothing back.
    deps_.hooks.run("after_promotion", deps_.recorded.snapshot().platform->hooks.after_promotion,
                    told, HookRunner::OnFailure::kGoOn, nullptr, [](const Status&) {});
  }
}

bool PromotionDriver::note_end(const TenantId& tenant) {
  const std::vector<TenantId> stranded =
      deps_.monitor.stranded(MonoTime::max(), deps_.recorded.snapshot());
  if (std::find(stranded.begin(), stranded.end(), tenant) == stranded.end()) {
    note_took();
    return true;
  }
  tell_not_moved(tenant,
                 "it stays where it is for now; see 'voicectl events' for the step that failed");
  return false;
}

}  // namespace voicectl
