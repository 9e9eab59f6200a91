// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "cli/document_difference.h"
#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

DesiredState state_of(const std::vector<std::string>& slugs) {
  DesiredState out;
  for (const std::string& slug : slugs) {
    out.tenants.push_back(TenantSpec{.tenant = *TenantId::parse(slug), .name = slug});
  }
  return out;
}

class RevisionCommandsTest : public CliTest {
 protected:
  void keep(int number, const DesiredState& desired, const Json& purged = Json::array()) {
    daemon_.answer("GET /v1/revisions/" + std::to_string(number),
                   Json{{"revision",
                         {{"revision", number},
                          {"generation", 3},
                          {"at", "2026-11-26T05:00:00.000Z"},
                          {"who", "ann"},
                          {"why", "because"},
                          {"plan_id", "abcdef0123456789"},
                          {"outcome", "done"},
                          {"summary", {{"tenants_created", 2}, {"steps", 9}}}}},
                        {"document", render_desired_state(desired)},
                        {"purged", purged},
                        {"newest", 9}});
  }
};

TEST_F(RevisionCommandsTest, HistoryListsWhoAndWhy) {
  daemon_.answer("GET /v1/revisions?limit=50", Json{{"revisions",
                                                     {{{"revision", 2},
                                                       {"at", "2026-11-26T05:00:00.000Z"},
                                                       {"who", "ann"},
                                                       {"why", "apply -f platform.yaml: new menu"},
                                                       {"outcome", "partial"},
                                                       {"plan_id", "abcdef0123456789"},
                                                       {"generation", 4},
                                                       {"summary", {{"tenants_changed", 1}}}}}},
                                                    {"newest", 2}});

  EXPECT_EQ(run({"history"}), ExitCode::kOk);
  EXPECT_THAT(out(), AllOf(HasSubstr("REVISION"), HasSubstr("ann"), HasSubstr("partial"),
                           HasSubstr("1 tenant to change"), HasSubstr("new menu"),
                           Not(HasSubstr("abcdef012345"))));

  EXPECT_EQ(run({"history", "-o", "wide"}), ExitCode::kOk);
  EXPECT_THAT(out(), HasSubstr("abcdef012345"));
  EXPECT_EQ(run({"history", "-o", "name"}), ExitCode::kOk);
  EXPECT_EQ(out(), "revision/2\n");
  EXPECT_EQ(run({"history", "-o", "json"}), ExitCode::kOk);
  EXPECT_EQ(Json::parse(out())["newest"], 2);
}

TEST_F(RevisionCommandsTest, ARevisionIsShownAsADocumentThatCanBeApplied) {
  keep(3, state_of({"acme"}), Json::array({"gone"}));

  EXPECT_EQ(run({"history", "show", "3"}), ExitCode::kOk);

  EXPECT_THAT(out(), AllOf(HasSubstr("# revision 3 of 2026-11-26"), HasSubstr("# because\n"),
                           HasSubstr("# purged since, and not in it any more: gone\n")));
  const ParsedState parsed = parse_desired_state({{"shown", out()}}, nullptr);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.state, state_of({"acme"}));
  EXPECT_TRUE(parsed.named.at("acme").contains("limits.concurrent_sessions"))
      << "what has its default too, or it would stay with whoever has set it since";

  EXPECT_EQ(run({"history", "show", "3", "-o", "json"}), ExitCode::kOk);
  EXPECT_EQ(Json::parse(out())["document"]["tenants"][0]["slug"], "acme");
}

TEST_F(RevisionCommandsTest, ADifferenceNamesWhatChangedByItsPath) {
  DesiredState after = state_of({"acme", "beta"});
  after.platform.pool_size = 3;
  after.tenants[0].tier = Tier::kDedicated;
  keep(3, state_of({"acme", "old"}));
  keep(9, after);
  daemon_.answer("GET /v1/revisions?limit=1", Json{{"newest", 9}});

  EXPECT_EQ(run({"diff", "3", "--detailed-exitcode"}), ExitCode::kChanges);

  EXPECT_THAT(out(), AllOf(HasSubstr("From revision 3 to revision 9:\n"),
                           HasSubstr("~ platform.pool.size: 1 -> 3\n"),
                           HasSubstr("~ tenants[acme].tier: auto -> dedicated\n"),
                           HasSubstr("+ tenants[beta]:\n"), HasSubstr("      slug: beta\n"),
                           HasSubstr("- tenants[old]:\n")));

  EXPECT_EQ(run({"diff", "3", "9", "-o", "json"}), ExitCode::kOk);
  const Json document = Json::parse(out());
  EXPECT_EQ(document["schema"], "voicectl/diff/v1");
  EXPECT_EQ(document["changes"].size(), 4U);
  EXPECT_EQ(run({"diff", "3", "3", "--detailed-exitcode"}), ExitCode::kOk);
  EXPECT_EQ(out(), "Revisions 3 and 3 ask for the same.\n");
}

