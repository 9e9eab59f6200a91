// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "provisioner/model/value_reader.h"
#include "tests/unit/provisioner/model/reading.h"

namespace voicectl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) {
    out += text;
  }
  return out;
}

/// Ten aliases to ten aliases to ...: 10^levels values in a few hundred bytes.
std::string alias_bomb(int levels) {
  std::string out = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < levels; ++i) {
    const std::string inner = "*a" + std::to_string(i - 1);
    out += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + inner +
           repeated(", " + inner, 9) + "]\n";
  }
  return out;
}

TEST(BudgetsTest, RefusesAliasesThatStandForMillionsOfValues) {
  EXPECT_THAT(first_problem("apiVersion: voicectl/v1\n" + alias_bomb(9)),
              HasSubstr("found more than 2000000 values when aliases are followed"));
}

TEST(BudgetsTest, FollowsHarmlessAliases) {
  const ParsedState parsed = parse(R"(apiVersion: voicectl/v1
tenants:
  - {slug: a, name: A, business_type: custom, staff: &people [{name: Ann}]}
  - {slug: b, name: B, business_type: custom, staff: *people}
)");

  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.state.tenants.back().staff.front().name, "Ann");
}

TEST(BudgetsTest, RefusesAnAliasToItsOwnContainer) {
  EXPECT_THAT(first_problem("apiVersion: voicectl/v1\ntenants: &a [*a]\n"),
              HasSubstr("found an alias to something that contains it"));
}

TEST(BudgetsTest, RefusesDeepNestingInEitherStyle) {
  EXPECT_THAT(first_problem("a: " + repeated("[", 33) + repeated("]", 33)),
              HasSubstr("nested deeper than 32 levels"));
  EXPECT_THAT(first_problem("a: " + repeated("[", 200'000)),
              HasSubstr("brackets nested deeper than 32 levels"));
  EXPECT_FALSE(parse(repeated("{a: ", 200'000)).ok());
  EXPECT_FALSE(parse(repeated("- ", 200'000)).ok());
  EXPECT_FALSE(parse(repeated("? ", 200'000)).ok());
  EXPECT_FALSE(parse(repeated("[", 200'000) + repeated("]", 200'000)).ok());
  EXPECT_FALSE(parse("{\"a\":" + repeated("[", 200'000) + repeated("]", 200'000) + "}").ok());
}

TEST(BudgetsTest, RefusesMoreBytesThanAllowedInOneFileOrTogether) {
  YamlBudget budget;
  budget.bytes = 200;
  const std::string comment = "# " + repeated("x", 150) + "\n";

  const ParsedState one =
      parse_desired_state({{"a.yaml", comment + comment + tenant_document("")}}, nullptr, budget);
  const ParsedState two = parse_desired_state(
      {{"a.yaml", tenant_document("")}, {"b.yaml", comment + tenant_document("", "b")}}, nullptr,
      budget);

  EXPECT_THAT(lines_of(one), ElementsAre(HasSubstr("a.yaml: found 395 bytes; allowed are 200")));
  EXPECT_THAT(lines_of(two), ElementsAre(HasSubstr("b.yaml: found ")));
}

TEST(BudgetsTest, RefusesMoreValuesThanAllowed) {
  YamlBudget budget;
  budget.nodes = 50;

  const ParsedState parsed =
      parse_desired_state({{"a.yaml", "a: [" + repeated("x, ", 60) + "x]\n"}}, nullptr, budget);

  EXPECT_THAT(lines_of(parsed), ElementsAre(HasSubstr("found more than 50 values")));
}

TEST(BudgetsTest, RefusesMergeKeysAndTags) {
  EXPECT_THAT(first_problem(tenant_document("    <<: {phone: 1}\n")),
              HasSubstr("found the merge key '<<', which is not allowed"));
  EXPECT_THAT(first_problem(tenant_document("    phone: !!str 1\n")),
              HasSubstr("found the tag 'tag:yaml.org,2002:str'"));
  EXPECT_THAT(first_problem(tenant_document("    phone: !mine 1\n")), HasSubstr("found the tag"));
}

TEST(BudgetsTest, RefusesKeysThatAreNotText) {
  EXPECT_THAT(first_problem("apiVersion: voicectl/v1\n? [a, b]\n: c\n"),
              HasSubstr("found a list or map as a key"));
  EXPECT_THAT(first_problem("apiVersion: voicectl/v1\n~: c\n"),
              HasSubstr("found a key that is not text"));
}

TEST(BudgetsTest, RefusesBytesThatAreNoText) {
  EXPECT_THAT(
      first_problem("apiVersion: voicectl/v1\nplatform: {domain: \"\xff\"}\n"),
      HasSubstr("platform.yaml:2:21: found a control character or bytes that are not UTF-8"));
  EXPECT_THAT(first_problem(std::string("a: b\0c\n", 7)), HasSubstr("platform.yaml:1:5"));
  // Some readers end here, silently.
  EXPECT_THAT(first_problem("apiVersion: voicectl/v1\n\x04garbage\n"),
              HasSubstr("platform.yaml:2:1"));
}

TEST(BudgetsTest, RefusesControlCharactersWrittenAsEscapes) {
  EXPECT_THAT(first_problem(tenant_document("    voice: {greeting: \"a\\u0000b\"}\n")),
              HasSubstr("tenants[0].voice.greeting"));
  EXPECT_THAT(first_problem(tenant_document("    voice: {model: \"a\\nb\"}\n")),
              HasSubstr("tenants[0].voice.model"));
  EXPECT_THAT(first_problem(tenant_document("    voice: {model: \"a\\u202eb\"}\n")),
              HasSubstr("tenants[0].voice.model"));
}

TEST(BudgetsTest, StopsShowingProblemsAfterAHundred) {
  const ParsedState parsed =
      parse("apiVersion: voicectl/v1\ntenants:\n" + repeated("  - {}\n", 60));

  EXPECT_THAT(parsed.problems, SizeIs(Problems::kMostProblems));
  EXPECT_EQ(parsed.left_out, 80U);
}

TEST(BudgetsTest, WhatIsMissedAtTheEndIsMissedInTheLastLine) {
  EXPECT_THAT(first_problem("apiVersion: voicectl/v1\ntenants: ["),
              HasSubstr("platform.yaml:2:11:"));
  EXPECT_THAT(first_problem("apiVersion: voicectl/v1\ntenants: [\n"),
              HasSubstr("platform.yaml:2:11:"));
  EXPECT_THAT(first_problem("apiVersion: voicectl/v1\nplatform: {domain: \"a\n"),
              HasSubstr("platform.yaml:2:"));
}

}  // namespace
}  // namespace voicectl
