// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/latency_histogram.h"
#include "base/metrics_text.h"
#include "base/os/system_clock.h"
#include "base/result.h"
#include "runtime/net/http_message.h"
#include "runtime/net/http_server.h"
#include "runtime/tenant/routes.h"
#include "runtime/tenant/traffic_control.h"

namespace voicectl::runtime {

/// What a tenant's requests came to, since the tenant was opened here.
struct TenantCounters {
  /// By pattern of the route ("other" for none) and status.
  std::map<std::pair<std::string, int>, std::uint64_t> requests;
  /// By tool and "ok" or "error".
  std::map<std::pair<std::string, std::string>, std::uint64_t> tool_calls;
  std::uint64_t requests_total = 0;
  std::uint64_t tool_calls_total = 0;
  std::uint64_t requests_in_progress = 0;
  /// Those of them that were counted in, by Traffic.
  std::array<std::size_t, kTraffics> in_flight{};
  /// By traffic and reason: answered with 429 because there were too many.
  std::map<std::pair<std::string_view, std::string_view>, std::uint64_t> refusals;
  /// From a whole request to its answer: those that no sample has told of, and those before. The
  /// latter grow for as long as the tenant is here, more than a bucket of the former can count.
  LatencyHistogram latency;
  LatencyTotals older_latency;
  /// The loop's stands still within a turn, in which many requests are answered.
  SteadyClock clock;

  /// Those that no sample has told of: they are told now.
  LatencyHistogram take_latency();
  /// All of them, ever.
  LatencyTotals all_latency() const;
};

/// One request with its route and its answer. Whoever holds the last copy without having answered
/// answers 500.
///
/// THREADS: loop thread only.
class Exchange {
 public:
  Exchange(HttpRequest request,
           std::shared_ptr<Responder> responder,
           RouteMatch match,
           std::shared_ptr<TenantCounters> counters);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const HttpRequest& request() const { return request_; }
  const Route* route() const { return match_.route; }
  const RouteMatch& match() const { return match_; }
  /// A part of the path. REQUIRES: the route's pattern has it.
  const std::string& parameter(std::string_view name) const;

  /// Id of the API key that let the request in; empty if something else did.
  const std::string& key_id() const { return key_id_; }
  void let_in_by(std::string key_id) { key_id_ = std::move(key_id); }

  /// It counts as being answered until the last copy is dropped.
  void count_in(Traffic traffic);
  /// A page of that origin may read the answer.
  void share_with(std::string_view origin) { origin_ = origin; }

  void answer(HttpResponse response);
  void refuse(int status, std::string_view code, std::string_view message);
  /// Answers with the status that fits the error: see status_of.
  void refuse(const Error& error);
  Result<std::shared_ptr<WebSocket>> upgrade(std::string tag);

  /// What makes a repetition of this request the same one: the client's Idempotency-Key, else the
  /// edge's X-Request-Id; nullopt if nobody numbers it. The client's key is followed by what tells
  /// the body from another one (see request_identity).
  const std::optional<std::string>& request_key() const { return request_key_; }

 private:
  void count(int status);

  HttpRequest request_;
  std::shared_ptr<Responder> responder_;
  RouteMatch match_;
  std::shared_ptr<TenantCounters> counters_;
  std::optional<std::string> request_key_;
  MonoTime begun_;
  std::string key_id_;
  std::string origin_;
  std::optional<Traffic> traffic_;
};

/// 400, 403, 404, 409, 503, 504, 507 or 500.
int status_of(const Error& error);
/// The answer that an error comes to.
HttpResponse refusal_of(const Error& error);

}  // namespace voicectl::runtime
