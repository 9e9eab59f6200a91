// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/timestamp.h"

#include <gtest/gtest.h>

#include <string>

namespace voicectl::ultravox {
namespace {

using namespace std::chrono_literals;

std::string utc(std::string_view text) {
  const auto at = parse_timestamp(text);
  return at.has_value() ? format_wall_time(*at) : "refused";
}

TEST(TimestampTest, ReadsTheFormsThatTheServiceMaySend) {
  EXPECT_EQ(utc("2025-01-02T03:04:05.678901+00:00"), "2025-01-02T03:04:05.678Z");
  EXPECT_EQ(utc("2025-01-02T03:04:05Z"), "2025-01-02T03:04:05.000Z");
  EXPECT_EQ(utc("2025-01-02 03:04:05.6"), "2025-01-02T03:04:05.600Z");
}

TEST(TimestampTest, TakesATimeWithoutOffsetAsUtc) {
  EXPECT_EQ(utc("2025-01-02T03:04:05.678901"), utc("2025-01-02T03:04:05.678901Z"));
}

TEST(TimestampTest, AppliesAnOffset) {
  EXPECT_EQ(utc("2025-01-01T00:30:00+02:00"), "2024-12-31T22:30:00.000Z");
  EXPECT_EQ(utc("2025-01-01T00:30:00-0330"), "2025-01-01T04:00:00.000Z");
  EXPECT_EQ(utc("2025-01-01T00:30:00-03"), "2025-01-01T03:30:00.000Z");
}

TEST(TimestampTest, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "yesterday", "2025-02-30T00:00:00Z", "2025-01-02", "2025-01-02T24:00:00Z",
        "2025-01-02T03:04:05.Z", "2025-01-02T03:04:05+25:00", "2025-01-02T03:04:05Zx",
        "2025-01-02T03:60:05Z", "1735787045", "2025-1-02T03:04:05Z", "2025-01-02T03:04:05+"}) {
    EXPECT_EQ(utc(text), "refused") << text;
  }
}

TEST(SecondsTest, ReadsWholeAndBrokenLengths) {
  EXPECT_EQ(*parse_seconds("3600s"), Duration(1h));
  EXPECT_EQ(*parse_seconds("3600.000000s"), Duration(1h));
  EXPECT_EQ(*parse_seconds("0.384s"), Duration(384ms));
}

TEST(SecondsTest, RefusesWhatIsNoLength) {
  for (const char* text : {"", "s", "5", "-5s", "5m", ".5s", "5.s", "9999999999s", "1e3s"}) {
    EXPECT_TRUE(parse_seconds(text).has_error()) << text;
  }
}

TEST(SecondsTest, WritesWhatItReads) {
  EXPECT_EQ(render_seconds(30s), "30s");
  EXPECT_EQ(render_seconds(2500ms), "2.5s");
  EXPECT_EQ(render_seconds(1ns), "0.000000001s");
  EXPECT_EQ(*parse_seconds(render_seconds(2500ms)), Duration(2500ms));
}

}  // namespace
}  // namespace voicectl::ultravox
