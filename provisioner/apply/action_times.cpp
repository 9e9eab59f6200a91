// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/action_times.h"

#include <algorithm>
#include <array>

namespace voicectl {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

struct Assumed {
  std::string_view kind;
  milliseconds typical;
  milliseconds at_most;
};

/// Kinds that do more than write a record and a file. Assumptions on the slow side: they only count
/// until the first of a kind was measured, and every forecast that uses one says so.
constexpr std::array kAssumed = {
    Assumed{"start_instance", milliseconds(200), milliseconds(2000)},
    Assumed{"stop_instance", milliseconds(100), milliseconds(10'000)},
    Assumed{"lend_listener", milliseconds(50), milliseconds(500)},
    Assumed{"reclaim_listener", milliseconds(50), milliseconds(500)},
    Assumed{"issue_certificate", milliseconds(200), milliseconds(2000)},
    Assumed{"publish_edge", milliseconds(500), milliseconds(3000)},
};
/// A record and a file, with their fsyncs.
constexpr Assumed kAssumedOther{"", milliseconds(20), milliseconds(100)};
constexpr Assumed kAssumedPause{"", milliseconds(5), milliseconds(50)};

void keep(std::deque<Duration>& series, Duration length) {
  series.push_back(length);
  if (series.size() > kKeptTimes) {
    series.pop_front();
  }
}

Estimate estimate(const std::deque<Duration>& series, const Assumed& assumed) {
  if (series.empty()) {
    return {assumed.typical, assumed.at_most, 0};
  }
  std::vector<Duration> sorted(series.begin(), series.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t last = sorted.size() - 1;
  return {sorted[last / 2], sorted[(last * 9 + 9) / 10], sorted.size()};
}

}  // namespace

ActionTimes::ActionTimes(const std::vector<TimedAction>& measured) {
  for (auto timed = measured.rbegin(); timed != measured.rend(); ++timed) {
    note(timed->kind, timed->time);
  }
}

void ActionTimes::note(std::string_view kind, const ActionTime& time) {
  const auto found = by_kind_.find(kind);
  keep(found != by_kind_.end() ? found->second : by_kind_[std::string(kind)], time.took);
  if (time.pause) {
    keep(pauses_, *time.pause);
  }
}

Estimate ActionTimes::of(std::string_view kind) const {
  const auto assumed = std::find_if(kAssumed.begin(), kAssumed.end(),
                                    [&](const Assumed& each) { return each.kind == kind; });
  const auto found = by_kind_.find(kind);
  return estimate(found == by_kind_.end() ? Series{} : found->second,
                  assumed == kAssumed.end() ? kAssumedOther : *assumed);
}

Estimate ActionTimes::pause() const {
  return estimate(pauses_, kAssumedPause);
}

}  // namespace voicectl
