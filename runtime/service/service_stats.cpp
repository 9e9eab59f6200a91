// SPDX-License-Identifier: Apache-2.0
// What an instance tells the daemon of its tenants' load.
#include <nlohmann/json.hpp>

#include "runtime/service/service.h"

namespace voicectl::runtime {
namespace {

/// A message holds 128 KiB; what is counted below is somewhat more than what is sent.
constexpr std::size_t kPageBytes = std::size_t{96} * 1024;
constexpr std::size_t kTenantBytes = 368;
constexpr std::size_t kBucketBytes = 16;

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

}  // namespace

void Service::tell_stats(const ControlRequest& request) const {
  Json tenants = Json::array();
  for (const auto& [tenant, place] : places_) {
    if (place->host != nullptr) {
      tenants.push_back(basics_of(tenant.str(), place->host->load()));
    }
  }
  request.answer(control::reply::kOk, dump_json(Json{{"tenants", std::move(tenants)}}));
}

void Service::tell_sample(const ControlRequest& request, const std::string& after) {
  meter_.settle();
  Json tenants = Json::array();
  Json answer = Json::object();
  std::size_t bytes = 0;
  for (const auto& [tenant, place] : places_) {
    if (place->host == nullptr || tenant.str() <= after) {
      continue;
    }
    if (bytes > kPageBytes) {
      answer["next"] = tenants.back()["tenant"];
      break;
    }
    const TenantLoad load = place->host->load();
    Json one = {{"tenant", tenant.str()}};
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
    one["in_flight"] = load.counters->requests_in_progress;
    one["memory"] = load.memory.total();
    one["latency"] = json_of(place->host->take_latency());
    bytes += kTenantBytes + kBucketBytes * one["latency"].size();
    tenants.push_back(std::move(one));
  }
  answer["tenants"] = std::move(tenants);
  if (after.empty()) {
    answer["loop_lag"] = json_of(lag_.take());
  }
  request.answer(control::reply::kOk, dump_json(answer));
}

}  // namespace voicectl::runtime
