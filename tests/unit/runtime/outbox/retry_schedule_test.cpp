// SPDX-License-Identifier: Apache-2.0
#include "runtime/outbox/retry_schedule.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/random_seed.h"
#include "tests/support/sim_reactor.h"

namespace voicectl::runtime {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kWhole = 75h + 35min + 5s;

/// Times of all attempts of an entry that always fails.
std::vector<Duration> attempts_of(Random& random) {
  OutboxEntry entry;
  entry.created_at = SimWallClock::kStart;
  WallTime now = SimWallClock::kStart;
  std::vector<Duration> at;
  while (true) {
    at.emplace_back(now - SimWallClock::kStart);
    ++entry.attempts;
    const auto wait = wait_before_next(entry, now, random);
    if (!wait) {
      return at;
    }
    now += std::chrono::duration_cast<std::chrono::milliseconds>(*wait);
  }
}

TEST(RetryScheduleTest, TriesTenTimesOverAboutSeventyFiveHours) {
  SeededRandom random(1);

  for (int i = 0; i < 1000; ++i) {
    const std::vector<Duration> at = attempts_of(random);
    ASSERT_EQ(at.size(), 10U);
    EXPECT_EQ(at.front(), Duration(0));
    EXPECT_GE(at.back(), kWhole - 24h);
    EXPECT_LE(at.back(), kWhole);
  }
}

TEST(RetryScheduleTest, KeepsEachAttemptWithinItsOwnSlot) {
  SeededRandom random(2);

  for (int i = 0; i < 1000; ++i) {
    const std::vector<Duration> at = attempts_of(random);
    Duration slot_end{0};
    for (std::size_t n = 1; n < at.size(); ++n) {
      EXPECT_GE(at[n], slot_end);
      slot_end += kAttemptWaits[n];
      EXPECT_LE(at[n], slot_end);
    }
  }
}

TEST(RetryScheduleTest, SpreadsThoseWhoFailedTogetherOverTheWholeSlot) {
  SeededRandom random(3);
  OutboxEntry entry;
  entry.created_at = SimWallClock::kStart;
  entry.attempts = 2;

  std::set<int> tenths;
  for (int i = 0; i < 1000; ++i) {
    const Duration wait = *wait_before_next(entry, SimWallClock::kStart + 5s, random);
    tenths.insert(static_cast<int>(wait * 10 / (5min + 1s)));
  }

  EXPECT_EQ(tenths.size(), 10U);
}

TEST(RetryScheduleTest, GoesOnFromWhereItIsWhenAnOperatorBeginsAnew) {
  SeededRandom random(4);
  OutboxEntry entry;
  entry.created_at = SimWallClock::kStart;
  entry.attempts = 1;

  const auto wait = wait_before_next(entry, SimWallClock::kStart + 1000h, random);

  ASSERT_TRUE(wait);
  EXPECT_LE(*wait, 5s);
}

TEST(RetryScheduleTest, DoesNotWaitLongerBecauseAClockWasSetBack) {
  SeededRandom random(5);
  OutboxEntry entry;
  entry.created_at = SimWallClock::kStart;
  entry.attempts = 1;

  const auto wait = wait_before_next(entry, SimWallClock::kStart - 1000h, random);

  ASSERT_TRUE(wait);
  EXPECT_LE(*wait, 5s);
}

}  // namespace
}  // namespace voicectl::runtime
