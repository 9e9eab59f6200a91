// SPDX-License-Identifier: Apache-2.0
// What the command line shows of who owns which field, and what it tells the daemon of it.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/support/temp_dir.h"
#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class OwnershipCliTest : public CliTest {
 protected:
  OwnershipCliTest() {
    surroundings_.working_directory = folder_.path();
    std::ofstream(folder_.path("platform.yaml"))
        << "apiVersion: voicectl/v1\ntenants:\n"
           "  - {slug: acme, name: Acme, business_type: custom, tier: pooled}\n";
  }
  static Json note(const std::string& path, const Json& now, const Json& wanted) {
    return {{"path", path},
            {"now", now},
            {"wanted", wanted},
            {"owner",
             {{"owner", "command_line"},
              {"who", "ben"},
              {"why", "tenant promote acme"},
              {"at", "2026-11-26T05:12:09.310Z"},
              {"revision", 12}}}};
  }
  static Json plan_with(const std::string& kind, const Json& notes, std::size_t steps = 1) {
    Json plan = plan_json(steps);
    plan["ownership"] = {{"conflicts", Json::array()},
                         {"kept", Json::array()},
                         {"kept_count", kind == "kept" ? notes.size() : 0},
                         {"taken", Json::array()}};
    plan["ownership"][kind] = notes;
    return plan;
  }
  static Json conflict(std::size_t steps = 1) {
    return plan_with("conflicts", Json::array({note("tenants[acme].tier", "dedicated", "pooled")}),
                     steps);
  }

  TempDir folder_;
};

TEST_F(OwnershipCliTest, AFileIsSentAsOneWithOnlyWhatItNames) {
  serve({}, plan_json(1));

  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--yes"}), ExitCode::kOk);

  for (const char* const question : {"POST /v1/plan", "POST /v1/apply"}) {
    const Json request = daemon_.body_of(question);
    EXPECT_EQ(request["owner"], "file");
    EXPECT_FALSE(request.contains("force_conflicts"));
    EXPECT_EQ(
        Json::parse(request["document"].get<std::string>())["tenants"][0],
        (Json{
            {"slug", "acme"}, {"name", "Acme"}, {"business_type", "custom"}, {"tier", "pooled"}}));
  }
}

TEST_F(OwnershipCliTest, ACommandSaysThatItIsOne) {
  serve({}, plan_json(1));

  run({"tenant", "create", "luigi", "--yes"});

  EXPECT_EQ(daemon_.body_of("POST /v1/plan")["owner"], "command_line");
  EXPECT_EQ(daemon_.body_of("POST /v1/apply")["owner"], "command_line");
}

TEST_F(OwnershipCliTest, APlanShowsItsConflictsFirst) {
  serve({}, conflict());

  run({"plan", "-f", "platform.yaml"});

  EXPECT_THAT(out(), testing::StartsWith(
                         "Conflict: 1 field that the command line has set, and the file otherwise. "
                         "This plan takes the file's; apply refuses it without --force-conflicts\n"
                         "  ! tenants[acme].tier: \"dedicated\" -> \"pooled\" (ben, revision 12, "
                         "2026-11-26T05:12:09.310Z: tenant promote acme)\n\nPlan "));
}

TEST_F(OwnershipCliTest, AConflictWithoutAStepIsShownAndCountsAsAChange) {
  serve({}, conflict(0));

  EXPECT_EQ(run({"plan", "-f", "platform.yaml", "--detailed-exitcode"}), ExitCode::kChanges);
  EXPECT_THAT(out(), AllOf(HasSubstr("Conflict: 1 field"), HasSubstr("Nothing to do")));

  run({"plan", "-f", "platform.yaml", "-o", "markdown"});
  EXPECT_THAT(out(), HasSubstr("tenants\\[acme\\].tier"));
}

TEST_F(OwnershipCliTest, MarkdownTellsOfThemAboveTheSteps) {
  serve({}, conflict());

  run({"plan", "-f", "platform.yaml", "-o", "markdown"});

  const std::size_t owners = out().find("Conflict:");
  ASSERT_NE(owners, std::string::npos);
  EXPECT_LT(owners, out().find("| what | how many |"));
}

TEST_F(OwnershipCliTest, AConflictIsNotAskedAboutButRefusedByTheDaemon) {
  serve({}, conflict());
  daemon_.refusals.emplace("POST /v1/apply", Error(ErrorCode::kConflict,
                                                   "cannot apply this: they "
                                                   "differ"));
  answer_at_terminal("y");

  EXPECT_EQ(run({"apply", "-f", "platform.yaml"}), ExitCode::kConflict);

  EXPECT_THAT(err(), HasSubstr("cannot apply this: they differ"));
  EXPECT_THAT(err(), Not(HasSubstr("Apply this plan?")));
  EXPECT_FALSE(daemon_.body_of("POST /v1/apply").contains("force_conflicts"));
  EXPECT_TRUE(daemon_.was_asked("DELETE /v1/lock/7")) << "the lock is given back";
}

