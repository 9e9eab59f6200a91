// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class UpgradeCommandsTest : public CliTest {
 protected:
  static Json forecast() {
    return {{"from", {{"fingerprint", "aaaaaaaaaaaaaaaa"}, {"version", "1.0"}}},
            {"to", {{"fingerprint", "bbbbbbbbbbbbbbbb"}, {"version", "2.0"}}},
            {"canary", "tenant/acme"},
            {"instances", {"shared-0", "dedicated-acme"}},
            {"tenants", 3},
            {"websockets", 40},
            {"drops", 0},
            {"hands_over", true}};
  }
  /// What was asked about upgrades, in order.
  std::vector<Json> asked() const {
    std::vector<Json> out;
    for (const FakeDaemon::Question& question : daemon_.questions) {
      if (question.target == "/v1/upgrade") {
        out.push_back(Json::parse(question.body));
      }
    }
    return out;
  }
  void serve_upgrade(const Json& said) {
    daemon_.answer("POST /v1/upgrade", said);
    daemon_.streams["POST /v1/upgrade"] = {
        R"({"type":"started","plan_id":"upgrade-b","steps":0})",
        R"({"type":"step","number":0,"state":"done","kind":"upgrade","subject":"programs",)"
        R"("text":"tenant/acme answers with program bbbbbbbbbbbb","took_ms":0})",
        R"({"type":"finished","done":1,"failed":0,"skipped":0,"undone":0,"remedy":""})"};
  }
};

TEST_F(UpgradeCommandsTest, ShowsWhatWouldBeDoneAndDoesItWhenAgreedTo) {
  serve_upgrade(forecast());

  EXPECT_EQ(run({"upgrade", "--canary", "tenant/acme", "--watch", "1m", "--batch", "2", "--yes"}),
            ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("Upgrade from 1.0 (aaaaaaaaaaaa) to 2.0 (bbbbbbbbbbbb):"));
  EXPECT_THAT(out(), HasSubstr("first    tenant/acme, watched for 1m\n"));
  EXPECT_THAT(out(), HasSubstr("then     the rest of 2 instances, 2 at a time\n"));
  EXPECT_THAT(out(), HasSubstr("tenants  3 move with 40 open WebSockets\n"));
  EXPECT_THAT(out(), HasSubstr("tenant/acme answers with program bbbbbbbbbbbb"));
  ASSERT_EQ(asked().size(), 2U);
  const Json begun = asked()[1];
  EXPECT_FALSE(begun.contains("dry_run"));
  EXPECT_EQ(begun["watch_s"], 60);
  EXPECT_EQ(begun["batch"], 2);
}

