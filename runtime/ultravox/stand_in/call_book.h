// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "base/result.h"
#include "runtime/ultravox/stand_in/live_call.h"
#include "runtime/ultravox/stand_in/script.h"
#include "runtime/ultravox/stand_in/webhook_book.h"
#include "runtime/ultravox/stand_in/webhook_sender.h"

namespace voicectl::ultravox {

/// Calls that are kept; the oldest that has ended goes when one more comes.
inline constexpr std::size_t kMaxCalls = 10'000;

/// The calls of a stand-in, and who hears of them.
///
/// THREADS: loop thread only.
class CallBook {
 public:
  struct Deps {
    Reactor& reactor;
    HttpClient& http;
    const WallClock& clock;
    Random& random;
    const Log& log;
  };
  struct Options {
    Pace pace = Pace::kNatural;
    /// Play calls that nobody joins after this time.
    std::optional<Duration> auto_join;
    Duration retry_first = std::chrono::seconds(30);
    /// Begin of the join URLs, such as "ws://127.0.0.1:41234".
    std::string join_base;
  };

  CallBook(Deps deps, ScriptBook scripts, Options options);

  /// Makes a call from the body of POST /api/calls.
  /// ERRORS: kInvalidArgument.
  Result<std::shared_ptr<LiveCall>> create(const Json& body);

  /// Null if there is none.
  std::shared_ptr<LiveCall> find(const std::string& call_id) const;

  /// ERRORS: kNotFound; kConflict while it is going on.
  Status remove(const std::string& call_id);

  /// Newest first.
  const std::vector<std::shared_ptr<LiveCall>>& all() const { return calls_; }

  WebhookBook& webhooks() { return webhooks_; }

 private:
  void publish(const CallRecord& call, std::string_view event);
  void forget_oldest();

  Deps deps_;
  ScriptBook scripts_;
  Options options_;
  WebhookBook webhooks_;
  WebhookSender sender_;
  std::vector<std::shared_ptr<LiveCall>> calls_;
};

}  // namespace voicectl::ultravox
