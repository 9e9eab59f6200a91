// SPDX-License-Identifier: Apache-2.0
#include "base/latency_histogram.h"

#include <gtest/gtest.h>

namespace voicectl {
namespace {

using std::chrono::microseconds;

LatencyHistogram of(std::initializer_list<int> lengths_us) {
  LatencyHistogram out;
  for (const int us : lengths_us) {
    out.record(microseconds(us));
  }
  return out;
}

TEST(LatencyHistogramTest, IsWithinASixteenthAndNeverTooLow) {
  for (std::uint64_t us = 1; us < 4'000'000'000; us = us * 3 + 1) {
    LatencyHistogram histogram;
    histogram.record(microseconds(us));
    histogram.record(microseconds(us * 2));

    const std::uint64_t found = histogram.quantile_us(0.5);

    EXPECT_GE(found, us);
    EXPECT_LE(static_cast<double>(found), static_cast<double>(us) * 1.0625 + 1);
  }
}

TEST(LatencyHistogramTest, MergedSaysWhatOneWouldThatHadRecordedAll) {
  LatencyHistogram merged = of({10, 2000, 31});
  merged.merge(of({90'000, 5}));
  merged.merge(LatencyHistogram());

  const LatencyHistogram whole = of({10, 2000, 31, 90'000, 5});

  EXPECT_EQ(merged.buckets(), whole.buckets());
  EXPECT_EQ(merged.count(), 5U);
  EXPECT_EQ(merged.sum_us(), whole.sum_us());
  EXPECT_EQ(merged.longest_us(), 90'000U);
  EXPECT_EQ(merged.quantile_us(0.99), whole.quantile_us(0.99));
}

TEST(LatencyHistogramTest, IsRebuiltFromItsBuckets) {
  const LatencyHistogram before = of({10, 2000, 2001, 90'000});
  LatencyHistogram after;
  for (const auto& [bucket, count] : before.buckets()) {
    ASSERT_TRUE(after.add_bucket(bucket, count));
  }

  EXPECT_EQ(after.buckets(), before.buckets());
  EXPECT_EQ(after.quantile_us(0.5), before.quantile_us(0.5));
  EXPECT_GE(after.longest_us(), before.longest_us());
}

TEST(LatencyHistogramTest, RefusesABucketThatItDoesNotHave) {
  LatencyHistogram histogram;

  EXPECT_FALSE(histogram.add_bucket(LatencyHistogram::kBuckets, 1));
  EXPECT_TRUE(histogram.add_bucket(LatencyHistogram::kBuckets - 1, 1));
  EXPECT_EQ(histogram.count(), 1U);
}

TEST(LatencyHistogramTest, CountsWhatIsUpToABound) {
  const LatencyHistogram histogram = of({400, 900, 3000});

  EXPECT_EQ(histogram.count_up_to_us(500), 1U);
  EXPECT_EQ(histogram.count_up_to_us(1000), 2U);
  EXPECT_EQ(histogram.count_up_to_us(10'000'000), 3U);
}

TEST(LatencyHistogramTest, EmptyHasNothing) {
  EXPECT_EQ(LatencyHistogram().quantile_us(0.99), 0U);
  EXPECT_TRUE(LatencyHistogram().buckets().empty());
}

}  // namespace
}  // namespace voicectl
