// SPDX-License-Identifier: Apache-2.0
#include "cli/option_rules.h"

#include <gmock/gmock.h>

#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::HasSubstr;

using OptionRulesTest = CliTest;

TEST(WholeNumberTest, IsDecimalAndWithinItsRange) {
  const ValueCheck check = whole_number(1, 1000);

  EXPECT_EQ(check("1"), "");
  EXPECT_EQ(check("1000"), "");
  for (const char* const text : {"0", "1001", "-1", " -1", "+1", "1 ", "0x10", "010", "1e2", "x",
                                 "", "99999999999999999999"}) {
    EXPECT_EQ(check(text),
              "found '" + std::string(text) + "', needed is a whole number from 1 to 1000");
  }
  EXPECT_EQ(whole_number(0)("0"), "");
  EXPECT_EQ(whole_number(0)("-1"), "found '-1', needed is a whole number from 0");
}

TEST_F(OptionRulesTest, ANegativeCountDoesNotLiftTheGuardOfDeletions) {
  serve(DesiredState{}, plan_json(1, 1));
  files_.put("/home/ann/platform.yaml", "");

  for (const char* const number : {"-1", " -1", "99999999999999999999", "0x7", "x"}) {
    const std::string flag = "--allow-delete=" + std::string(number);
    EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--yes", flag}), ExitCode::kUsage) << number;
    EXPECT_EQ(err(), "voicectl: cannot read the command line: --allow-delete: found '" +
                         std::string(number) + "', needed is a whole number from 0" +
                         "\nRun 'voicectl apply --help' to see how it is used.\n");
    EXPECT_EQ(run({"up", flag}), ExitCode::kUsage) << number;
    EXPECT_EQ(run({"rollback", "3", "--yes", flag}), ExitCode::kUsage) << number;
    EXPECT_EQ(run({"rollback", "3", "--yes", "--allow-delete", number}), ExitCode::kUsage);
  }
  EXPECT_TRUE(daemon_.questions.empty());
}

TEST_F(OptionRulesTest, NoNumberOfAnyCommandCanBeNegative) {
  const std::vector<std::vector<std::string>> lines = {
      {"events", "--after=-1"},
      {"history", "--before=-1"},
      {"history", "--limit=-1"},
      {"audit", "--before=-1"},
      {"audit", "--limit=-1"},
      {"forecast", "list", "--before=-1"},
      {"forecast", "list", "--limit=-1"},
      {"session", "list", "--limit=-1"},
      {"outbox", "list", "--limit=-1"},
      {"outbox", "list", "--after=-1"},
      {"pool", "rebalance", "--max-moves=-1"},
      {"instance", "restart", "shared-0", "--parallel=-1"},
      {"upgrade", "--batch=-1"},
      {"top", "--plain", "--count=-1"},
      {"top", "--plain", "--interval=-1"},
      {"plan", "-f", "x", "--batch=-1"},
      {"plan", "-f", "x", "--max-failures=-1"}};
  for (const auto& line : lines) {
    EXPECT_EQ(run(line), ExitCode::kUsage) << line.back();
    EXPECT_THAT(err(), HasSubstr("-1', needed is a")) << line.back();
  }
  EXPECT_TRUE(daemon_.questions.empty());
}

TEST_F(OptionRulesTest, WhatIsWrongIsSaidInOurWords) {
  const std::pair<std::vector<std::string>, std::string> expected[] = {
      {{"forecast", "list", "--limit=0"},
       "--limit: found '0', needed is a whole number from 1 to 1000"},
      {{"policy", "set", "x.yaml", "--mode=onn"},
       "--mode: found 'onn', allowed are off, observe, on; did you mean 'on'?"},
      {{"plan", "--out"}, "--out needs a value"},
      {{"apply", "-f", "x", "--yes=maybe"}, "--yes cannot be 'maybe'"},
      {{"history", "--limit=1", "--limit=2"}, "--limit is given more than once"},
      {{"top", "--interval=x"}, "--interval: found 'x', needed is a number from 0.5 to 60"},
      {{"policy", "compare", "week.vcload", "current"}, "POLICIES takes 2, found 1"},
      {{"apply", "plan.json", "-f", "x"}, "PLAN and --file exclude each other: give one"}};
  for (const auto& [line, words] : expected) {
    EXPECT_EQ(run(line), ExitCode::kUsage);
    EXPECT_THAT(err(), HasSubstr("voicectl: cannot read the command line: " + words + "\n"));
  }
}

}  // namespace
}  // namespace voicectl
