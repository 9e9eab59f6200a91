// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/text_rules.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace voicectl {
namespace {

void expect_form(TextForm form,
                 std::initializer_list<std::string_view> good,
                 std::initializer_list<std::string_view> bad) {
  for (const std::string_view text : good) {
    EXPECT_TRUE(has_form(text, form)) << text;
  }
  for (const std::string_view text : bad) {
    EXPECT_FALSE(has_form(text, form)) << text;
  }
}

TEST(TextRulesTest, KnowsUtf8) {
  EXPECT_EQ(find_unprintable("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8d\x95", Lines::kOne),
            std::nullopt);
  for (const std::string_view bad :
       {"ab\x80", "ab\xc0\xaf", "ab\xe2\x82", "ab\xed\xa0\x80", "ab\xf5\x80\x80\x80",
        "ab\xf4\x90\x80\x80", "ab\xe0\x80\x80"}) {
    EXPECT_EQ(find_unprintable(bad, Lines::kOne), 2U) << bad;
  }
}

TEST(TextRulesTest, RefusesControlsAndMarksOfDirection) {
  EXPECT_EQ(find_unprintable("a\nb\tc", Lines::kMany), std::nullopt);
  EXPECT_EQ(find_unprintable("a\nb", Lines::kOne), 1U);
  EXPECT_EQ(find_unprintable("a\x1b[31m", Lines::kMany), 1U);
  EXPECT_EQ(find_unprintable("a\x7f", Lines::kMany), 1U);
  EXPECT_EQ(find_unprintable("a\xc2\x85", Lines::kMany), 1U);
  EXPECT_EQ(find_unprintable("a\xe2\x80\xae", Lines::kMany), 1U);
  EXPECT_EQ(find_unprintable("a\xe2\x81\xa6", Lines::kMany), 1U);
}

TEST(TextRulesTest, KnowsTheForms) {
  expect_form(TextForm::kEmail, {"a@b.cd", "first.last+tag@mail.example.com"},
              {"a", "@b.cd", "a@b", "a b@c.de", "a@.b.c", "a@b.c@d.e", "a@b.c\n"});
  expect_form(TextForm::kPhone, {"+1-555-PIZZA", "(01) 234 56"}, {"call me", "1;2", "+"});
  expect_form(TextForm::kTimeZone,
              {"UTC", "Europe/Vienna", "America/Argentina/Ushuaia", "Etc/GMT+5"},
              {"Vienna", "/etc", "Europe/", "a//b", "../x y"});
  expect_form(TextForm::kLanguage, {"en", "de-AT", "zh-Hant-TW", "gsw"},
              {"e", "english", "de_AT", "de-", "d1", "de--AT"});
  expect_form(TextForm::kAbsolutePath, {"/var/lib/voicectl"},
              {"var", "/a/../b", "/..", "/", "/a/"});
  expect_form(TextForm::kRelativePath, {"menu.yaml", "a/b.yaml", "..menu"},
              {"/menu", "../menu", "a/../b", "a/..", ".."});
  expect_form(TextForm::kFilePath, {"/etc/key", "../key", "key"}, {"keys/"});
  expect_form(TextForm::kHttpUrl,
              {"http://127.0.0.1:4100/api", "https://[::1]/", "https://{tenant}.example.com:8443"},
              {"ftp://a", "http://", "https://u:p@host/", "http://a b", "http://a\"b", "https:///x",
               "javascript:alert(1)"});
  expect_form(TextForm::kOrigin,
              {"https://shop.example.com", "http://localhost:3000", "https://a.b:8443"},
              {"null", "https://", "https://a/", "https://A.b", "https://a:443", "http://a:80",
               "https://a:", "https://a:0", "https://u@a", "https://*.a.b", "ftp://a", "a.b"});
  expect_form(TextForm::kRedisUrl,
              {"redis://127.0.0.1:6379", "redis://redis.example.com/0", "redis://voice@host",
               "unix:///run/redis.sock?db=1"},
              {"redis://:secret@host", "http://host", "rediss://host", "unix://run",
               "unix:///a/../b", "unix://"});
  expect_form(TextForm::kIpAddress, {"0.0.0.0", "127.0.0.1", "::", "::1", "fe80::1"},
              {"localhost", "1.2.3", "1.2.3.4:80", "0.0.0.0;"});
}

}  // namespace
}  // namespace voicectl
