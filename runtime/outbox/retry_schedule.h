// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/random.h"
#include "runtime/session/stored_values.h"

namespace voicectl::runtime {

/// Waits before each attempt, as the Standard Webhooks specification has them: 75 h 35 min in all.
inline constexpr std::array<std::chrono::seconds, 10> kAttemptWaits = {
    std::chrono::seconds(0),  std::chrono::seconds(5), std::chrono::minutes(5),
    std::chrono::minutes(30), std::chrono::hours(2),   std::chrono::hours(5),
    std::chrono::hours(10),   std::chrono::hours(14),  std::chrono::hours(20),
    std::chrono::hours(24)};

/// Longest wait that another side can ask for. Nobody may park our work for good.
inline constexpr Duration kLongestRetryAfter = std::chrono::hours(24);

/// How long to wait before the next attempt of an entry of which `entry.attempts` failed, the last
/// one now; nullopt if that was the last. Pure but for `random`.
///
/// Attempt n falls anywhere between the scheduled times of n - 1 and n (full jitter), so that many
/// who failed together do not come back together, and yet nobody's last attempt comes after the
/// schedule's end or before its last wait has begun. An entry that is late by our own fault, or
/// that an operator has begun anew, goes on from where it is instead of catching up.
std::optional<Duration> wait_before_next(const OutboxEntry& entry, WallTime now, Random& random);

}  // namespace voicectl::runtime
