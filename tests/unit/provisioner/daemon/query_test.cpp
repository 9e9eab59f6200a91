// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/query.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::Eq;

TEST(QueryTest, AWholeNumberIsNothingElse) {
  EXPECT_THAT(whole_number("0"), Eq(0));
  EXPECT_THAT(whole_number("9223372036854775807"), Eq(INT64_MAX));
  for (const char* const none : {"", "-1", "+1", " 1", "1 ", "1.0", "x", "9223372036854775808"}) {
    EXPECT_THAT(whole_number(none), Eq(std::nullopt)) << none;
  }
}

TEST(QueryTest, ABodyIsAnObject) {
  EXPECT_THAT(parse_body(R"({"who":"ann"})"), IsOk());
  for (const char* const none : {"", "[]", "null", "1", "\"x\"", "{"}) {
    EXPECT_THAT(parse_body(none), FailsWith(ErrorCode::kInvalidArgument)) << none;
  }
}

TEST(QueryTest, AFlagIsTrueOnlyIfItIs) {
  EXPECT_TRUE(flag_in(Json{{"dry_run", true}}, "dry_run"));
  for (const Json& none : {Json::object(), Json::array({"dry_run"}), Json{{"dry_run", 1}},
                           Json{{"dry_run", "true"}}, Json(nullptr)}) {
    EXPECT_FALSE(flag_in(none, "dry_run")) << none.dump();
  }
}

TEST(QueryTest, WhatIsKeptAndShownLaterIsOnePrintableLine) {
  EXPECT_EQ(one_line("ann@build-3", 100), "ann@build-3");
  EXPECT_EQ(one_line("a\nb\x1b[2Jc", 100), "a?b?[2Jc");
  EXPECT_EQ(one_line("Zo\xc3\xab", 100), "Zo\xc3\xab");
  EXPECT_EQ(one_line("Zo\xc3\xab", 3), "Zo?") << "a character that is cut is none";
  EXPECT_EQ(one_line("abc", 2), "ab");
}

}  // namespace
}  // namespace voicectl