TEST_F(RevisionCommandsTest, ARollbackIsAnApplyOfTheOldState) {
  serve(state_of({"beta"}), plan_json(1));
  keep(3, state_of({"acme"}));

  EXPECT_EQ(run({"rollback", "3"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("add --yes"));
  EXPECT_EQ(run({"rollback", "3", "--yes", "-m", "the menu was wrong"}), ExitCode::kOk) << err();

  const Json request = daemon_.body_of("POST /v1/apply");
  EXPECT_EQ(request["document"], render_desired_state(state_of({"acme"})));
  EXPECT_EQ(request["why"], "rollback to 3: the menu was wrong");
  EXPECT_EQ(request["base_revision"], 9);
  EXPECT_EQ(request["stays_away"], true) << "or the file that brought a tenant brings it again";
  EXPECT_EQ(daemon_.body_of("POST /v1/plan")["stays_away"], true);
}

TEST_F(RevisionCommandsTest, ARollbackThatDeletesNeedsMoreThanAYes) {
  serve(state_of({"beta"}), plan_json(1, 1));
  keep(3, state_of({"acme"}));

  EXPECT_EQ(run({"rollback", "3", "--yes"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("--allow-delete=1"));
  EXPECT_EQ(run({"rollback", "3", "--yes", "--allow-delete=1"}), ExitCode::kOk);
}

TEST_F(RevisionCommandsTest, ARevisionThatIsNotKeptIsNotFound) {
  daemon_.answer("GET /v1/revisions/77", Error(ErrorCode::kNotFound, "cannot find revision '77'"));

  EXPECT_EQ(run({"rollback", "77"}), ExitCode::kNotFound);
  EXPECT_EQ(run({"diff", "x"}), ExitCode::kUsage);
  EXPECT_EQ(run({"history", "show", "0"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("found '0', needed is a number from 1"));
}

TEST_F(RevisionCommandsTest, ARollbackThatIsRefusedIsALineOfJsonWhereLinesAreAskedFor) {
  daemon_.answer("GET /v1/revisions/77", Error(ErrorCode::kNotFound, "cannot find revision '77'"));

  EXPECT_EQ(run({"rollback", "77", "--yes", "-o", "json"}), ExitCode::kNotFound);

  const Json line = Json::parse(out());
  EXPECT_EQ(line["type"], "error");
  EXPECT_EQ(line["code"], "not_found");
}

TEST_F(RevisionCommandsTest, EveryChangeOfATenantSaysWhoAndWhy) {
  serve(state_of({"acme"}), plan_json(1));
  daemon_.answers["GET /v1/desired"] = {Json{
      {"generation", 4}, {"revision", 6}, {"document", render_desired_state(state_of({"acme"}))}}};

  EXPECT_EQ(run({"tenant", "promote", "acme", "--yes", "-m", "it is busy"}), ExitCode::kOk);
  Json request = daemon_.body_of("POST /v1/apply");
  EXPECT_EQ(request["why"], "tenant promote acme: it is busy");
  EXPECT_EQ(request["who"], "ann");
  EXPECT_EQ(request["base_revision"], 6);

  daemon_.questions.clear();
  EXPECT_EQ(run({"tenant", "delete", "acme", "--confirm", "acme"}), ExitCode::kOk);
  EXPECT_EQ(daemon_.body_of("POST /v1/apply")["why"], "tenant delete acme");
  daemon_.questions.clear();
  EXPECT_EQ(run({"tenant", "create", "beta", "--yes"}), ExitCode::kOk);
  EXPECT_EQ(daemon_.body_of("POST /v1/apply")["why"], "tenant create beta");
}

TEST_F(RevisionCommandsTest, WhatIsKeptAsTheReasonIsWhatWasTyped) {
  serve(state_of({"acme", "beta"}), plan_json(1));

  EXPECT_EQ(run({"tenant", "tier", "acme", "auto", "--yes", "-m", "calm again"}), ExitCode::kOk)
      << err();

  EXPECT_EQ(daemon_.body_of("POST /v1/apply")["why"], "tenant tier acme auto: calm again");
}

TEST_F(RevisionCommandsTest, AMessageIsOneShortLine) {
  EXPECT_EQ(run({"tenant", "promote", "acme", "-m", "two\nlines"}), ExitCode::kUsage);
  EXPECT_EQ(run({"tenant", "promote", "acme", "-m", std::string(801, 'x')}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("found 801 bytes, allowed are 800"));
}

TEST(DocumentDifferenceTest, ThingsInListsAreKnownByTheirNames) {
  const Json before = {{"menu", {{{"name", "Pizza"}, {"price", "9"}}, {{"name", "Soup"}}}}};
  const Json after = {{"menu", {{{"name", "Soup"}}, {{"name", "Pizza"}, {"price", "10"}}}}};

  const Json changes = compare_documents(before, after);

  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0]["path"], "menu[Pizza].price");
}

TEST(DocumentDifferenceTest, PlainListsAreComparedAsSetsAndAnotherOrderIsAChange) {
  const Json before = {{"domains", {"a.example", "b.example"}}};

  const Json added = compare_documents(before, {{"domains", {"b.example", "c.example"}}});
  ASSERT_EQ(added.size(), 2U);
  EXPECT_EQ(added[0],
            (Json{{"path", "domains[]"}, {"change", "removed"}, {"before", "a.example"}}));
  EXPECT_EQ(added[1], (Json{{"path", "domains[]"}, {"change", "added"}, {"after", "c.example"}}));

  const Json turned = compare_documents(before, {{"domains", {"b.example", "a.example"}}});
  ASSERT_EQ(turned.size(), 1U);
  EXPECT_EQ(turned[0]["change"], "changed");
  EXPECT_THAT(compare_documents(before, before), IsEmpty());
}

TEST(DocumentDifferenceTest, AValueThatStandsLessOftenIsToldAsOftenAsItWent) {
  const Json changes =
      compare_documents({{"hours", {"9-12", "9-12", "13-17"}}}, {{"hours", {"9-12", "13-17"}}});

  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0], (Json{{"path", "hours[]"}, {"change", "removed"}, {"before", "9-12"}}));
}

TEST(DocumentDifferenceTest, NothingThatATenantWroteSteersTheTerminal) {
  const Json changes = compare_documents({{"name", "a"}}, {{"name", "\x1b[2Jb"}});

  EXPECT_THAT(print_document_changes(changes, Palette(Palette::Mode::kOff)),
              Not(HasSubstr("\x1b")));
}

TEST_F(RevisionCommandsTest, ForecastsAreListedBesideWhatCameOfThem) {
  daemon_.answer("GET /v1/forecasts?limit=20",
                 Json{{"forecasts",
                       {{{"number", 9},
                         {"at", "2026-11-26T05:00:00.000Z"},
                         {"plan_id", "abcdef0123456789"},
                         {"revision", 4},
                         {"complete", true},
                         {"forecast", {{"tenants_moved", 1}, {"duration_us", 1500000}}},
                         {"outcome", {{"tenants_moved", 2}, {"duration_us", 250000}}}},
                        {{"number", 7},
                         {"at", "2026-11-26T03:00:00.000Z"},
                         {"plan_id", "2"},
                         {"revision", 3},
                         {"complete", true},
                         {"forecast", {{"memory_bytes", 41943040}, {"cpu_milli", 20}}},
                         {"outcome", {{"memory_bytes", 52428800}, {"cpu_milli", 250}}}},
                        {{"number", 8},
                         {"at", "2026-11-26T04:00:00.000Z"},
                         {"plan_id", "1"},
                         {"revision", 4},
                         {"complete", false},
                         {"forecast", {{"tenants_moved", 1}}},
                         {"outcome", Json::object()}}}}});

  EXPECT_EQ(run({"forecast", "list"}), ExitCode::kOk);

  EXPECT_THAT(out(), AllOf(HasSubstr("tenants moved 2 (1 forecast)"), HasSubstr("250ms"),
                           HasSubstr("not carried out in whole"), Not(HasSubstr("abcdef")),
                           HasSubstr("50.0 MiB"), HasSubstr("40.0 MiB"), HasSubstr("as forecast"),
                           Not(HasSubstr("0.25 cores"))));
  EXPECT_THAT(out(),
              ::testing::ContainsRegex("TOOK +TOOK FORECAST +MEMORY +MEMORY FORECAST +COUNTS\n"));
  EXPECT_EQ(run({"forecast", "list", "-o", "wide"}), ExitCode::kOk);
  EXPECT_THAT(out(), AllOf(HasSubstr("0.25 cores"), HasSubstr("0.02 cores")));
  EXPECT_EQ(run({"forecast", "list", "-o", "name"}), ExitCode::kOk);
  EXPECT_EQ(out(), "forecast/9\nforecast/7\nforecast/8\n");
}

TEST_F(RevisionCommandsTest, NothingBeforeANumberIsNotNothingAtAll) {
  daemon_.answer("GET /v1/revisions?limit=50&before=1", Json{{"revisions", Json::array()}});
  daemon_.answer("GET /v1/forecasts?limit=20&before=1", Json{{"forecasts", Json::array()}});
  daemon_.answer("GET /v1/audit?limit=100&before=1", Json{{"records", Json::array()}});

  EXPECT_EQ(run({"history", "--before=1"}), ExitCode::kOk);
  EXPECT_EQ(err(), "Nothing before revision 1.\n");
  EXPECT_EQ(run({"forecast", "list", "--before=1"}), ExitCode::kOk);
  EXPECT_EQ(err(), "Nothing before number 1.\n");
  EXPECT_EQ(run({"audit", "--before=1"}), ExitCode::kOk);
  EXPECT_EQ(err(), "Nothing before record 1.\n");
}

TEST_F(RevisionCommandsTest, AMessageThatIsNoTextIsNotCalledTooLong) {
  EXPECT_EQ(run({"rollback", "3", "-m", "\xff"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("--message: found bytes that are not UTF-8"));
}

}  // namespace
}  // namespace voicectl
