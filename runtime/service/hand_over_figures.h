// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/histogram.h"
#include "runtime/handoff/protocol.h"

namespace voicectl::runtime {

/// Counts the hand-overs that this instance took part in since it began.
class HandOverFigures {
 public:
  /// It had the tenant, and gave it away or kept it.
  void note_given(const handoff::HandOverReport& report);
  /// It was to get a tenant.
  void note_taken(std::uint64_t connections) {
    ++taken_;
    connections_taken_ += connections;
  }
  void note_not_taken() { ++not_taken_; }

  /// Appends the text form of Prometheus (0.0.4).
  void render(std::string& out) const;

 private:
  std::uint64_t given_ = 0;
  std::uint64_t kept_ = 0;
  std::uint64_t taken_ = 0;
  std::uint64_t not_taken_ = 0;
  std::uint64_t connections_given_ = 0;
  std::uint64_t connections_taken_ = 0;
  std::uint64_t connections_refused_ = 0;
  std::uint64_t connections_dropped_ = 0;
  double longest_pause_ = 0;
  Histogram<10> durations_{{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60}};
  Histogram<kPauseBounds.size()> pauses_{kPauseBounds};
};

}  // namespace voicectl::runtime
