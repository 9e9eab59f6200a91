// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace voicectl {

/// Counts lengths of time from a microsecond to hours in buckets that are log-linear, as
/// HdrHistogram has them: 2^Bits for each power of two, so that a bucket is at most 1/2^Bits as
/// wide as its value, and recording and merging cost the same however many there are.
template <unsigned Bits, typename Count = std::uint64_t>
class BasicLatencyHistogram {
 public:
  static constexpr std::size_t kPowers = 33 - Bits;
  static constexpr std::size_t kBuckets = (kPowers + 1) << Bits;

  void record(Duration length) {
    const auto us = static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::microseconds>(length).count()));
    ++counts_[bucket_of(us)];
    ++count_;
    sum_us_ += us;
    longest_us_ = std::max(longest_us_, us);
  }

  /// As if what `other` recorded had been recorded here.
  void merge(const BasicLatencyHistogram& other) {
    for (std::size_t bucket = 0; other.count_ > 0 && bucket < kBuckets; ++bucket) {
      counts_[bucket] += other.counts_[bucket];
    }
    count_ += other.count_;
    sum_us_ += other.sum_us_;
    longest_us_ = std::max(longest_us_, other.longest_us_);
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t sum_us() const { return sum_us_; }
  std::uint64_t longest_us() const { return longest_us_; }

  /// The shortest length that `share` (0..1) of the recorded ones do not exceed, in microseconds,
  /// rounded up to its bucket's end; 0 if nothing was recorded.
  std::uint64_t quantile_us(double share) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; count_ > 0 && bucket < kBuckets; ++bucket) {
      seen += counts_[bucket];
      if (seen >= wanted && counts_[bucket] > 0) {
        return std::min(end_of(bucket), longest_us_);
      }
    }
    return longest_us_;
  }

  /// How many were at most `us` long, give or take those of one bucket.
  std::uint64_t count_up_to_us(std::uint64_t us) const {
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; count_ > 0 && bucket < kBuckets && end_of(bucket) <= us;
         ++bucket) {
      seen += counts_[bucket];
    }
    return seen;
  }

  /// Buckets that have something, with how much: what add_bucket takes.
  std::vector<std::pair<std::size_t, std::uint64_t>> buckets() const {
    std::vector<std::pair<std::size_t, std::uint64_t>> out;
    for (std::size_t bucket = 0; count_ > 0 && bucket < kBuckets; ++bucket) {
      if (counts_[bucket] > 0) {
        out.emplace_back(bucket, counts_[bucket]);
      }
    }
    return out;
  }

  /// Adds lengths of which the bucket is known, as if each were as long as its bucket allows. False
  /// if there is no such bucket.
  bool add_bucket(std::size_t bucket, std::uint64_t count) {
    if (bucket >= kBuckets) {
      return false;
    }
    counts_[bucket] += static_cast<Count>(count);
    count_ += count;
    sum_us_ += count * end_of(bucket);
    longest_us_ = count > 0 ? std::max(longest_us_, end_of(bucket)) : longest_us_;
    return true;
  }

 private:
  static std::size_t bucket_of(std::uint64_t us) {
    if (us < (1U << Bits)) {
      return us;
    }
    const auto power = static_cast<unsigned>(std::bit_width(us)) - 1 - Bits;
    const std::size_t within = (us >> power) - (1U << Bits);
    return std::min(((power + 1) << Bits) + within, kBuckets - 1);
  }

  static std::uint64_t end_of(std::size_t bucket) {
    if (bucket < (1U << Bits)) {
      return bucket;
    }
    const std::size_t power = (bucket >> Bits) - 1;
    const std::uint64_t within = bucket & ((1U << Bits) - 1);
    return ((within + (1U << Bits) + 1) << power) - 1;
  }

  std::array<Count, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_us_ = 0;
  std::uint64_t longest_us_ = 0;
};

/// What tenants' latencies are counted in: to a sixteenth, in two kilobytes.
using LatencyHistogram = BasicLatencyHistogram<4, std::uint32_t>;

}  // namespace voicectl