TEST_F(OwnershipCliTest, ForcedItIsAskedAboutLikeAnyOther) {
  serve({}, conflict());
  answer_at_terminal("n");
  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--force-conflicts"}), ExitCode::kFailure);
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));

  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--force-conflicts", "--yes"}), ExitCode::kOk);

  const Json request = daemon_.body_of("POST /v1/apply");
  EXPECT_EQ(request["force_conflicts"], true);
  EXPECT_EQ(request["why"], "apply -f platform.yaml --force-conflicts");
}

TEST_F(OwnershipCliTest, TellsWhatStaysAndWhatChangesHands) {
  serve({}, plan_with("kept", Json::array({note("tenants[luigi]", nullptr, nullptr),
                                           note("tenants[acme].email", "a@b.cc", "")})));
  run({"plan", "-f", "platform.yaml"});
  EXPECT_THAT(out(), HasSubstr("\nKept: set by the command line, and not named by the file\n"
                               "    tenants[luigi] (ben, revision 12, "));
  EXPECT_THAT(out(), HasSubstr("    tenants[acme].email: \"a@b.cc\" (ben"));

  daemon_.answers.clear();
  Json taken = note("tenants[acme].tier", "auto", "dedicated");
  taken["owner"] = {{"owner", "file"}};
  serve_lock();
  serve({}, plan_with("taken", Json::array({taken})));
  run({"tenant", "create", "luigi", "--yes"});
  EXPECT_THAT(out(), HasSubstr("From the file to the command line: an apply of a file that says "
                               "otherwise will be refused\n"
                               "    tenants[acme].tier: \"auto\" -> \"dedicated\"\n"));
}

TEST_F(OwnershipCliTest, OfManyFieldsTheFirstAreShown) {
  Json notes = Json::array();
  for (int i = 0; i < 30; ++i) {
    notes.push_back(note("tenants[t" + std::to_string(i) + "]", nullptr, nullptr));
  }
  Json plan = plan_with("kept", notes);
  plan["ownership"]["kept_count"] = 1000;
  serve({}, plan);

  run({"plan", "-f", "platform.yaml"});

  EXPECT_THAT(out(), AllOf(HasSubstr("tenants[t19] "), Not(HasSubstr("tenants[t20] ")),
                           HasSubstr("    and 980 more\n")));
}

TEST_F(OwnershipCliTest, OfManyConflictsAllAreCounted) {
  Json plan = conflict();
  plan["ownership"]["conflict_count"] = 5000;
  serve({}, plan);

  run({"plan", "-f", "platform.yaml"});

  EXPECT_THAT(out(), AllOf(HasSubstr("Conflict: 5000 fields that"), HasSubstr("and 4999 more\n")));
}

TEST_F(OwnershipCliTest, SaysWhatCannotStayBesideTheFileAndWhatToDo) {
  Json plan = conflict();
  plan["ownership"]["conflicts"][0]["misfit"] = "the plan 'starter' includes 100";
  serve({}, plan);

  run({"plan", "-f", "platform.yaml"});

  EXPECT_THAT(out(), HasSubstr("; it cannot stay beside what the file says, name it in the file "
                               "too: the plan 'starter' includes 100\n"));
}

TEST_F(OwnershipCliTest, WhatAPersonWroteDoesNotSteerTheTerminal) {
  Json hostile = conflict();
  hostile["ownership"]["conflicts"][0]["owner"]["why"] = "\x1b[2J";
  serve({}, hostile);

  run({"plan", "-f", "platform.yaml"});

  EXPECT_THAT(out(), Not(HasSubstr("\x1b")));
}

TEST_F(OwnershipCliTest, ATenantTellsItsOwners) {
  const Json claim = {{"owner", "command_line"},
                      {"who", "ben"},
                      {"why", "tenant create acme"},
                      {"at", "noon"},
                      {"revision", 3}};
  Json tier = claim;
  tier["field"] = "tier";
  Json whole = claim;
  whole["field"] = "tenant";
  const Json monitor = {
      {"field", "placement"}, {"owner", "monitor"}, {"why", "30 sessions"}, {"at", "noon"}};
  daemon_.answer("GET /v1/tenants/acme",
                 Json{{"tenant", "acme"}, {"owners", Json::array({whole, tier, monitor})}});
  daemon_.answer("GET /v1/tenants/beta", Json{{"tenant", "beta"}, {"owners", Json::array()}});

  run({"tenant", "show", "acme"});
  EXPECT_THAT(out(),
              HasSubstr("Owners     tenant, tier: command line (ben, revision 3, noon: tenant "
                        "create acme)\n"
                        "           placement: monitor (since noon: 30 sessions)\n"
                        "           all else: file\n"));

  run({"tenant", "show", "beta"});
  EXPECT_THAT(out(), HasSubstr("Owners     file\n"));
}

}  // namespace
}  // namespace voicectl
