// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace voicectl {
namespace {

TEST(Utf8Test, AcceptsTheEndsOfEveryRange) {
  for (const std::string_view text :
       {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xce\xba\xe1\xbd\xb9"}) {
    EXPECT_TRUE(is_utf8(text)) << testing::PrintToString(text);
  }
}

TEST(Utf8Test, RefusesOverlongFormsSurrogatesAndWhatLiesTooHigh) {
  for (const std::string_view text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff", "a\x80"}) {
    EXPECT_EQ(check_utf8(text).verdict, Utf8Verdict::kInvalid) << testing::PrintToString(text);
  }
}

TEST(Utf8Test, TellsAnUnfinishedCharacterFromAWrongOne) {
  const Utf8Check unfinished = check_utf8("ab\xe2\x82");
  const Utf8Check wrong = check_utf8("ab\xe2x");

  EXPECT_EQ(unfinished.verdict, Utf8Verdict::kIncomplete);
  EXPECT_EQ(unfinished.valid, 2U);
  EXPECT_EQ(wrong.verdict, Utf8Verdict::kInvalid);
  EXPECT_EQ(wrong.valid, 2U);
}

TEST(Utf8Test, NamesAByteWrongAsSoonAsItIs) {
  EXPECT_EQ(check_utf8("\xf4\x90").verdict, Utf8Verdict::kInvalid);
  EXPECT_EQ(check_utf8("\xed\xa0").verdict, Utf8Verdict::kInvalid);
}

}  // namespace
}  // namespace voicectl
