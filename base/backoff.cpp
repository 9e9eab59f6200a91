// SPDX-License-Identifier: Apache-2.0
#include "base/backoff.h"

#include <algorithm>

namespace voicectl {

Duration backoff_without_jitter(const BackoffPolicy& policy, int attempt) {
  Duration wait = policy.first;
  for (int i = 1; i < attempt && wait < policy.cap; ++i) {
    wait *= 2;
  }
  return std::min(wait, policy.cap);
}

Duration backoff(const BackoffPolicy& policy, int attempt, Random& random) {
  const Duration wait = backoff_without_jitter(policy, attempt);
  const auto spread = static_cast<std::uint64_t>(static_cast<double>(wait.count()) * policy.jitter);
  return spread == 0 ? wait : wait - Duration(random.below(spread + 1));
}

}  // namespace voicectl
