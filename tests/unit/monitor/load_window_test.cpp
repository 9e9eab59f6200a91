// SPDX-License-Identifier: Apache-2.0
#include "monitor/load_window.h"

#include <gtest/gtest.h>

namespace voicectl {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1000s};

/// One value every five seconds, from kStart on.
LoadWindow a_window(std::initializer_list<double> values, WindowLimits limits = {}) {
  LoadWindow window(limits);
  MonoTime at = kStart;
  for (const double value : values) {
    window.add(at, value);
    at += 5s;
  }
  return window;
}

TEST(LoadWindowTest, KeepsTheNewestPoints) {
  const LoadWindow window = a_window({1, 2, 3, 4}, {.points = 3});

  EXPECT_EQ(window.size(), 3U);
  EXPECT_EQ(window.latest(), (LoadPoint{kStart + 15s, 4}));
  EXPECT_EQ(window.mean(kStart + 15s, 1h), 3.0);
}

TEST(LoadWindowTest, IgnoresAPointThatIsNotNewer) {
  LoadWindow window = a_window({1, 2});

  window.add(kStart + 5s, 9);
  window.add(kStart, 9);

  EXPECT_EQ(window.size(), 2U);
  EXPECT_EQ(window.latest()->value, 2);
}

TEST(LoadWindowTest, TakesMeanAndMaximumOverASpanWithBothEnds) {
  const LoadWindow window = a_window({8, 1, 2, 6});

  EXPECT_EQ(window.mean(kStart + 15s, 10s), 3.0);
  EXPECT_EQ(window.max(kStart + 15s, 10s), 6.0);
  EXPECT_EQ(window.max(kStart + 15s, 15s), 8.0);
  EXPECT_EQ(window.mean(kStart + 10s, 5s), 1.5);
}

TEST(LoadWindowTest, HasNoMeanOfNothing) {
  EXPECT_EQ(LoadWindow().mean(kStart, 1h), std::nullopt);
  EXPECT_EQ(a_window({1}).max(kStart + 1h, 1min), std::nullopt);
}

TEST(LoadWindowTest, KnowsForHowLongAValueHasHeld) {
  const LoadWindow window = a_window({9, 3, 5, 6, 5});

  EXPECT_EQ(window.held_at_or_above(5, kStart + 20s), Duration(10s));
  EXPECT_EQ(window.held_at_or_above(5, kStart + 23s), Duration(13s));
  EXPECT_EQ(window.held_at_or_above(3, kStart + 20s), Duration(20s));
  EXPECT_EQ(window.held_at_or_above(5.1, kStart + 20s), std::nullopt);
  EXPECT_EQ(window.held_at_or_below(6, kStart + 20s), Duration(15s));
}

TEST(LoadWindowTest, LetsAGapBreakWhatHeld) {
  LoadWindow window({.longest_gap = 30s});
  window.add(kStart, 5);
  window.add(kStart + 31s, 5);
  window.add(kStart + 61s, 5);

  EXPECT_EQ(window.held_at_or_above(5, kStart + 61s), Duration(30s));
}

TEST(LoadWindowTest, SaysNothingWhenItHeardNothingForTooLong) {
  const LoadWindow window = a_window({5, 5});

  EXPECT_EQ(window.held_at_or_above(5, kStart + 35s), Duration(35s));
  EXPECT_EQ(window.held_at_or_above(5, kStart + 36s), std::nullopt);
}

}  // namespace
}  // namespace voicectl
