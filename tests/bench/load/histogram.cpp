// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace voicectl::bench {

std::size_t Histogram::bucket_of(std::uint64_t us) {
  if (us < (1U << kBits)) {
    return us;
  }
  const auto power = static_cast<unsigned>(std::bit_width(us)) - 1 - kBits;
  const std::size_t within = (us >> power) - (1U << kBits);
  return std::min(((power + 1) << kBits) + within, kBuckets - 1);
}

std::uint64_t Histogram::end_of(std::size_t bucket) {
  if (bucket < (1U << kBits)) {
    return bucket;
  }
  const std::size_t power = (bucket >> kBits) - 1;
  const std::uint64_t within = bucket & ((1U << kBits) - 1);
  return ((within + (1U << kBits) + 1) << power) - 1;
}

void Histogram::record(Duration length) {
  const auto us = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::microseconds>(length).count()));
  ++counts_[bucket_of(us)];
  ++count_;
  longest_us_ = std::max(longest_us_, us);
}

std::uint64_t Histogram::quantile_us(double share) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted && counts_[bucket] > 0) {
      return std::min(end_of(bucket), longest_us_);
    }
  }
  return longest_us_;
}

}  // namespace voicectl::bench
