// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/promotion_driver.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl {
namespace {

std::string subject_of_tenant(const TenantId& tenant) {
  return "tenant/" + tenant.str();
}

Json seconds_of(const std::optional<Duration>& held) {
  return held ? Json(std::chrono::duration_cast<std::chrono::seconds>(*held).count()) : Json();
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
  if (platform->monitor.mode == PromotionMode::kOn) {
    act();
  } else {
    tell_news();
  }
}

void PromotionDriver::tell_news() {
  for (const PromotionDecision& decision :
       deps_.monitor.news(deps_.reactor.now(), deps_.recorded.snapshot())) {
    deps_.events.add("monitor.would_" + std::string(name_of(*decision.kind)),
                     subject_of_tenant(decision.tenant), dump_json(describe_decision(decision)));
  }
}

void PromotionDriver::act() {
  if (is_moving_ || deps_.loop.is_busy() || deps_.loop.is_stopping() || deps_.loop.is_locked()) {
    return;
  }
  const MonoTime now = deps_.reactor.now();
  const Snapshot& recorded = deps_.recorded.snapshot();
  for (const PromotionDecision& decision : deps_.monitor.judge(now, recorded)) {
    if (decision.kind) {
      move(decision);
      return;
    }
  }
  if (const std::vector<TenantId> stranded = deps_.monitor.stranded(now, recorded);
      !stranded.empty()) {
    for (const TenantId& tenant : stranded) {
      deps_.monitor.note_attempt(now, tenant);
    }
    is_moving_ = true;
    settle(stranded.front());
  }
}

void PromotionDriver::move(const PromotionDecision& decision) {
  const TenantId tenant = decision.tenant;
  const bool is_promotion = *decision.kind == PromotionKind::kPromote;
  is_moving_ = true;
  deps_.monitor.note_attempt(deps_.reactor.now(), tenant);
  if (is_promotion) {
    deps_.events.add("monitor.promotes", subject_of_tenant(tenant),
                     dump_json(describe_decision(decision)));
  } else {
    deps_.events.add("monitor.demotes", subject_of_tenant(tenant),
                     dump_json(describe_decision(decision)));
  }
  const RecordWish wish{tenant, is_promotion ? std::optional(decision.reason) : std::nullopt};
  const auto recorded = [this, tenant](const Status& status) {
    if (status.has_error()) {
      is_moving_ = false;
      deps_.events.add("monitor.not_moved", subject_of_tenant(tenant),
                       dump_json({{"error", status.error().text()}}));
      return;
    }
    settle(tenant);
  };
  if (const Status begun = deps_.loop.run_single(wish, decision.reason, recorded);
      begun.has_error()) {
    recorded(begun);
  }
}

void PromotionDriver::settle(const TenantId& tenant) {
  deps_.loop.converge("the monitor moves " + tenant.str(), [this, tenant] {
    is_moving_ = false;
    const std::vector<TenantId> stranded =
        deps_.monitor.stranded(MonoTime::max(), deps_.recorded.snapshot());
    if (std::find(stranded.begin(), stranded.end(), tenant) != stranded.end()) {
      deps_.events.add("monitor.not_moved", subject_of_tenant(tenant),
                       dump_json({{"error",
                                   "it stays where it is for now; see 'voicectl events' "
                                   "for the step that failed"}}));
    }
  });
}

}  // namespace voicectl
