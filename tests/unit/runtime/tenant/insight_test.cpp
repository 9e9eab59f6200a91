// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "base/os/posix_file_system.h"
#include "runtime/tenant/insight_api.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

using std::chrono::days;
using std::chrono::hours;

/// Wednesday 2026-11-25, 02:30 UTC: still Tuesday evening in New York.
constexpr WallTime kNow{std::chrono::milliseconds(1'795'573'800'000)};

TimeZone new_york() {
  PosixFileSystem files;
  return load_time_zone(files, "America/New_York").value();
}

TEST(PeriodTest, BeginsWhereTheTenantsDayBegins) {
  const Period today = period_named("today", new_york(), kNow).value();

  // Midnight there is 05:00 UTC.
  EXPECT_EQ(format_wall_time(today.from), "2026-11-24T05:00:00.000Z");
  EXPECT_EQ(today.to - today.from, days(1));
}

TEST(PeriodTest, BeginsTheWeekOnMonday) {
  const Period week = period_named("week", TimeZone(), kNow).value();

  EXPECT_EQ(format_wall_time(week.from), "2026-11-23T00:00:00.000Z");
  EXPECT_EQ(week.to - week.from, days(7));
}

TEST(PeriodTest, IsAnHourLongerWhenTheClocksGoBack) {
  const Period month = period_named("month", new_york(), kNow).value();

  EXPECT_EQ(format_wall_time(month.from), "2026-11-01T04:00:00.000Z");
  EXPECT_EQ(month.to - month.from, days(30) + hours(1));
}

TEST(PeriodTest, RefusesOtherNames) {
  EXPECT_THAT(period_named("year", TimeZone(), kNow), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(period_named("", TimeZone(), kNow), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(MonthTest, ReadsYearAndMonthAndNothingElse) {
  EXPECT_EQ(format_wall_time(parse_month("2026-11").value()), "2026-11-01T00:00:00.000Z");
  for (const char* text : {"", "2026", "2026-13", "2026-00", "2026-1", "11-2026", "2026-11-01",
                           "+026-11", "0001-01"}) {
    EXPECT_THAT(parse_month(text), FailsWith(ErrorCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace voicectl::runtime
