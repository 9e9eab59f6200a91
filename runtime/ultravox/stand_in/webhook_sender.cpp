// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/stand_in/webhook_sender.h"

#include <fmt/core.h>

#include <utility>

#include "runtime/ultravox/events.h"

namespace voicectl::ultravox {
namespace {

/// Longer than the last wait can become, so that only the number of retries ends them.
constexpr Duration kNoCap = std::chrono::hours(24);

/// Empty when the receiver took it.
std::string reason_of(const Result<HttpResponse>& answer) {
  if (answer.has_error()) {
    return answer.error().text();
  }
  const bool taken = answer->status >= 200 && answer->status <= 299;
  return taken ? "" : fmt::format("answered {}", answer->status);
}

}  // namespace

WebhookSender::WebhookSender(Reactor& reactor,
                             HttpClient& http,
                             const WallClock& clock,
                             const Log& log,
                             Duration retry_first)
    : reactor_(reactor),
      http_(http),
      clock_(clock),
      log_(log),
      policy_{.first = retry_first, .cap = kNoCap, .jitter = 0} {}

void WebhookSender::send(WebhookDelivery delivery) {
  const std::string lane = delivery.call_id + " " + delivery.target.url;
  auto& waiting = lanes_[lane];
  waiting.push_back(std::make_shared<const WebhookDelivery>(std::move(delivery)));
  if (waiting.size() == 1) {
    try_next(lane);
  }
}

void WebhookSender::try_next(const std::string& lane) {
  post(lanes_[lane].front(), 1, [this, lane] {
    auto& waiting = lanes_[lane];
    waiting.pop_front();
    if (waiting.empty()) {
      lanes_.erase(lane);
    } else {
      try_next(lane);
    }
  });
}

void WebhookSender::post(const Shared& delivery, int attempt, After after) {
  http_.send(signed_call(*delivery),
             [this, weak = std::weak_ptr(alive_), delivery, attempt,
              after = std::move(after)](const Result<HttpResponse>& answer) {
               if (weak.expired()) {
                 return;
               }
               std::string reason = reason_of(answer);
               if (!reason.empty()) {
                 retry(delivery, attempt, std::move(reason));
               }
               if (after) {
                 after();
               }
             });
}

void WebhookSender::retry(const Shared& delivery, int attempt, std::string reason) {
  if (attempt > kWebhookRetries) {
    log_.warn("standin.webhook.given_up", {{"event", delivery->event},
                                           {"call", delivery->call_id},
                                           {"url", delivery->target.url},
                                           {"reason", reason}});
    return;
  }
  const Duration wait = backoff_without_jitter(policy_, attempt);
  log_.info("standin.webhook.retry", {{"event", delivery->event},
                                      {"call", delivery->call_id},
                                      {"url", delivery->target.url},
                                      {"attempt", attempt},
                                      {"wait", wait},
                                      {"reason", reason}});
  reactor_.call_after(wait, [this, weak = std::weak_ptr(alive_), delivery, attempt] {
    if (!weak.expired()) {
      post(delivery, attempt + 1, nullptr);
    }
  });
}

HttpCall WebhookSender::signed_call(const WebhookDelivery& delivery) const {
  const std::string timestamp = format_wall_time(clock_.now());
  std::string signatures;
  for (const Secret& secret : delivery.target.secrets) {
    signatures += (signatures.empty() ? "" : ",") + sign_event(secret, delivery.body, timestamp);
  }
  HttpCall call;
  call.method = "POST";
  call.url = delivery.target.url;
  call.headers = {{"Content-Type", "application/json"}, {std::string(kTimestampHeader), timestamp}};
  if (!signatures.empty()) {
    call.headers.emplace_back(kSignatureHeader, signatures);
  }
  call.body = delivery.body;
  call.timeout = kWebhookTimeout;
  return call;
}

}  // namespace voicectl::ultravox
