// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "base/latency_histogram.h"

namespace voicectl {

/// Latencies of the last half minute to minute, in two histograms that take turns.
class RecentLatency {
 public:
  void add(MonoTime at, const LatencyHistogram& values) {
    if (at - began_ >= kTurn) {
      const bool is_next = at - began_ < 2 * kTurn;
      before_ = is_next ? present_ : LatencyHistogram();
      present_ = LatencyHistogram();
      began_ = at;
    }
    present_.merge(values);
  }
  LatencyHistogram all() const {
    LatencyHistogram out = before_;
    out.merge(present_);
    return out;
  }

 private:
  static constexpr Duration kTurn = std::chrono::seconds(30);

  MonoTime began_;
  LatencyHistogram before_;
  LatencyHistogram present_;
};

}  // namespace voicectl
