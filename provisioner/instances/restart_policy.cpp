// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/restart_policy.h"

#include <algorithm>
#include <cstddef>

#include "base/check.h"

namespace voicectl {
namespace {

/// Ends kept for counting. The wait has reached its cap long before.
constexpr std::size_t kMostEnds = 64;

/// How many of the last ends belong together: up to and with the last one of a healthy instance.
std::size_t series_length(const RestartPolicy& policy, const std::vector<InstanceEnd>& ends) {
  const auto healthy = std::find_if(ends.rbegin(), ends.rend(), [&](const InstanceEnd& end) {
    return end.ready_for >= policy.healthy_after;
  });
  const auto quick = static_cast<std::size_t>(healthy - ends.rbegin());
  return healthy == ends.rend() ? quick : quick + 1;
}

}  // namespace

RestartDecision decide_restart(const RestartPolicy& policy,
                               const std::vector<InstanceEnd>& ends,
                               Random& random) {
  VC_CHECK(!ends.empty(), "a restart follows an end");
  const std::size_t series = series_length(policy, ends);
  const MonoTime window_start = ends.back().at - policy.window;
  const auto first = ends.end() - static_cast<std::ptrdiff_t>(series);
  const auto recent = std::count_if(first, ends.end(),
                                    [&](const InstanceEnd& end) { return end.at > window_start; });
  RestartDecision decision;
  decision.attempt = static_cast<int>(series);
  if (recent > policy.budget) {
    decision.verdict = RestartDecision::Verdict::kGiveUp;
    decision.wait = policy.try_again_after;
  } else if (decision.attempt > 1) {
    decision.wait = backoff(policy.wait, decision.attempt - 1, random);
  }
  return decision;
}

std::vector<InstanceEnd> without_forgotten(const RestartPolicy& policy,
                                           std::vector<InstanceEnd> ends) {
  const std::size_t most = std::max(kMostEnds, static_cast<std::size_t>(policy.budget) + 1);
  const std::size_t kept = std::min(series_length(policy, ends), most);
  ends.erase(ends.begin(), ends.end() - static_cast<std::ptrdiff_t>(kept));
  return ends;
}

}  // namespace voicectl
