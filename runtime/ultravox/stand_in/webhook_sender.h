// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "base/backoff.h"
#include "base/log.h"
#include "base/os/reactor.h"
#include "runtime/net/http_client.h"
#include "runtime/ultravox/call.h"

namespace voicectl::ultravox {

/// How often a delivery is tried again before it is given up.
inline constexpr int kWebhookRetries = 10;

/// How long a receiver may take for one event. The real service's figure is not published.
inline constexpr Duration kWebhookTimeout = std::chrono::seconds(10);

/// One event on its way to one receiver.
struct WebhookDelivery {
  Callback target;
  std::string call_id;
  std::string event;
  std::string body;
};

/// Posts events, signed, until they are acknowledged with a 2xx or the retries are used up.
///
/// Events of one call to one receiver are tried in order for the first time, each after the try
/// before it has ended; a retry does not hold up those that follow.
/// THREADS: loop thread only.
class WebhookSender {
 public:
  /// `retry_first` is the wait before the first retry; each further one is twice as long.
  /// REQUIRES: all references outlive it.
  WebhookSender(Reactor& reactor,
                HttpClient& http,
                const WallClock& clock,
                const Log& log,
                Duration retry_first);

  void send(WebhookDelivery delivery);

 private:
  using Shared = std::shared_ptr<const WebhookDelivery>;
  using After = std::function<void()>;

  void try_next(const std::string& lane);
  void post(const Shared& delivery, int attempt, After after);
  void retry(const Shared& delivery, int attempt, std::string reason);
  HttpCall signed_call(const WebhookDelivery& delivery) const;

  Reactor& reactor_;
  HttpClient& http_;
  const WallClock& clock_;
  const Log& log_;
  BackoffPolicy policy_;
  std::map<std::string, std::deque<Shared>> lanes_;
  /// Retries that are due after the end of this object find it expired.
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace voicectl::ultravox
