// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace voicectl::bench {

/// Counts durations in buckets of at most 1.6 % width, from a microsecond to two hours, so that
/// recording costs the same however many there are.
class Histogram {
 public:
  void record(Duration length);
  std::uint64_t count() const { return count_; }
  /// The shortest length that `share` (0..1) of the recorded ones do not exceed, in microseconds,
  /// rounded up to its bucket's end; 0 if nothing was recorded.
  std::uint64_t quantile_us(double share) const;
  std::uint64_t longest_us() const { return longest_us_; }

 private:
  static constexpr unsigned kBits = 6;  ///< 64 buckets for each power of two
  static constexpr std::size_t kPowers = 33 - kBits;
  static constexpr std::size_t kBuckets = (kPowers + 1) << kBits;

  static std::size_t bucket_of(std::uint64_t us);
  static std::uint64_t end_of(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t longest_us_ = 0;
};

}  // namespace voicectl::bench
