// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/load/histogram.h"

#include <gtest/gtest.h>

namespace voicectl::bench {
namespace {

using std::chrono::microseconds;

TEST(HistogramTest, AnswersShortLengthsExactly) {
  Histogram histogram;

  for (int us = 1; us <= 50; ++us) {
    histogram.record(microseconds(us));
  }

  EXPECT_EQ(histogram.quantile_us(0.5), 25);
  EXPECT_EQ(histogram.quantile_us(1.0), 50);
  EXPECT_EQ(histogram.count(), 50);
}

TEST(HistogramTest, AnswersLongLengthsWithinTwoPercentAndNeverTooLow) {
  for (std::uint64_t us = 1; us < 4'000'000'000; us = us * 3 + 1) {
    Histogram histogram;
    histogram.record(microseconds(us));
    histogram.record(microseconds(us * 2));

    const std::uint64_t found = histogram.quantile_us(0.5);

    EXPECT_GE(found, us);
    EXPECT_LE(static_cast<double>(found), static_cast<double>(us) * 1.02);
  }
}

TEST(HistogramTest, PutsOneInAHundredIntoTheTail) {
  Histogram histogram;
  for (int i = 0; i < 990; ++i) {
    histogram.record(microseconds(10));
  }
  for (int i = 0; i < 10; ++i) {
    histogram.record(microseconds(5000));
  }

  EXPECT_EQ(histogram.quantile_us(0.99), 10);
  EXPECT_EQ(histogram.quantile_us(0.999), 5000);
  EXPECT_EQ(histogram.longest_us(), 5000);
}

TEST(HistogramTest, RoundsPartsOfAMicrosecondUp) {
  Histogram histogram;

  histogram.record(std::chrono::nanoseconds(1));

  EXPECT_EQ(histogram.quantile_us(0.5), 1);
}

}  // namespace
}  // namespace voicectl::bench
