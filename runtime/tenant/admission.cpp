// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/admission.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace voicectl::runtime {
namespace {

/// Spoken by the agent; it may simply call the tool again.
constexpr std::string_view kOneMoment =
    R"({"success":false,"error":"rate_limited","message":"I'm sorry, we are very busy right now. )"
    R"(Please give me a moment and I will try again."})";

std::string_view words_for(BusyReason reason) {
  switch (reason) {
    case BusyReason::kTenant:
    case BusyReason::kKey:
    case BusyReason::kStranger:
      return "too many came lately";
    case BusyReason::kInFlight:
      return "too many are being answered";
    case BusyReason::kForgery:
      return "too many with wrong signatures came lately";
    case BusyReason::kSockets:
      return "too many WebSockets are open";
  }
  return "too many came lately";
}

/// Where the request came from, as the edge tells it; empty beside the edge.
std::string_view source_of(const Exchange& exchange) {
  return exchange.request().header("X-Forwarded-For").value_or("");
}

}  // namespace

void refuse_busy(TenantScope& scope,
                 const std::shared_ptr<Exchange>& exchange,
                 Traffic traffic,
                 const Busy& busy) {
  ++scope.counters->refusals[{name_of(traffic), name_of(busy.reason)}];
  const auto seconds =
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(busy.wait).count());
  const Route* const route = exchange->route();
  HttpResponse response =
      route != nullptr && route->operation == Operation::kRunTool
          ? json_response(429, std::string(kOneMoment))
          : error_response(429, "rate_limited",
                           fmt::format("cannot take the request now: {}; try again in {}s",
                                       words_for(busy.reason), seconds));
  response.headers.emplace_back("Retry-After", std::to_string(seconds));
  exchange->answer(std::move(response));
}

Admission admit_unproven(TenantScope& scope, const std::shared_ptr<Exchange>& exchange) {
  if (const auto wait = scope.forgeries.wait(source_of(*exchange), scope.reactor.now())) {
    refuse_busy(scope, exchange, Traffic::kWebhook, {BusyReason::kForgery, *wait});
    return Admission::kRefused;
  }
  return Admission::kGranted;
}

void note_proof(TenantScope& scope, const Exchange& exchange, Proof proof) {
  const MonoTime now = scope.reactor.now();
  proof == Proof::kRight ? scope.forgeries.note_right(source_of(exchange), now)
                         : scope.forgeries.note_wrong(source_of(exchange), now);
}

Admission admit(TenantScope& scope,
                const std::shared_ptr<Exchange>& exchange,
                Traffic traffic,
                std::string_view key) {
  const std::size_t in_flight = scope.counters->in_flight[static_cast<std::size_t>(traffic)];
  const std::optional<Busy> busy =
      scope.traffic.admit(scope.config->traffic, traffic, key, in_flight, scope.reactor.now());
  if (busy) {
    refuse_busy(scope, exchange, traffic, *busy);
    return Admission::kRefused;
  }
  exchange->count_in(traffic);
  return Admission::kGranted;
}

void refuse_stranger(TenantScope& scope, const std::shared_ptr<Exchange>& exchange) {
  if (const auto busy = scope.traffic.admit_stranger(scope.config->traffic, scope.reactor.now())) {
    refuse_busy(scope, exchange, Traffic::kApi, *busy);
    return;
  }
  HttpResponse response = error_response(
      401, "unauthorized", "cannot let the request in: it needs a key or token of this tenant");
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  exchange->answer(std::move(response));
}

}  // namespace voicectl::runtime
