// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "runtime/session/session_store.h"
#include "runtime/tenant/exchange.h"

namespace voicectl::runtime {

/// Knows the numbered requests of the last ten minutes, so that one that the edge repeats has its
/// effect once and gets the first one's answer.
///
/// THREADS: loop thread only.
class RequestMemory {
 public:
  /// Turns a stored answer into one that can be sent.
  using Renderer = std::function<HttpResponse(const StoredResponse&)>;

  explicit RequestMemory(Renderer render) : render_(std::move(render)) {}

  /// Takes what the store holds, in place of what was known.
  void load(const std::vector<StoredResponse>& responses);

  enum class Standing {
    kFirst,  ///< to be carried out; `finish` or `forget` must follow
    kTaken,  ///< answered already, waits for the first one's answer, or was refused
  };
  /// A known key with another body is refused (422, as the IETF's draft of Idempotency-Key says).
  Standing begin(const std::shared_ptr<Exchange>& exchange);

  /// The effect is durable: answers the request and everyone who waits for it. `headers` go with
  /// these answers and are not remembered.
  void finish(const std::shared_ptr<Exchange>& exchange,
              StoredResponse response,
              const HttpHeaders& headers = {});
  /// There was no durable effect: answers likewise, and a repetition begins anew.
  void forget(const std::shared_ptr<Exchange>& exchange, const HttpResponse& response);

  /// Memory of the answers that are known.
  std::size_t bytes() const { return bytes_; }

 private:
  std::vector<std::shared_ptr<Exchange>> take_waiting(const std::shared_ptr<Exchange>& exchange);
  void drop_old(WallTime now);
  void remember(StoredResponse response);

  /// Requests that wait for the first one's answer.
  struct Waiting {
    std::string request_key;
    std::vector<std::shared_ptr<Exchange>> others;
  };

  Renderer render_;
  /// By the request's identity.
  std::unordered_map<std::string, StoredResponse> known_;
  std::deque<std::pair<WallTime, std::string>> by_age_;
  std::unordered_map<std::string, Waiting> waiting_;
  std::size_t bytes_ = 0;
};

/// The answer to a request whose key was used for another body.
HttpResponse refusal_of_reused_key();

}  // namespace voicectl::runtime
