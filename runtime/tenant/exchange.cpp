// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/exchange.h"

#include <utility>

#include "base/check.h"
#include "base/crypto.h"

namespace voicectl::runtime {
namespace {

/// Longest request number that is taken. The edge's have 32 characters.
constexpr std::size_t kMaxRequestId = 128;
/// Characters of a hash that tell two bodies of one client apart.
constexpr std::size_t kBodyMark = 16;
constexpr int kSwitchingProtocols = 101;

/// The client's own key outlives its connection; the edge numbers each request that reaches it.
std::optional<std::string> request_key_of(const HttpRequest& request) {
  const auto key = request.header("Idempotency-Key");
  const auto id = key ? key : request.header("X-Request-Id");
  if (!id || id->empty() || id->size() > kMaxRequestId) {
    return std::nullopt;
  }
  if (!key) {
    return request.method + " " + request.path + " " + std::string(*id);
  }
  return request.method + " " + request.path + " key " + std::string(*key) + "\n" +
         sha256_hex(request.body).substr(0, kBodyMark);
}

}  // namespace

LatencyHistogram TenantCounters::take_latency() {
  older_latency.add(latency);
  return std::exchange(latency, LatencyHistogram());
}

LatencyTotals TenantCounters::all_latency() const {
  LatencyTotals all = older_latency;
  all.add(latency);
  return all;
}

int status_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
      return 400;
    case ErrorCode::kPermissionDenied:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kResourceExhausted:
      return 507;
    case ErrorCode::kTimeout:
      return 504;
    case ErrorCode::kFenced:
    case ErrorCode::kUnavailable:
    case ErrorCode::kCancelled:
    case ErrorCode::kCorrupt:
      return 503;
    case ErrorCode::kInternal:
      return 500;
  }
  return 500;
}

HttpResponse refusal_of(const Error& error) {
  return error_response(status_of(error), name_of(error.code()), error.text());
}

Exchange::Exchange(HttpRequest request,
                   std::shared_ptr<Responder> responder,
                   RouteMatch match,
                   std::shared_ptr<TenantCounters> counters)
    : request_(std::move(request)),
      responder_(std::move(responder)),
      match_(std::move(match)),
      counters_(std::move(counters)),
      request_key_(request_key_of(request_)),
      begun_(counters_->clock.now()) {
  ++counters_->requests_in_progress;
}

Exchange::~Exchange() {
  --counters_->requests_in_progress;
  if (traffic_) {
    --counters_->in_flight[static_cast<std::size_t>(*traffic_)];
  }
}

void Exchange::count_in(Traffic traffic) {
  VC_CHECK(!traffic_, "a request is counted in once");
  traffic_ = traffic;
  ++counters_->in_flight[static_cast<std::size_t>(traffic)];
}

const std::string& Exchange::parameter(std::string_view name) const {
  const auto found = match_.parameters.find(name);
  VC_CHECK(found != match_.parameters.end(), "the route's pattern has the parameter");
  return found->second;
}

void Exchange::count(int status) {
  const std::string route(match_.route == nullptr ? "other" : match_.route->pattern);
  ++counters_->requests[{route, status}];
  ++counters_->requests_total;
  counters_->latency.record(counters_->clock.now() - begun_);
}

void Exchange::answer(HttpResponse response) {
  count(response.status);
  if (!origin_.empty()) {
    response.headers.emplace_back("Access-Control-Allow-Origin", origin_);
    response.headers.emplace_back("Access-Control-Expose-Headers", "Retry-After");
    response.headers.emplace_back("Vary", "Origin");
  }
  responder_->send(std::move(response));
}

void Exchange::refuse(int status, std::string_view code, std::string_view message) {
  answer(error_response(status, code, message));
}

void Exchange::refuse(const Error& error) {
  answer(refusal_of(error));
}

Result<std::shared_ptr<WebSocket>> Exchange::upgrade(std::string tag) {
  auto socket = responder_->upgrade(std::move(tag));
  count(socket.has_value() ? kSwitchingProtocols : 400);
  return socket;
}

}  // namespace voicectl::runtime
