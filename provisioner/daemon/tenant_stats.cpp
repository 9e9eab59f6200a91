// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/tenant_stats.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace voicectl {
namespace {

/// Pages beyond one for each tenant: those that it was given while it told, and an empty one.
constexpr std::size_t kMorePages = 8;

std::uint64_t count_of(const Json& object, std::string_view key) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer_or(object, key, 0)));
}

std::optional<std::uint64_t> count_if_told(const Json& object, std::string_view key) {
  return object.contains(key) ? std::optional(count_of(object, key)) : std::nullopt;
}

/// [bucket, count, ...]; what makes no sense is left out.
LatencyHistogram histogram_of(const Json& list) {
  LatencyHistogram out;
  for (std::size_t i = 0; list.is_array() && i + 1 < list.size(); i += 2) {
    if (list[i].is_number_unsigned() && list[i + 1].is_number_unsigned()) {
      (void)out.add_bucket(list[i].get<std::size_t>(),
                           list[i + 1].get<std::uint32_t>());  // else it has no such bucket
    }
  }
  return out;
}

TenantStats stats_of(const TenantId& name, const Json& tenant) {
  TenantStats out{name,
                  count_of(tenant, "sessions"),
                  count_of(tenant, "connections"),
                  count_of(tenant, "websockets"),
                  count_of(tenant, "requests_total"),
                  count_of(tenant, "tool_calls_total")};
  if (const auto used = count_if_told(tenant, "cpu_us")) {
    out.processor_time = std::chrono::microseconds(*used);
  }
  out.received = count_of(tenant, "received");
  out.sent = count_of(tenant, "sent");
  out.in_flight = count_if_told(tenant, "in_flight");
  out.events_total = count_of(tenant, "events_total");
  if (const auto held = count_if_told(tenant, "memory")) {
    out.memory = Bytes{*held};
  }
  if (tenant.contains("latency")) {
    out.latency = histogram_of(tenant["latency"]);
  }
  return out;
}

DeadEffects dead_of(const Json& told) {
  constexpr std::size_t kLongestKind = 100;
  return {count_of(told, "count"), count_of(told, "entry"),
          string_or(told, "kind", "").substr(0, kLongestKind), count_of(told, "given_up")};
}

Result<Json> page_of(const std::string& text) {
  VC_TRY(const Json page, parse_json(text));
  if (!page.is_object() || !page.contains("tenants") || !page["tenants"].is_array()) {
    return Error(ErrorCode::kCorrupt, "cannot read what it tells of its tenants: there is no list");
  }
  return page;
}

}  // namespace

OpenConnections open_connections(const std::string& stats, const TenantId& tenant) {
  const Result<Json> page = page_of(stats);
  if (page.has_value()) {
    for (const Json& each : page->at("tenants")) {
      if (string_or(each, "tenant", "") == tenant.str()) {
        return {count_of(each, "connections"), count_of(each, "websockets")};
      }
    }
  }
  return {};
}

StatsPages::StatsPages(std::function<bool(const TenantId&)> is_its_own, std::size_t tenants)
    : is_its_own_(std::move(is_its_own)), pages_left_(tenants + kMorePages) {}

Status StatsPages::take(const std::string& page) {
  VC_TRY(const Json body, page_of(page));
  const std::string next = string_or(body, "next", "");
  // One that does not lead on would be asked for without an end.
  if (!next.empty() && next <= next_) {
    return Error(ErrorCode::kCorrupt, "cannot read what it tells of its tenants: it goes back");
  }
  if (--pages_left_ == 0) {
    return Error(ErrorCode::kCorrupt, "cannot read what it tells of its tenants: it has no end");
  }
  next_ = next;
  for (const Json& told : body["tenants"]) {
    take_tenant(told);
  }
  if (body.contains("loop_lag")) {
    told_.loop_lag = histogram_of(body["loop_lag"]);
  }
  return ok_status();
}

void StatsPages::take_tenant(const Json& told) {
  const Result<TenantId> name = TenantId::parse(string_or(told, "tenant", ""));
  const bool is_in_order =
      name.has_value() && (told_.tenants.empty() || told_.tenants.back().tenant < *name);
  if (is_in_order && is_its_own_(*name)) {
    told_.tenants.push_back(stats_of(*name, told));
    if (told.contains("outbox_dead") && told["outbox_dead"].is_object()) {
      told_.dead.emplace(*name, dead_of(told["outbox_dead"]));
    }
  }
}

}  // namespace voicectl
