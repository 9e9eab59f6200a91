// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/time_zone.h"

#include <gtest/gtest.h>

#include "tests/support/fake_file_system.h"
#include "tests/support/matchers.h"
#include "tests/support/zone_file.h"

namespace voicectl::runtime {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

LocalTime local(int month, int day, int hour, int minute) {
  return std::chrono::local_days(std::chrono::year(2026) /
                                 std::chrono::month(static_cast<unsigned>(month)) /
                                 std::chrono::day(static_cast<unsigned>(day))) +
         hours(hour) + minutes(minute);
}

WallTime utc(int month, int day, int hour, int minute) {
  return WallTime(local(month, day, hour, minute).time_since_epoch());
}

TEST(TimeZoneTest, FollowsTheChangesOfTheYear) {
  const TimeZone zone = central_europe();

  EXPECT_EQ(zone.to_local(utc(1, 15, 12, 0)), local(1, 15, 13, 0));
  EXPECT_EQ(zone.to_local(utc(7, 15, 12, 0)), local(7, 15, 14, 0));
  EXPECT_EQ(zone.to_local(utc(12, 15, 12, 0)), local(12, 15, 13, 0));
}

TEST(TimeZoneTest, ComesBackToTheSameMoment) {
  const TimeZone zone = central_europe();

  for (const WallTime at : {utc(1, 15, 12, 0), utc(7, 15, 23, 30), utc(3, 29, 1, 0)}) {
    EXPECT_EQ(zone.to_utc(zone.to_local(at)), at);
  }
}

TEST(TimeZoneTest, MovesASkippedTimeBehindTheGap) {
  EXPECT_EQ(central_europe().to_utc(local(3, 29, 2, 30)), utc(3, 29, 1, 30));
}

TEST(TimeZoneTest, TakesTheFirstOfATimeThatComesTwice) {
  EXPECT_EQ(central_europe().to_utc(local(10, 25, 2, 30)), utc(10, 25, 0, 30));
}

TEST(TimeZoneTest, IsUtcWithoutAFile) {
  FakeFileSystem files;

  const Result<TimeZone> zone = load_time_zone(files, "UTC");

  ASSERT_THAT(zone, IsOk());
  EXPECT_EQ(zone->to_local(utc(7, 15, 12, 0)), local(7, 15, 12, 0));
}

TEST(TimeZoneTest, RefusesNamesThatLeaveTheFolder) {
  FakeFileSystem files;

  EXPECT_THAT(load_time_zone(files, "../../etc/passwd"), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(load_time_zone(files, "/etc/passwd"), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(TimeZoneTest, SaysThatAZoneIsMissing) {
  FakeFileSystem files;

  EXPECT_THAT(load_time_zone(files, "Mars/Olympus_Mons"), FailsWith(ErrorCode::kNotFound));
}

TEST(TimeZoneTest, RefusesBrokenFilesOfAnyLength) {
  const std::string whole = zone_file({3600, 7200}, {{kSpring, 1}, {kAutumn, 0}});

  for (std::size_t length = 0; length < whole.size() - 1; ++length) {
    EXPECT_THAT(TimeZone::parse(whole.substr(0, length)), FailsWith(ErrorCode::kCorrupt)) << length;
  }
}

TEST(TimeZoneTest, RefusesAChangeToAnOffsetThatIsNotThere) {
  EXPECT_THAT(TimeZone::parse(zone_file({3600}, {{kSpring, 7}})), FailsWith(ErrorCode::kCorrupt));
}

}  // namespace
}  // namespace voicectl::runtime
