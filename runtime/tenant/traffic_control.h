// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "runtime/tenant/config.h"
#include "runtime/tenant/token_bucket.h"

namespace voicectl::runtime {

/// Counted apart, so that a flood of one leaves the other alone: requests to the API and upgrades
/// to WebSockets; events and tool calls of Ultravox.
enum class Traffic { kApi, kWebhook };
inline constexpr std::size_t kTraffics = 2;
std::string_view name_of(Traffic traffic);

/// The time over which the figures of TrafficLimits count.
inline constexpr Duration kRateWindow = std::chrono::seconds(10);

/// Why a request has to wait.
enum class BusyReason {
  kTenant,    ///< all of the tenant's callers together
  kKey,       ///< one API key, or all sessions' tokens together
  kStranger,  ///< callers who are not known here, together
  kInFlight,  ///< too many requests are being answered
  kForgery,   ///< wrong signatures of one source, or of all strangers together
  kSockets,   ///< open WebSockets
};
std::string_view name_of(BusyReason reason);

struct Busy {
  BusyReason reason;
  /// Until it is worth trying again.
  Duration wait;
};

/// How much of one tenant's traffic is let in. Pure but for what it remembers.
class TrafficControl {
 public:
  /// Counts one more request in, or says why not; a refused one costs no share. `key` is the id of
  /// an API key, and empty for a session's token. `in_flight`: those of that traffic now.
  std::optional<Busy> admit(const TrafficLimits& limits,
                            Traffic traffic,
                            std::string_view key,
                            std::size_t in_flight,
                            MonoTime now);
  /// The same for one who showed nothing that is known here. What strangers do never uses up the
  /// share of those who are known.
  std::optional<Busy> admit_stranger(const TrafficLimits& limits, MonoTime now);

  /// Forgets keys that are gone.
  void keep_only(const std::vector<ApiKey>& keys);

  /// When each share will be whole again: what another process needs to go on with it.
  struct Shares {
    MonoTime api;
    MonoTime webhooks;
    MonoTime strangers;
    std::map<std::string, MonoTime> keys;
    friend bool operator==(const Shares&, const Shares&) = default;
  };
  Shares shares() const;
  void go_on_with(const Shares& shares);

 private:
  TokenBucket api_;
  TokenBucket webhooks_;
  TokenBucket strangers_;
  std::map<std::string, TokenBucket, std::less<>> keys_;
};

}  // namespace voicectl::runtime
