// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class MigrateCommandTest : public CliTest {
 protected:
  MigrateCommandTest() {
    daemon_.answer("GET /v1/sessions/acme_1", session("acme_1", "acme", "active"));
    daemon_.answer("GET /v1/sessions/acme_2", session("acme_2", "acme", "ready"));
    daemon_.answer("GET /v1/sessions/acme_0", session("acme_0", "acme", "completed"));
    daemon_.answer("GET /v1/sessions/nobody_1",
                   Error(ErrorCode::kNotFound, "cannot find session 'nobody_1'"));
  }
  static Json session(const std::string& name,
                      const std::string& tenant,
                      const std::string& status) {
    return {{"session", {{"session_id", name}, {"tenant", tenant}, {"status", status}}}};
  }
  /// acme moves; bela stays where it was.
  void serve_moves() {
    daemon_.answer(
        kQuestion,
        Json{{"plan", plan_json(2)},
             {"moves",
              {{{"tenant", "acme"}, {"from", "shared-0"}, {"to", "shared-1"}, {"sessions", 3}},
               {{"tenant", "bela"}, {"from", "shared-0"}, {"to", "shared-1"}, {"sessions", 1}}}},
             {"note", ""}});
    daemon_.streams[kQuestion] = {
        R"({"type":"started","plan_id":"p","steps":2})",
        step("running", "acme", R"("phase":"copying","percent":0,"connections":8,"copied":0)"),
        step("running", "acme", R"("phase":"copying","percent":45,"connections":8,"copied":4)"),
        step("running", "acme", R"("phase":"copying","percent":46,"connections":8,"copied":4)"),
        step("running", "acme", R"("phase":"quiescing","percent":90,"connections":8,"copied":8)"),
        step("done", "acme",
             R"("phase":"moved","percent":100,"connections":8,"copied":8,"websockets":6,)"
             R"("refused":0,"dropped":0,"pause_us":1700,"wait_us":9000,"took_us":40000)"),
        step("failed", "bela", R"("phase":"stayed","percent":0,"connections":0,"copied":0)",
             "cannot hand over: it is busy"),
        R"({"type":"finished","done":1,"failed":1,"skipped":0,"undone":0,"remedy":"look"})"};
  }
  static std::string step(const std::string& state,
                          const std::string& tenant,
                          const std::string& move,
                          const std::string& error = "") {
    return R"({"type":"step","number":0,"kind":"lend_listener","subject":"tenant/)" + tenant +
           R"(","text":"move )" + tenant + R"(","took_ms":40,"state":")" + state +
           R"(","error":")" + error + R"(","move":{)" + move + "}}";
  }

  const std::string kQuestion = "POST /v1/sessions/migrate";
};

TEST_F(MigrateCommandTest, MovesTheTenantsOfSessionsAndTellsHowFarItIs) {
  serve_moves();

  EXPECT_EQ(run({"session", "migrate", "acme_1", "acme_2", "--tenant", "bela", "--to", "shared-1",
                 "--yes"}),
            ExitCode::kPartial);

  const Json asked = daemon_.body_of(kQuestion);
  EXPECT_EQ(asked["tenants"], Json({"acme", "bela"}));
  EXPECT_EQ(asked["to"], "shared-1");
  const Json done = Json::parse(daemon_.questions.back().body);
  EXPECT_FALSE(done.contains("dry_run"));
  EXPECT_EQ(done["base_generation"], 4);
  EXPECT_TRUE(done["lock"].is_number());
  EXPECT_EQ(done["moves"].size(), 2U);
  EXPECT_THAT(err(), HasSubstr("    0%    acme: copying connections, 0 of 8\n"));
  EXPECT_THAT(err(), HasSubstr("   45%    acme: copying connections, 4 of 8\n"));
  EXPECT_THAT(err(), Not(HasSubstr("46%")));
  EXPECT_THAT(err(), HasSubstr("   90%    acme: finishing requests\n"));
  EXPECT_THAT(err(), HasSubstr("move acme (40ms; 8 connections, stood still for 1.7ms)\n"));
  EXPECT_THAT(err(), HasSubstr("move bela: cannot hand over: it is busy\n"));
  EXPECT_THAT(out(), HasSubstr("TENANT  FROM      TO        SESSIONS  OUTCOME  CONNECTIONS"));
  EXPECT_THAT(out(), HasSubstr("acme    shared-0  shared-1         3  moved"));
  EXPECT_THAT(out(), HasSubstr("bela    shared-0  shared-1         1  stayed"));
}

