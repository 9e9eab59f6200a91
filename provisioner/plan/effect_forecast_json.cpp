// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "provisioner/plan/effect_forecast.h"

namespace voicectl {
namespace {

constexpr std::string_view kForecastSchema = "voicectl/forecast/v1";

template <typename T>
Json optional_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}
Json optional_json(const std::optional<InstanceId>& name) {
  return name ? Json(name->str()) : Json();
}
Json optional_json(const std::optional<Bytes>& size) {
  return size ? Json(size->count) : Json();
}

Json processes_json(const EffectForecast& forecast) {
  Json out = Json::array();
  for (const ProcessForecast& process : forecast.processes) {
    out.push_back({{"instance", process.instance.str()},
                   {"kind", name_of(process.kind)},
                   {"change", process.is_started ? "start" : "stop"},
                   {"replaces", optional_json(process.replaces)}});
  }
  return out;
}

Json tenant_json(const TenantForecast& tenant) {
  return {{"tenant", tenant.tenant.str()},
          {"fate", name_of(tenant.fate)},
          {"sessions", tenant.live ? Json(tenant.live->sessions) : Json()},
          {"websockets", tenant.live ? Json(tenant.live->websockets) : Json()},
          {"from", optional_json(tenant.from)},
          {"to", optional_json(tenant.to)},
          {"why", tenant.why}};
}

Json sessions_json(const EffectForecast& forecast) {
  Json out = Json::object();
  for (const SessionFate fate :
       {SessionFate::kStay, SessionFate::kMove, SessionFate::kDrain, SessionFate::kDrop}) {
    const auto found = forecast.sessions.find(fate);
    out[name_of(fate)] = found == forecast.sessions.end() ? 0 : found->second;
  }
  Json tenants = Json::array();
  for (const TenantForecast& tenant : forecast.tenants) {
    tenants.push_back(tenant_json(tenant));
  }
  out["tenants_unsampled"] = forecast.unsampled;
  out["pause"] = estimate_json(forecast.pause);
  out["tenants"] = std::move(tenants);
  return out;
}

Json leases_json(const std::vector<PortLease>& leases) {
  Json out = Json::array();
  for (const PortLease& lease : leases) {
    out.push_back({{"port", lease.port.value()}, {"holder", lease.holder}});
  }
  return out;
}

Json irrevocable_json(const EffectForecast& forecast) {
  Json out = Json::array();
  for (const Irrevocable& each : forecast.irrevocable) {
    out.push_back({{"subject", each.subject}, {"why", each.why}});
  }
  return out;
}

std::int64_t seconds_of(Duration length) {
  return std::chrono::duration_cast<std::chrono::seconds>(length).count();
}

}  // namespace

Json estimate_json(const Estimate& estimate) {
  return {{"typical_us", microseconds_of(estimate.typical)},
          {"at_most_us", microseconds_of(estimate.at_most)},
          {"measured", estimate.samples}};
}

Json forecast_json(const EffectForecast& forecast) {
  Json counts = Json::object();
  for (const auto& [quantity, number] : forecast.quantities) {
    counts[name_of(quantity)] = number;
  }
  return Json(
      {{"schema", kForecastSchema},
       {"made_at", format_wall_time(forecast.made_at)},
       {"counts", std::move(counts)},
       {"processes", processes_json(forecast)},
       {"strays_ended", forecast.strays_ended},
       {"sessions", sessions_json(forecast)},
       {"edge",
        {{"websockets_stranded", forecast.stranded}, {"linger_s", seconds_of(forecast.linger)}}},
       {"certificates",
        {{"order", forecast.orders},
         {"authority", forecast.limit.authority},
         {"limit", optional_json(forecast.limit.orders)},
         {"limit_hours", forecast.limit.span.count()}}},
       {"ports",
        {{"bound", leases_json(forecast.ports_bound)},
         {"released", leases_json(forecast.ports_released)},
         {"sockets_bound", forecast.sockets_bound},
         {"sockets_released", forecast.sockets_released}}},
       {"memory_bytes",
        {{"before", optional_json(forecast.memory_before)},
         {"peak", optional_json(forecast.memory_peak)},
         {"after", optional_json(forecast.memory_after)}}},
       {"cpu_milli",
        {{"before", optional_json(forecast.cpu_before)},
         {"after", optional_json(forecast.cpu_after)}}},
       {"duration", estimate_json(forecast.duration)},
       {"assumed", forecast.assumed},
       {"cannot_undo", irrevocable_json(forecast)},
       {"not_known", forecast.unknown},
       {"left", optional_json(forecast.left)}});
}

}  // namespace voicectl
