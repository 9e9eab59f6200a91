// SPDX-License-Identifier: Apache-2.0
#include "base/ids.h"

#include <gmock/gmock.h>
#include <regex.h>

#include <string>
#include <unordered_set>

#include "tests/support/matchers.h"
#include "tests/support/random_seed.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;

/// Texts that are nearly names: each rule is met and broken often.
std::string near_name(Random& random, std::string_view alphabet, std::uint64_t longest) {
  std::string text;
  const std::uint64_t length = random.below(longest + 1);
  for (std::uint64_t i = 0; i < length; ++i) {
    text += alphabet[random.below(alphabet.size())];
  }
  return text;
}

/// The grammar of a label as RFC 1123 gives it, read by another engine than ours.
class LabelGrammar {
 public:
  LabelGrammar() {
    EXPECT_EQ(::regcomp(&compiled_, "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", REG_EXTENDED | REG_NOSUB),
              0);
  }
  ~LabelGrammar() { ::regfree(&compiled_); }
  LabelGrammar(const LabelGrammar&) = delete;
  LabelGrammar& operator=(const LabelGrammar&) = delete;

  bool matches(const std::string& text) const {
    return ::regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  regex_t compiled_{};
};

TEST(TenantIdTest, TakesWhatALabelOfRfc1123MayBe) {
  for (const char* text : {"a", "7", "mario-pizza", "dr-smith", "a--b", "1-2-3"}) {
    EXPECT_THAT(TenantId::parse(text), IsOk()) << text;
  }
  EXPECT_THAT(TenantId::parse(std::string(63, 'a')), IsOk());
}

TEST(TenantIdTest, RefusesEverythingElse) {
  for (const char* text : {"", "-a", "a-", "Mario", "mario_pizza", "mario.pizza", "a b", "a\n",
                           "caf\xc3\xa9", "../etc", "xn--p1ai", "ab--c"}) {
    EXPECT_THAT(TenantId::parse(text), FailsWith(ErrorCode::kInvalidArgument)) << text;
  }
  EXPECT_THAT(TenantId::parse(std::string(64, 'a')), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(TenantId::parse(std::string_view("a\0b", 3)), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(TenantIdTest, AgreesWithTheGrammarOnGeneratedTexts) {
  SeededRandom random = make_test_random();
  const LabelGrammar grammar;
  int valid = 0;
  for (int i = 0; i < 5000; ++i) {
    const std::string text =
        near_name(random, i % 2 == 0 ? "abz019-" : "ab0-A_.\n", i % 3 == 0 ? 70 : 6);
    const bool is_reserved = text.size() >= 4 && text.substr(2, 2) == "--";
    const bool expected = text.size() <= 63 && !is_reserved && grammar.matches(text);

    const auto parsed = TenantId::parse(text);

    ASSERT_EQ(parsed.has_value(), expected) << "'" << text << "'";
    if (expected) {
      ++valid;
      ASSERT_EQ(parsed->str(), text);
    }
  }
  EXPECT_GT(valid, 500) << "the generator makes too few valid names to prove anything";
}

TEST(TenantIdTest, ShowsAHostileNameHarmlessly) {
  const std::string name = "\x1b[31m" + std::string(1000, 'x') + "\r\n";

  const auto parsed = TenantId::parse(name);

  ASSERT_TRUE(parsed.has_error());
  EXPECT_LT(parsed.error().text().size(), 300U);
  EXPECT_THAT(parsed.error().text(), Not(HasSubstr("\x1b")));
  EXPECT_THAT(parsed.error().text(), Not(HasSubstr("\n")));
}

TEST(TenantIdTest, ComparesAndHashesByText) {
  const TenantId a = *TenantId::parse("a");
  const TenantId b = *TenantId::parse("b");
  const std::unordered_set<TenantId> both = {a, b, a};

  EXPECT_LT(a, b);
  EXPECT_EQ(a, *TenantId::parse("a"));
  EXPECT_EQ(both.size(), 2U);
}

TEST(HostNameTest, TakesNamesOfTwoLabelsAndMore) {
  for (const char* text : {"a.b", "mario-pizza.qastco.com", "xn--mnchen-3ya.de", "1.2.3.example"}) {
    EXPECT_THAT(HostName::parse(text), IsOk()) << text;
  }
}

TEST(HostNameTest, RefusesWhatCouldNotBeServed) {
  for (const char* text : {"", ".", "localhost", "a.", ".a", "a..b", "-a.b", "a-.b", "A.b", "a_b.c",
                           "a.b/c", "*.example.com", "a.b;", "xn--\xc3\xbc.de", "xn--a-.de"}) {
    EXPECT_THAT(HostName::parse(text), FailsWith(ErrorCode::kInvalidArgument)) << text;
  }
  EXPECT_THAT(HostName::parse(std::string(64, 'a') + ".com"),
              FailsWith(ErrorCode::kInvalidArgument));
}

TEST(HostNameTest, HoldsAtMost253Characters) {
  const std::string label = std::string(62, 'a') + ".";
  const std::string longest = label + label + label + label + "b";
  ASSERT_EQ(longest.size(), 253U);

  EXPECT_THAT(HostName::parse(longest), IsOk());
  EXPECT_THAT(HostName::parse(longest + "b"), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(SessionIdTest, IsATenantAndARandomPart) {
  EXPECT_THAT(SessionId::parse("mario-pizza_2f0c9b7d54e8a1c6"), IsOk());
  EXPECT_THAT(SessionId::parse("a_" + std::string(64, 'z')), IsOk());
}

TEST(SessionIdTest, RefusesOtherForms) {
  for (const char* text : {"", "_2f0c9b7d54e8a1c6", "mario", "mario_", "mario_2f0c9b7d54e8a1c",
                           "mario_2F0C9B7D54E8A1C6", "-mario_2f0c9b7d54e8a1c6",
                           "mario_2f0c9b7d54e8a1c6_", "mario_2f0c9b7d_4e8a1c6"}) {
    EXPECT_THAT(SessionId::parse(text), FailsWith(ErrorCode::kInvalidArgument)) << text;
  }
  EXPECT_THAT(SessionId::parse("a_" + std::string(65, 'z')),
              FailsWith(ErrorCode::kInvalidArgument));
}

}  // namespace
}  // namespace voicectl
