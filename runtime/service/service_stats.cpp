// SPDX-License-Identifier: Apache-2.0
// What an instance tells the daemon of its tenants' load.
#include <nlohmann/json.hpp>

#include "runtime/service/service.h"
#include "runtime/service/stats_page.h"

namespace voicectl::runtime {
namespace {

/// [bucket, count, bucket, count, ...]
Json json_of(const LatencyHistogram& values) {
  Json out = Json::array();
  for (const auto& [bucket, count] : values.buckets()) {
    out.push_back(bucket);
    out.push_back(count);
  }
  return out;
}

/// Of an idle tenant nearly everything is nothing. What is missing counts as that.
void tell_unless_nothing(Json& out, const char* key, std::uint64_t value) {
  if (value != 0) {
    out[key] = value;
  }
}

Json basics_of(const std::string& tenant, const TenantLoad& load) {
  return {{"tenant", tenant},
          {"sessions", load.sessions},
          {"connections", load.connections},
          {"websockets", load.websockets},
          {"requests_total", load.counters->requests_total},
          {"tool_calls_total", load.counters->tool_calls_total}};
}

Json sample_of(const std::string& tenant, const TenantLoad& load) {
  Json one = {{"tenant", tenant}};
  tell_unless_nothing(one, "sessions", load.sessions);
  tell_unless_nothing(one, "connections", load.connections);
  tell_unless_nothing(one, "websockets", load.websockets);
  tell_unless_nothing(one, "requests_total", load.counters->requests_total);
  tell_unless_nothing(one, "tool_calls_total", load.counters->tool_calls_total);
  tell_unless_nothing(one, "received", load.bytes.received);
  tell_unless_nothing(one, "sent", load.bytes.sent);
  tell_unless_nothing(one, "events_total", load.event_lag.events);
  // Of these one that is missing is not known.
  if (load.processor_time) {
    one["cpu_us"] =
        std::chrono::duration_cast<std::chrono::microseconds>(*load.processor_time).count();
  }
  if (load.dead.count > 0) {
    one["outbox_dead"] = {{"count", load.dead.count},
                          {"entry", load.dead.newest},
                          {"kind", load.dead.kind},
                          {"given_up", load.dead.given_up}};
  }
  one["in_flight"] = load.counters->requests_in_progress;
  one["memory"] = load.memory.total();
  return one;
}

}  // namespace

void Service::tell_stats(const ControlRequest& request, const Json& body) const {
  const std::string wanted = string_or(body, "tenant", "");
  const std::string after = string_or(body, "after", "");
  StatsPage page;
  for (const auto& [tenant, place] : places_) {
    const bool is_told = place->host != nullptr && tenant.str() > after &&
                         (wanted.empty() || tenant.str() == wanted);
    if (!is_told) {
      continue;
    }
    if (page.is_full()) {
      page.lead_on();
      break;
    }
    page.add(tenant.str(), basics_of(tenant.str(), place->host->load()));
  }
  request.answer(control::reply::kOk, page.finish(Json::object()));
}

void Service::tell_sample(const ControlRequest& request, const std::string& after) {
  meter_.settle();
  StatsPage page;
  for (const auto& [tenant, place] : places_) {
    if (place->host == nullptr || tenant.str() <= after) {
      continue;
    }
    if (page.is_full()) {
      page.lead_on();
      break;
    }
    Json told = sample_of(tenant.str(), place->host->load());
    told["latency"] = json_of(place->host->take_latency());
    page.add(tenant.str(), told);
  }
  Json more = Json::object();
  if (after.empty()) {
    more["loop_lag"] = json_of(lag_.take());
  }
  request.answer(control::reply::kOk, page.finish(more));
}

}  // namespace voicectl::runtime
