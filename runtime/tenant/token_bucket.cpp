// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/token_bucket.h"

#include <algorithm>

namespace voicectl::runtime {
namespace {

/// Time that one token takes to come, rounded up, so that rounding never lets more through.
Duration interval(const Rate& rate) {
  return Duration((rate.window.count() + rate.count - 1) / rate.count);
}

/// Time in which an empty bucket becomes full.
Duration fill_time(const Rate& rate) {
  return interval(rate) * rate.count;
}

}  // namespace

void TokenBucket::settle(const Rate& rate, MonoTime now) {
  // What is farther away than an empty bucket explains was said under another clock or rate.
  full_at_ = std::clamp(full_at_, now, now + fill_time(rate));
}

std::optional<Duration> TokenBucket::wait(const Rate& rate, MonoTime now) {
  settle(rate, now);
  const Duration missing = (full_at_ - now) + interval(rate) - fill_time(rate);
  return missing > Duration(0) ? std::optional(missing) : std::nullopt;
}

void TokenBucket::take(const Rate& rate, MonoTime now) {
  settle(rate, now);
  full_at_ += interval(rate);
}

}  // namespace voicectl::runtime
