// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/random.h"

namespace voicectl {

/// When an instance that ended by itself is started again.
struct RestartPolicy {
  /// Waits from the second restart on; the first is at once, because callers wait in the backlog
  /// of the tenants' listeners.
  BackoffPolicy wait{
      .first = std::chrono::milliseconds(250), .cap = std::chrono::seconds(300), .jitter = 0.2};
  /// Ready for this long, an instance counts as healthy: its earlier ends are forgotten.
  Duration healthy_after = std::chrono::minutes(10);
  /// Most restarts within `window`; one more end and the instance is given up.
  int budget = 12;
  /// The waits of a spent budget sum up to 8 min 32 s, so an instance that ends at once each time
  /// does spend it within the window.
  Duration window = std::chrono::minutes(10);
  /// After giving up, one more try is made each time this has passed.
  Duration try_again_after = std::chrono::seconds(300);
};

/// One end that nobody asked for.
struct InstanceEnd {
  MonoTime at;
  /// How long it had been ready; zero if it never was.
  Duration ready_for{};
};

struct RestartDecision {
  enum class Verdict {
    kWait,    ///< start again after `wait`
    kGiveUp,  ///< failed; start again after `wait` all the same, or when asked
  };
  Verdict verdict = Verdict::kWait;
  Duration wait{};
  /// Number of this restart in the present series, from 1.
  int attempt = 1;
  friend bool operator==(const RestartDecision&, const RestartDecision&) = default;
};

/// What to do after the last of `ends` (oldest first, at least one). Pure but for the jitter drawn
/// from `random`.
RestartDecision decide_restart(const RestartPolicy& policy,
                               const std::vector<InstanceEnd>& ends,
                               Random& random);

/// `ends` without those that can no longer change a decision, so that the list stays short.
std::vector<InstanceEnd> without_forgotten(const RestartPolicy& policy,
                                           std::vector<InstanceEnd> ends);

}  // namespace voicectl
