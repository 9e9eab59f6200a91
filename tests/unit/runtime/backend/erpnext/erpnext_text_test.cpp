// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/erpnext/erpnext_text.h"

#include <gmock/gmock.h>

#include "tests/support/fake_file_system.h"

namespace voicectl::runtime {
namespace {

TEST(ErpnextTextTest, MakesHtmlSpeakable) {
  EXPECT_EQ(plain_words("<b>Pizza &amp; Pasta</b><br>is   <i>sold</i>\n out"),
            "Pizza & Pasta is sold out");
  EXPECT_EQ(plain_words("<a href=\"/app/item/x\">Item X</a> not found"), "Item X not found");
  EXPECT_EQ(plain_words("quantity &lt; 5"), "quantity < 5");
  EXPECT_EQ(plain_words("less than 5 < 6"), "less than 5 < 6");
}

TEST(ErpnextTextTest, DropsWhatIsNotText) {
  EXPECT_EQ(plain_words("a<script>steal()</script>b"), "a b");
  EXPECT_EQ(plain_words("a<STYLE>x{}</STYLE >b"), "a b");
  EXPECT_EQ(plain_words("a<script>never closed"), "a");
  EXPECT_EQ(plain_words("a<b never closed"), "a");
}

TEST(ErpnextTextTest, CutsBetweenWords) {
  std::string page;
  for (int i = 0; i < 1000; ++i) {
    page += "word ";
  }

  const std::string words = plain_words(page);

  EXPECT_LE(words.size(), 300U);
  EXPECT_TRUE(words.ends_with("word"));
}

TEST(ErpnextTextTest, EscapesNamesForPaths) {
  EXPECT_EQ(url_escaped("Voice Session"), "Voice%20Session");
  EXPECT_EQ(url_escaped("a/b?c#d&e=ü"), "a%2Fb%3Fc%23d%26e%3D%C3%BC");
}

TEST(ErpnextTextTest, ReadsTimesOfTheSite) {
  ASSERT_TRUE(site_time_of("2026-12-01 09:00:00.123456"));
  EXPECT_EQ(render_site_time(*site_time_of("2026-12-01 09:00:00.123456")), "2026-12-01 09:00:00");
  EXPECT_FALSE(site_time_of("2026-12-01"));
  EXPECT_FALSE(site_time_of("tomorrow at nine"));
}

TEST(ErpnextTextTest, RendersMomentsOnTheSitesClock) {
  const WallTime at{std::chrono::milliseconds(1'767'225'601'500)};

  EXPECT_EQ(render_site_time(TimeZone(), at), "2026-01-01 00:00:01");
}

}  // namespace
}  // namespace voicectl::runtime
