// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <gtest/gtest.h>

namespace voicectl {
namespace {

using namespace std::chrono_literals;

TEST(ClockTest, PrintsCalendarTimeInUtcWithMilliseconds) {
  EXPECT_EQ(format_wall_time(WallTime(0ms)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_wall_time(WallTime(1763717400000ms)), "2025-11-21T09:30:00.000Z");
  EXPECT_EQ(format_wall_time(WallTime(1709210096007ms)), "2024-02-29T12:34:56.007Z");
  EXPECT_EQ(format_wall_time(WallTime(-1ms)), "1969-12-31T23:59:59.999Z");
}

TEST(ClockTest, PrintsLengthsForPeople) {
  EXPECT_EQ(format_duration(0ns), "0us");
  EXPECT_EQ(format_duration(999us), "999us");
  EXPECT_EQ(format_duration(250ms), "250ms");
  EXPECT_EQ(format_duration(999ms), "999ms");
  EXPECT_EQ(format_duration(4s), "4s");
  EXPECT_EQ(format_duration(4s + 250ms), "4.2s");
  EXPECT_EQ(format_duration(59s + 900ms), "59s");
  EXPECT_EQ(format_duration(150s), "2m30s");
  EXPECT_EQ(format_duration(3h + 5min), "3h05m");
  EXPECT_EQ(format_duration(49h), "2d01h");
  EXPECT_EQ(format_duration(-4s), "-4s");
}

}  // namespace
}  // namespace voicectl
