// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/latency_histogram.h"
#include "base/os/reactor.h"

namespace voicectl::runtime {

/// How late the loop is: how long somebody who is due waits for those before. Looks four times a
/// second.
///
/// THREADS: loop thread only.
class LoopLag {
 public:
  /// REQUIRES: `reactor` outlives it.
  explicit LoopLag(Reactor& reactor);
  ~LoopLag();
  LoopLag(const LoopLag&) = delete;
  LoopLag& operator=(const LoopLag&) = delete;

  /// What was seen since this was last asked.
  LatencyHistogram take();
  /// What was seen ever.
  LatencyHistogram all() const;

 private:
  void wait();

  Reactor& reactor_;
  LatencyHistogram fresh_;
  LatencyHistogram older_;
  std::optional<TimerId> timer_;
};

}  // namespace voicectl::runtime