TEST_F(UpgradeCommandsTest, SaysHowItIsExpectedToGo) {
  Json said = forecast();
  said["course"] = {
      {"waves", 2},
      {"pause", {{"typical_us", 3'000}, {"at_most_us", 9'000}, {"measured", 5}}},
      {"duration", {{"typical_us", 11'500'000}, {"at_most_us", 14'000'000}, {"measured", 0}}},
      {"memory_bytes", {{"before", 20U << 20}, {"peak", 40U << 20}}}};
  serve_upgrade(said);

  EXPECT_EQ(run({"upgrade", "--dry-run"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("pause    about 3ms, at most 9ms\n"));
  EXPECT_THAT(out(), HasSubstr("memory   20.0 MiB now, 40.0 MiB at most\n"));
  EXPECT_THAT(out(), HasSubstr("takes    about 11s, at most 14s (partly assumed); 10s of it the "
                               "canary is watched\n"));
  EXPECT_THAT(out(), HasSubstr("undo     'voicectl upgrade abort' turns it back"));
}

TEST_F(UpgradeCommandsTest, WhatIsNotExpectedIsNotTold) {
  Json said = forecast();
  said["course"] = nullptr;
  serve_upgrade(said);

  EXPECT_EQ(run({"upgrade", "--dry-run"}), ExitCode::kOk);

  EXPECT_THAT(out(), AllOf(Not(HasSubstr("pause")), Not(HasSubstr("takes"))));
}

TEST_F(UpgradeCommandsTest, ItIsForecastAndBegunUnderTheLock) {
  serve_upgrade(forecast());

  EXPECT_EQ(run({"upgrade", "--yes", "--lock-timeout", "1m"}), ExitCode::kOk);

  EXPECT_EQ(daemon_.questions.front().target, "/v1/lock");
  EXPECT_EQ(daemon_.body_of("POST /v1/lock")["wait_s"], 60);
  ASSERT_EQ(asked().size(), 2U);
  EXPECT_EQ(asked()[1]["lock"], 7);
  // The daemon ends it.
  EXPECT_FALSE(daemon_.was_asked("DELETE /v1/lock/7"));
}

TEST_F(UpgradeCommandsTest, ADryRunDoesNothing) {
  serve_upgrade(forecast());

  EXPECT_EQ(run({"upgrade", "--dry-run"}), ExitCode::kOk);

  EXPECT_EQ(daemon_.questions.size(), 1U) << "not even the lock";
}

TEST_F(UpgradeCommandsTest, DropsNeedLeave) {
  Json said = forecast();
  said["hands_over"] = false;
  said["drops"] = 40;
  serve_upgrade(said);

  EXPECT_EQ(run({"upgrade", "--yes"}), ExitCode::kConflict);
  EXPECT_THAT(err(), HasSubstr("40 of 40 open WebSockets are closed (1012)"));
  EXPECT_EQ(asked().size(), 1U);
  EXPECT_TRUE(daemon_.was_asked("DELETE /v1/lock/7"));

  EXPECT_EQ(run({"upgrade", "--yes", "--allow-drops"}), ExitCode::kOk);
}

TEST_F(UpgradeCommandsTest, WhatRunsAlreadyIsLeftAlone) {
  Json said = forecast();
  said["to"] = said["from"];
  said["instances"] = Json::array();
  serve_upgrade(said);

  EXPECT_EQ(run({"upgrade", "--yes"}), ExitCode::kOk);

  EXPECT_EQ(out(), "Nothing to do: instances run 1.0 (aaaaaaaaaaaa) already.\n");
  EXPECT_EQ(asked().size(), 1U);
}

TEST_F(UpgradeCommandsTest, WhatCannotBeIsRefusedBeforeAnybodyIsAsked) {
  EXPECT_EQ(run({"upgrade", "--rollback", "--runtime", "/bin/true", "--yes"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("--runtime and --rollback exclude each other"));
  EXPECT_EQ(run({"upgrade", "--runtime", "/no/such/program", "--yes"}), ExitCode::kNotFound);
  EXPECT_EQ(run({"upgrade", "--batch", "0", "--yes"}), ExitCode::kUsage);
  EXPECT_EQ(run({"upgrade", "--watch", "soon", "--yes"}), ExitCode::kUsage);
  EXPECT_TRUE(daemon_.questions.empty());
}

TEST_F(UpgradeCommandsTest, StatusShowsProgramsAndHowItStands) {
  daemon_.answer(
      "GET /v1/upgrade",
      Json{{"programs",
            {{{"fingerprint", "aaaa"}, {"version", "1.0"}, {"role", "current"}, {"instances", 2}}}},
           {"installed", {{"path", "/usr/bin/voice-runtime"}, {"fingerprint", "cccc"}}},
           {"upgrade",
            {{"to", "bbbb"},
             {"who", "ann"},
             {"phase", "reversing"},
             {"upgraded", 1},
             {"left", 2},
             {"why", "a probe failed"},
             {"websockets_moved", 5},
             {"websockets_dropped", 0}}},
           {"last", nullptr}});

  EXPECT_EQ(run({"upgrade", "status"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("aaaa"));
  EXPECT_THAT(out(), HasSubstr("Upgrade to bbbb (ann): reversing, 1 upgraded, 2 left; 5 WebSockets "
                               "moved, 0 dropped\n  because a probe failed\n"));
  EXPECT_THAT(out(), Not(HasSubstr("is another one")));
}

TEST_F(UpgradeCommandsTest, StatusTellsOfAnInstalledProgramThatIsAnotherOne) {
  daemon_.answer(
      "GET /v1/upgrade",
      Json{{"programs", {{{"fingerprint", "aaaa"}, {"role", "current"}}}},
           {"installed", {{"path", "/usr/bin/voice-runtime"}, {"fingerprint", "cccc"}}},
           {"upgrade", nullptr},
           {"last",
            {{"to", "aaaa"}, {"result", "finished"}, {"why", ""}, {"ended", "2026-11-26"}}}});

  EXPECT_EQ(run({"upgrade", "status"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("Last upgrade, to aaaa: finished at 2026-11-26"));
  EXPECT_THAT(out(), HasSubstr("'voicectl upgrade' rolls it out"));
}

TEST_F(UpgradeCommandsTest, AbortSaysWhoAsked) {
  daemon_.answer("POST /v1/upgrade/abort", Json::object());

  EXPECT_EQ(run({"upgrade", "abort"}), ExitCode::kOk);

  EXPECT_TRUE(daemon_.body_of("POST /v1/upgrade/abort").contains("who"));
}

TEST_F(UpgradeCommandsTest, MetricsArePrintedAsTheyAre) {
  daemon_.streams["GET /v1/metrics"] = {"# TYPE a gauge", "a 1"};

  EXPECT_EQ(run({"metrics"}), ExitCode::kOk);

  EXPECT_EQ(out(), "# TYPE a gauge\na 1\n");
}

}  // namespace
}  // namespace voicectl
