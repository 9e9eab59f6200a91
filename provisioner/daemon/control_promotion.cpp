// SPDX-License-Identifier: Apache-2.0
// Routes of the control API about the monitor's decisions.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/load_json.h"
#include "provisioner/daemon/promotion_driver.h"

namespace voicectl {
namespace {

/// Decisions of the past that are told.
constexpr std::size_t kToldDecisions = 10;

Json describe(const RecordedTenant& tenant, const Snapshot& recorded) {
  const PromotionPolicy policy = recorded.platform ? recorded.platform->monitor : PromotionPolicy{};
  const std::optional<PromotionWish>& wish = tenant.wish;
  return {{"tenant", tenant.spec.tenant.str()},
          {"tier", name_of(tenant.spec.tier)},
          {"plan", name_of(tenant.spec.plan)},
          {"instance", tenant.placement ? Json(tenant.placement->str()) : Json()},
          {"mode", name_of(policy.mode)},
          {"wish", wish ? Json{{"reason", wish->reason}, {"since", format_wall_time(wish->since)}}
                        : Json()}};
}

Json describe(const std::vector<EventRecord>& events) {
  Json out = Json::array();
  for (const EventRecord& event : events) {
    const Result<Json> detail = parse_json(event.detail);
    out.push_back({{"at", format_wall_time(event.at)},
                   {"name", event.name},
                   {"detail", detail.has_value() ? *detail : Json::object()}});
  }
  return out;
}

/// What the registry knows of a tenant's past.
struct Past {
  std::vector<EventRecord> decisions;
  std::vector<WatchedStep> day;
};

Result<Past> read_past(Registry& registry, const TenantId& tenant, WallTime now) {
  Past out;
  VC_TRY(out.decisions,
         registry.latest_events("tenant/" + tenant.str(), "monitor.", kToldDecisions));
  VC_TRY(out.day,
         registry.read_load(tenant, LoadStep::kTenMinutes, now - std::chrono::hours(24), now));
  return out;
}

}  // namespace

void ControlServer::explain_placement(const Call& call) {
  const Result<TenantId> tenant = TenantId::parse(call.captures[0]);
  const RecordedTenant* const recorded =
      tenant.has_value() ? deps_.recorded.find_tenant(*tenant) : nullptr;
  if (recorded == nullptr) {
    refuse(call, Error(ErrorCode::kNotFound,
                       fmt::format("cannot find tenant '{}'", call.captures[0].substr(0, 80))));
    return;
  }
  const Snapshot& snapshot = deps_.recorded.snapshot();
  Json body = describe(*recorded, snapshot);
  body["decision"] = Json();
  body["load"] = deps_.status.load_of(*tenant);
  for (const PromotionDecision& decision : deps_.monitor.judge(deps_.reactor.now(), snapshot)) {
    if (decision.tenant == *tenant) {
      body["decision"] = describe_decision(decision);
    }
  }
  deps_.registry.run<Past>([tenant = *tenant, now = deps_.wall.now()](
                               Registry& registry) { return read_past(registry, tenant, now); },
                           [this, call, body](const Result<Past>& past) mutable {
                             if (past.has_error()) {
                               refuse(call, past.error());
                               return;
                             }
                             body["history"] = describe(past->decisions);
                             body["last_day"] = load_summary_json(past->day);
                             answer(call, body);
                           });
}

}  // namespace voicectl