TEST_F(MigrateCommandTest, EveryFormatHasWhatCameOfIt) {
  serve_moves();
  const auto shown_as = [this](const std::string& format) {
    EXPECT_EQ(run({"session", "migrate", "--tenant", "acme", "--yes", "-o", format}),
              ExitCode::kPartial);
    return out();
  };

  const Json moves = Json::parse(shown_as("json"))["moves"];
  ASSERT_EQ(moves.size(), 2U);
  EXPECT_EQ(moves[0]["outcome"], "moved");
  EXPECT_EQ(moves[0]["pause_us"], 1700);
  EXPECT_EQ(moves[0]["websockets"], 6);
  EXPECT_EQ(moves[1]["error"], "cannot hand over: it is busy");
  EXPECT_THAT(shown_as("yaml"), HasSubstr("outcome: moved"));
  EXPECT_EQ(shown_as("name"), "tenant/acme\ntenant/bela\n");
  EXPECT_THAT(shown_as("wide"), HasSubstr("cannot hand over: it is busy"));
}

TEST_F(MigrateCommandTest, ADryRunShowsWhatWouldMoveAndDoesNothing) {
  serve_moves();

  EXPECT_EQ(run({"session", "migrate", "acme_1", "--dry-run"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("planned"));
  EXPECT_EQ(daemon_.questions.size(), 2U);
  EXPECT_EQ(daemon_.body_of(kQuestion)["dry_run"], true);
}

TEST_F(MigrateCommandTest, NothingIsDoneWithoutAgreement) {
  serve_moves();

  EXPECT_EQ(run({"session", "migrate", "acme_1"}), ExitCode::kUsage);

  EXPECT_THAT(err(), HasSubstr("--yes"));
  EXPECT_THAT(err(), HasSubstr("Nothing was changed."));
  EXPECT_THAT(out(), IsEmpty());
}

TEST_F(MigrateCommandTest, WhatCannotBeMigratedIsRefusedBeforeAnythingIsAsked) {
  EXPECT_EQ(run({"session", "migrate", "--yes"}), ExitCode::kFailure);
  EXPECT_THAT(err(), HasSubstr("--tenant"));
  EXPECT_EQ(run({"session", "migrate", "acme_1", "nobody_1", "--yes"}), ExitCode::kNotFound);
  EXPECT_THAT(err(), HasSubstr("nobody_1"));
  EXPECT_EQ(run({"session", "migrate", "acme_0", "--yes"}), ExitCode::kConflict);
  EXPECT_THAT(err(), HasSubstr("cannot migrate session 'acme_0': it has ended (completed)"));
  EXPECT_FALSE(daemon_.was_asked(kQuestion));
}

TEST_F(MigrateCommandTest, SessionsThatAreThereAlreadyNeedNoMove) {
  daemon_.answer(kQuestion, Json{{"plan", plan_json(0)},
                                 {"moves", Json::array()},
                                 {"note", "All of these sessions are there already."}});

  EXPECT_EQ(run({"session", "migrate", "acme_1", "--yes"}), ExitCode::kOk);
  EXPECT_THAT(err(), HasSubstr("there already"));
  EXPECT_EQ(run({"session", "migrate", "acme_1", "--yes", "-o", "json"}), ExitCode::kOk);
  EXPECT_EQ(Json::parse(out())["moves"], Json::array());
}

}  // namespace
}  // namespace voicectl
