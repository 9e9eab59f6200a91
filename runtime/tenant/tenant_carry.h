// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/backend/erpnext/erpnext_client.h"
#include "runtime/outbox/outbox.h"
#include "runtime/session/session_book.h"
#include "runtime/tenant/forgery_guard.h"
#include "runtime/tenant/traffic_control.h"

namespace voicectl::runtime {

/// What a tenant's counters are at, as plain data.
struct CarriedCounts {
  std::map<std::pair<std::string, int>, std::uint64_t> requests;
  std::map<std::pair<std::string, std::string>, std::uint64_t> tool_calls;
  std::uint64_t requests_total = 0;
  std::uint64_t tool_calls_total = 0;
  std::map<std::pair<std::string, std::string>, std::uint64_t> refusals;
  friend bool operator==(const CarriedCounts&, const CarriedCounts&) = default;
};

/// What of a tenant is in memory only: everything else is in its store, and its connections travel
/// by themselves.
struct TenantCarry {
  CarriedCounts counts;
  TrafficControl::Shares shares;
  ForgeryGuard::Memory forgeries;
  EventLag event_lag;
  OutboxCounts outbox;
  std::map<std::string, SideFigures, std::less<>> sides;
  ErpnextFigures erpnext;
  /// Tool calls whose agents have a promise, and how many were promised ever.
  std::vector<std::string> promised;
  std::uint64_t promises = 0;
};

// One list of fields each, for base/record_codec.h.

template <typename Visit>
void visit_fields(Visit& visit, CarriedCounts& counts) {
  auto& [requests, tool_calls, requests_total, tool_calls_total, refusals] = counts;
  visit("requests", requests);
  visit("tool_calls", tool_calls);
  visit("requests_total", requests_total);
  visit("tool_calls_total", tool_calls_total);
  visit("refusals", refusals);
}

template <typename Visit>
void visit_fields(Visit& visit, TrafficControl::Shares& shares) {
  auto& [api, webhooks, strangers, keys] = shares;
  visit("api", api);
  visit("webhooks", webhooks);
  visit("strangers", strangers);
  visit("keys", keys);
}

template <typename Visit>
void visit_fields(Visit& visit, ForgeryGuard::Memory& memory) {
  auto& [sources, strangers] = memory;
  visit("sources", sources);
  visit("strangers", strangers);
}

template <typename Visit>
void visit_fields(Visit& visit, EventLag& lag) {
  auto& [events, total, longest] = lag;
  visit("events", events);
  visit("total", total);
  visit("longest", longest);
}

template <typename Visit>
void visit_fields(Visit& visit, OutboxCounts& counts) {
  auto& [delivered, failed_attempts, given_up] = counts;
  visit("delivered", delivered);
  visit("failed_attempts", failed_attempts);
  visit("given_up", given_up);
}

template <typename Visit>
void visit_fields(Visit& visit, SideFigures& figures) {
  auto& [side, pending, dead, oldest, is_paused, delivered, failed, unreachable, refused,
         given_up] = figures;
  visit("side", side);
  visit("pending", pending);
  visit("dead", dead);
  visit("oldest", oldest);
  visit("is_paused", is_paused);
  visit("delivered", delivered);
  visit("failed", failed);
  visit("unreachable", unreachable);
  visit("refused", refused);
  visit("given_up", given_up);
}

template <typename Visit>
void visit_fields(Visit& visit, ErpnextFigures& figures) {
  auto& [requests, waited] = figures;
  visit("requests", requests);
  visit("waited", waited);
}

template <typename Visit>
void visit_fields(Visit& visit, TenantCarry& carry) {
  auto& [counts, shares, forgeries, event_lag, outbox, sides, erpnext, promised, promises] = carry;
  visit("counts", counts);
  visit("shares", shares);
  visit("forgeries", forgeries);
  visit("event_lag", event_lag);
  visit("outbox", outbox);
  visit("sides", sides);
  visit("erpnext", erpnext);
  visit("promised", promised);
  visit("promises", promises);
}

}  // namespace voicectl::runtime
