// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/support/fixed_clock.h"
#include "tests/support/keeping_sink.h"
#include "tests/support/matchers.h"
#include "tests/support/random_seed.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

std::string rendered(std::string_view value) {
  return render_log_line("event", {{"field", value}});
}

TEST(LogTest, WritesPlainValuesPlainly) {
  const TenantId tenant = *TenantId::parse("mario-pizza");

  EXPECT_EQ(render_log_line("tenant.placed", {{"tenant", tenant},
                                              {"port", *Port::make(21000)},
                                              {"took", 12ms},
                                              {"size", Bytes{10240}},
                                              {"attempt", 3}}),
            "tenant.placed tenant=mario-pizza port=21000 took=12ms size=\"10.0 KiB\" attempt=3");
}

TEST(LogTest, QuotesWhatABlankOrAnEmptyValueWouldBlur) {
  EXPECT_EQ(rendered(""), "event field=\"\"");
  EXPECT_EQ(rendered("two words"), "event field=\"two words\"");
  EXPECT_EQ(rendered("a=b"), "event field=\"a=b\"");
  EXPECT_EQ(rendered("say \"hi\" \\"), "event field=\"say \\\"hi\\\" \\\\\"");
}

TEST(LogTest, KeepsOneEventOnOneLine) {
  EXPECT_EQ(rendered("a\r\nb"), "event field=\"a\\x0d\\nb\"");
  EXPECT_EQ(rendered("a\tb"), "event field=\"a\\x09b\"");
  EXPECT_EQ(rendered(std::string_view("a\0b", 3)), "event field=\"a\\x00b\"");
}

TEST(LogTest, EscapesWhatCouldDriveATerminal) {
  EXPECT_EQ(rendered("\x1b[31mred\x7f"), "event field=\"\\x1b[31mred\\x7f\"");
  EXPECT_EQ(rendered("\xe2\x80\xae"), "event field=\"\\xe2\\x80\\xae\"");
}

TEST(LogTest, WritesOnlyPrintableCharactersWhateverTheValue) {
  SeededRandom random = make_test_random();
  for (int i = 0; i < 2000; ++i) {
    std::string value;
    for (std::uint64_t length = random.below(20); length > 0; --length) {
      value += static_cast<char>(random.below(256));
    }

    for (const char c : rendered(value)) {
      ASSERT_TRUE(c >= 0x20 && c < 0x7f) << i;
    }
  }
}

TEST(LogTest, HidesSecrets) {
  EXPECT_EQ(render_log_line("key.read", {{"key", Secret("hunter2")}}), "key.read key=***");
}

TEST(LogTest, ShowsErrorsWithTheirContext) {
  const Error error = Error(ErrorCode::kTimeout, "cannot reach 'x'").with_context("asking");

  EXPECT_EQ(render_log_line("ask.failed", {{"error", error}}),
            "ask.failed error=\"asking: cannot reach 'x'\"");
}

TEST(LogTest, PutsTimeAndLevelFirst) {
  KeepingSink sink;
  const FixedWallClock clock;
  const Log log(sink, clock);

  log.warn("disk.full", {{"tenant", "a"}});

  ASSERT_EQ(sink.lines.size(), 1U);
  EXPECT_THAT(sink.lines[0], ::testing::StartsWith("2026-01-01T00:00:00.000Z warn"));
  EXPECT_THAT(sink.lines[0], ::testing::EndsWith("disk.full tenant=a"));
}

TEST(LogTest, DropsWhatIsBelowItsThreshold) {
  KeepingSink sink;
  const FixedWallClock clock;
  const Log log(sink, clock, LogLevel::kWarn);

  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");

  EXPECT_THAT(sink.lines, ElementsAre(::testing::EndsWith("c"), ::testing::EndsWith("d")));
}

TEST(LogLevelTest, KnowsFourNames) {
  EXPECT_THAT(parse_log_level("debug"), IsOkAnd(LogLevel::kDebug));
  EXPECT_THAT(parse_log_level("info"), IsOkAnd(LogLevel::kInfo));
  EXPECT_THAT(parse_log_level("warn"), IsOkAnd(LogLevel::kWarn));
  EXPECT_THAT(parse_log_level("error"), IsOkAnd(LogLevel::kError));
  EXPECT_THAT(parse_log_level("loud"), FailsWith(ErrorCode::kInvalidArgument));
}

}  // namespace
}  // namespace voicectl
