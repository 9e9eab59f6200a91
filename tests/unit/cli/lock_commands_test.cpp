// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class LockCommandsTest : public CliTest {
 protected:
  LockCommandsTest() {
    serve({}, plan_json(1));
    daemon_.answer("POST /v1/lock/7/renew", Json::object());
  }
  static Json lock_of(const std::string& holder, bool is_applying = false) {
    return {{"token", 5},
            {"holder", holder},
            {"purpose", "apply: deploy 42"},
            {"since", "2026-11-26T05:00:00.000Z"},
            {"renewed_at", "2026-11-26T05:00:20.000Z"},
            {"expires_at", is_applying ? Json() : Json("2026-11-26T05:00:50.000Z")},
            {"applying", is_applying}};
  }
  std::size_t times_asked(const std::string& question) const {
    return static_cast<std::size_t>(std::count_if(
        daemon_.questions.begin(), daemon_.questions.end(),
        [&](const auto& asked) { return asked.method + " " + asked.target == question; }));
  }
};

TEST_F(LockCommandsTest, AnApplyTakesTheLockBeforeItPlansAndAppliesUnderIt) {
  EXPECT_EQ(run({"tenant", "create", "acme", "--yes", "--lock-timeout", "30s"}), ExitCode::kOk)
      << err();

  EXPECT_EQ(daemon_.questions.front().target, "/v1/lock");
  const Json wish = daemon_.body_of("POST /v1/lock");
  EXPECT_EQ(wish["holder"], "ann@localhost:50");
  EXPECT_EQ(wish["purpose"], "tenant create acme");
  EXPECT_EQ(wish["wait_s"], 30);
  EXPECT_EQ(daemon_.body_of("POST /v1/apply")["lock"], 7);
  // The daemon ends it with the apply.
  EXPECT_FALSE(daemon_.was_asked("DELETE /v1/lock/7"));
}

TEST_F(LockCommandsTest, WhatIsNotAgreedToGivesTheLockBack) {
  answer_at_terminal("n");

  EXPECT_EQ(run({"tenant", "create", "acme"}), ExitCode::kFailure);

  EXPECT_TRUE(daemon_.was_asked("DELETE /v1/lock/7"));
}

TEST_F(LockCommandsTest, AnApplyThatIsRefusedGivesTheLockBack) {
  daemon_.streams.erase("POST /v1/apply");

  EXPECT_EQ(run({"tenant", "create", "acme", "--yes"}), ExitCode::kDaemonUnavailable);

  EXPECT_TRUE(daemon_.was_asked("DELETE /v1/lock/7"));
}

TEST_F(LockCommandsTest, TheHeartbeatGoesOnWhileAQuestionWaitsForItsAnswer) {
  int waits = 0;
  wait_for_input_ = [&](Duration) { return ++waits == 4; };
  answer_at_terminal("y");

  EXPECT_EQ(run({"tenant", "create", "acme"}), ExitCode::kOk) << err();

  EXPECT_EQ(times_asked("POST /v1/lock/7/renew"), 3U);
}

TEST_F(LockCommandsTest, WhoeverHoldsTheLockIsNamed) {
  daemon_.streams["POST /v1/lock"] = {
      Json{{"waiting_for", lock_of("ci@build-3:4711")}}.dump(),
      R"({"error":{"code":"conflict","message":"cannot take the lock now: ci@build-3:4711 has it"}})"};

  EXPECT_EQ(run({"tenant", "create", "acme", "--yes", "--lock-timeout", "5s"}),
            ExitCode::kConflict);

  EXPECT_THAT(err(), AllOf(HasSubstr("Waiting for the lock: ci@build-3:4711 since 2026-11-26"),
                           HasSubstr("for 'apply: deploy 42'"),
                           HasSubstr("cannot take the lock now: ci@build-3:4711 has it")));
  EXPECT_FALSE(daemon_.was_asked("POST /v1/plan"));
}

TEST_F(LockCommandsTest, ShowSaysWhoForWhatAndSinceWhen) {
  daemon_.answer("GET /v1/lock", Json{{"lock", lock_of("ci@build-3:4711")}, {"busy", false}});

  EXPECT_EQ(run({"lock", "show"}), ExitCode::kOk);
  EXPECT_THAT(out(), AllOf(HasSubstr("Holder     ci@build-3:4711\n"),
                           HasSubstr("Purpose    apply: deploy 42\n"),
                           HasSubstr("Since      2026-11-26T05:00:00.000Z\n"),
                           HasSubstr("Heartbeat  2026-11-26T05:00:20.000Z\n"),
                           HasSubstr("Ends       2026-11-26T05:00:50.000Z\n")));
  EXPECT_EQ(run({"lock", "show", "-o", "json"}), ExitCode::kOk);
  EXPECT_EQ(Json::parse(out())["lock"]["token"], 5);

  daemon_.answers.clear();
  daemon_.answer("GET /v1/lock", Json{{"lock", Json()}, {"busy", false}});
  EXPECT_EQ(run({"lock", "show"}), ExitCode::kOk);
  EXPECT_EQ(out(), "Nobody holds the lock.\n");
}

TEST_F(LockCommandsTest, StealingNeedsTheHoldersName) {
  daemon_.answer("GET /v1/lock", Json{{"lock", lock_of("ci@build-3:4711", true)}, {"busy", true}});
  daemon_.answer("POST /v1/lock/steal", Json{{"stolen", lock_of("ci@build-3:4711")}});

  EXPECT_EQ(run({"lock", "steal"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("add --confirm=ci@build-3:4711"));
  EXPECT_EQ(run({"lock", "steal", "--confirm=me"}), ExitCode::kFailure);
  EXPECT_FALSE(daemon_.was_asked("POST /v1/lock/steal"));

  EXPECT_EQ(run({"lock", "steal", "--confirm=ci@build-3:4711"}), ExitCode::kOk);
  EXPECT_EQ(daemon_.body_of("POST /v1/lock/steal"),
            (Json{{"holder", "ci@build-3:4711"}, {"who", "ann"}}));
}

TEST_F(LockCommandsTest, NothingIsStolenFromNobody) {
  daemon_.answer("GET /v1/lock", Json{{"lock", Json()}, {"busy", false}});

  EXPECT_EQ(run({"lock", "steal", "--confirm=x"}), ExitCode::kNotFound);
}

TEST_F(LockCommandsTest, ADryRunNeedsNoLock) {
  daemon_.answer("POST /v1/pool/rebalance",
                 Json{{"plan", plan_json(1)}, {"moves", Json::array()}, {"note", ""}});

  EXPECT_EQ(run({"pool", "rebalance", "--dry-run"}), ExitCode::kOk);

  EXPECT_FALSE(daemon_.was_asked("POST /v1/lock"));
}

}  // namespace
}  // namespace voicectl
