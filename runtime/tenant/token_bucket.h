// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace voicectl::runtime {

/// How much may come: up to `count` at once, and `count` per `window` in the long run.
struct Rate {
  /// Not zero.
  std::uint32_t count = 1;
  Duration window = std::chrono::seconds(1);
  friend bool operator==(const Rate&, const Rate&) = default;
};

/// A token bucket that is one number: the time at which it will be full again. In any span of time
/// it lets no more through than the rate's share of the span and one full bucket.
///
/// Time is an argument and may jump. Forward it fills the bucket and nothing more; backward it
/// leaves the bucket empty, never locked.
class TokenBucket {
 public:
  TokenBucket() = default;
  /// As another process left it.
  explicit TokenBucket(MonoTime full_at) : full_at_(full_at) {}
  /// All there is to know of it.
  MonoTime full_at() const { return full_at_; }

  /// How long until a token is there; nullopt if one is there now.
  std::optional<Duration> wait(const Rate& rate, MonoTime now);

  /// Takes a token, also one that is not there: ask `wait` first.
  void take(const Rate& rate, MonoTime now);

 private:
  void settle(const Rate& rate, MonoTime now);

  MonoTime full_at_{};
};

}  // namespace voicectl::runtime
