// SPDX-License-Identifier: Apache-2.0
// What machines read: comments of merge requests, SARIF, and a program that never asks.
#include <gmock/gmock.h>

#include "cli/plan_markdown.h"
#include "cli/sarif.h"
#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using CiOutputTest = CliTest;

TEST_F(CiOutputTest, AMergeRequestGetsATableAndTheStepsFolded) {
  const std::string text = plan_as_markdown(plan_json(2, 1));

  EXPECT_THAT(text, AllOf(HasSubstr("### voicectl plan: 2 tenants to create, 1 tenant to delete\n"),
                          HasSubstr("| tenants to create | 2 |\n"),
                          HasSubstr("**Deletes 1 tenant with their sessions.** The apply needs "
                                    "`--allow-delete=1`."),
                          HasSubstr("<details>\n<summary>2 steps</summary>\n\n- `+` create tenant "
                                    "t0: _it is desired_\n"),
                          HasSubstr("</details>\n\nPlan `abcdef012345` for generation 4.\n")));
  EXPECT_THAT(plan_as_markdown(plan_json(0)), HasSubstr("nothing to do"));
}

TEST_F(CiOutputTest, NoNameCanForgeALineOfTheComment) {
  Json plan = plan_json(1);
  plan["steps"][0]["text"] = "create </details> **x** [a](http://b) `c` @ann\n- done";

  const std::string text = plan_as_markdown(plan);

  EXPECT_THAT(text, HasSubstr("create &lt;/details&gt; \\*\\*x\\*\\* \\[a\\]\\(http://b\\) \\`c\\` "
                              "\\@ann?- done"));
  EXPECT_THAT(text, Not(HasSubstr("</details> **")));
  EXPECT_THAT(text, Not(HasSubstr("\n- done")));
}

TEST_F(CiOutputTest, AMergeRequestSaysWhatLiveCallsWouldFeel) {
  Json plan = plan_json(1);
  plan["forecast"] = {
      {"counts", {{"edge_reloads", 1}}},
      {"sessions",
       {{"stay", 5},
        {"drop", 2},
        {"tenants",
         {{{"tenant", "**acme**"}, {"fate", "drop"}, {"sessions", 2}, {"why", "<b>"}}}}}},
      {"edge", {{"websockets_stranded", 7}}}};

  const std::string text = plan_as_markdown(plan);

  EXPECT_THAT(text,
              AllOf(HasSubstr("**Effect**"), HasSubstr("sessions: 5 stay, 0 move, 0 drain, 2 drop"),
                    HasSubstr("1 reload, each strands up to 7 WebSockets"),
                    HasSubstr("\\*\\*acme\\*\\*"), HasSubstr("&lt;b&gt;")));
}

TEST_F(CiOutputTest, ALongPlanIsCutToWhatAForgeTakes) {
  const std::string text = plan_as_markdown(plan_json(1000));

  EXPECT_THAT(text, HasSubstr("- and 700 more\n"));
  EXPECT_LT(text.size(), 60'000U);
}

/// The members that SARIF 2.1.0 requires, and the types that its schema gives to those we write.
void expect_sarif(const Json& log) {
  ASSERT_EQ(log.at("version"), "2.1.0");
  ASSERT_TRUE(log.at("runs").is_array());
  for (const Json& each : log.at("runs")) {
    const Json& driver = each.at("tool").at("driver");
    ASSERT_TRUE(driver.at("name").is_string());
    for (const Json& rule : driver.at("rules")) {
      ASSERT_TRUE(rule.at("id").is_string());
      ASSERT_TRUE(rule.at("shortDescription").at("text").is_string());
    }
    for (const Json& result : each.at("results")) {
      ASSERT_TRUE(result.at("message").at("text").is_string());
      ASSERT_LT(result.at("ruleIndex").get<std::size_t>(), driver.at("rules").size());
      for (const Json& location : result.value("locations", Json::array())) {
        const Json& place = location.at("physicalLocation");
        ASSERT_TRUE(place.at("artifactLocation").at("uri").is_string());
        if (place.contains("region")) {
          ASSERT_GE(place.at("region").at("startLine").get<int>(), 1);
          ASSERT_GE(place.at("region").value("startColumn", 1), 1);
        }
      }
    }
  }
}

TEST_F(CiOutputTest, ProblemsAreSarif) {
  const Json log =
      problems_as_sarif({{.file = "./my plat form/a.yaml",
                          .line = 3,
                          .column = 12,
                          .key_path = "tenants[0].slug",
                          .message = "found 'A'",
                          .suggestion = "did you mean 'a'?"},
                         {.file = "b.yaml", .message = "cannot read it"},
                         {.file = "stdin", .line = 1, .column = 1, .message = "no document"}});

  expect_sarif(log);
  const Json& results = log["runs"][0]["results"];
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0]["message"]["text"], "tenants[0].slug: found 'A'; did you mean 'a'?");
  const Json& place = results[0]["locations"][0]["physicalLocation"];
  EXPECT_EQ(place["artifactLocation"]["uri"], "my%20plat%20form/a.yaml");
  EXPECT_EQ(place["region"], (Json{{"startLine", 3}, {"startColumn", 12}}));
  EXPECT_FALSE(results[1]["locations"][0]["physicalLocation"].contains("region"));
  EXPECT_FALSE(results[2].contains("locations"));
}

TEST_F(CiOutputTest, ADocumentWithoutProblemsIsSarifToo) {
  in_.str("apiVersion: voicectl/v1\n");

  EXPECT_EQ(run({"validate", "-f", "-", "-o", "sarif"}), ExitCode::kOk);

  const Json log = Json::parse(out());
  expect_sarif(log);
  EXPECT_TRUE(log["runs"][0]["results"].empty());
}

TEST_F(CiOutputTest, AskingIsAnErrorWithNoInputEvenOnATerminal) {
  serve({}, plan_json(1));
  answer_at_terminal("y");

  EXPECT_EQ(run({"tenant", "create", "acme", "--no-input"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("cannot ask for confirmation: --no-input was given; add --yes"));
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));

  EXPECT_EQ(run({"--no-input", "tenant", "create", "acme", "--yes"}), ExitCode::kOk) << err();
}

TEST_F(CiOutputTest, ProblemsThatAreNotShownAreCountedAndNoEntries) {
  std::string text = "apiVersion: voicectl/v1\ntenants:\n";
  for (int i = 0; i < 2000; ++i) {
    text += "  - {}\n";
  }
  const auto validate = [&](const std::string& format) {
    in_.clear();
    in_.str(text);
    EXPECT_EQ(run({"validate", "-f", "-", "-o", format}), ExitCode::kFailure);
  };

  validate("table");
  EXPECT_EQ(out(), "Not valid: 6000 problems, the first 100 are shown.\n");
  EXPECT_THAT(err(), HasSubstr("\n5900 more problems are not shown; mend these and ask again\n"));

  validate("json");
  const Json document = Json::parse(out());
  EXPECT_EQ(document["more"], 5900);
  EXPECT_EQ(document["problems"].size(), 100U);
  for (const Json& problem : document["problems"]) {
    EXPECT_EQ(problem["file"], "stdin");
    EXPECT_GT(problem["line"], 0);
  }

  validate("sarif");
  const Json log = Json::parse(out());
  expect_sarif(log);
  EXPECT_EQ(log["runs"][0]["results"].size(), 100U);
  EXPECT_THAT(log["runs"][0]["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"],
              "5900 more problems are not shown; mend these and ask again");
}

}  // namespace
}  // namespace voicectl
