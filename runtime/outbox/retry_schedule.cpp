// SPDX-License-Identifier: Apache-2.0
#include "runtime/outbox/retry_schedule.h"

#include <algorithm>

namespace voicectl::runtime {
namespace {

using Milliseconds = std::chrono::milliseconds;

/// Time from the decision to the latest moment of attempt `index`, which counts from 0.
Milliseconds scheduled(std::size_t index) {
  Milliseconds total{0};
  for (std::size_t i = 0; i <= index; ++i) {
    total += kAttemptWaits[i];
  }
  return total;
}

}  // namespace

std::optional<Duration> wait_before_next(const OutboxEntry& entry, WallTime now, Random& random) {
  const std::size_t failed = std::max<std::size_t>(entry.attempts, 1);
  if (failed >= kAttemptWaits.size()) {
    return std::nullopt;
  }
  const WallTime begun = std::max(entry.created_at, now - scheduled(failed - 1));
  // A clock that was set back must not add to the wait.
  const Milliseconds to_slot =
      std::clamp<Milliseconds>(begun + scheduled(failed - 1) - now, Milliseconds(0),
                               Milliseconds(kAttemptWaits[failed - 1]));
  const Milliseconds slot = kAttemptWaits[failed];
  return to_slot + Milliseconds(random.below(static_cast<std::uint64_t>(slot.count()) + 1));
}

}  // namespace voicectl::runtime
