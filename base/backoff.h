// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "base/random.h"

namespace voicectl {

/// How long to wait between tries: doubling from `first` to `cap`, spread by `jitter`.
struct BackoffPolicy {
  /// Wait before the second try.
  Duration first = std::chrono::seconds(1);
  /// Longest wait.
  Duration cap = std::chrono::seconds(60);
  /// Share of the wait that is drawn at random, 0 (none) to 1 (all), so that many who failed
  /// together do not come back together.
  double jitter = 0.2;
};

/// The wait before try number `attempt` (the first retry is 1), without jitter.
Duration backoff_without_jitter(const BackoffPolicy& policy, int attempt);

/// The same with jitter: within [wait * (1 - jitter), wait].
Duration backoff(const BackoffPolicy& policy, int attempt, Random& random);

}  // namespace voicectl
