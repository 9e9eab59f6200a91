// SPDX-License-Identifier: Apache-2.0
// wait, audit, and events that go on.
#include <gmock/gmock.h>

#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using WatchCommandsTest = CliTest;

TEST_F(WatchCommandsTest, WaitEndsWhenItHasComeTrue) {
  daemon_.streams["GET /v1/tenants/acme/wait?for=promoted&timeout_s=120"] = {
      R"({"tenant":"acme","for":"promoted","met":true,"why_not":null})"};

  EXPECT_EQ(run({"wait", "tenant/acme", "--for=promoted", "--timeout", "2m"}), ExitCode::kOk);

  EXPECT_EQ(out(), "tenant/acme is promoted.\n");
}

TEST_F(WatchCommandsTest, WaitSaysWhyNotWhenItsTimeIsOver) {
  daemon_.streams["GET /v1/tenants/acme/wait?for=ready&timeout_s=60"] = {
      R"({"tenant":"acme","for":"ready","met":false,"why_not":"there is no such tenant"})"};

  EXPECT_EQ(run({"wait", "tenant/acme"}), ExitCode::kTimeout);

  EXPECT_THAT(err(), HasSubstr("cannot wait any longer for 'tenant/acme' to be ready: there is no "
                               "such tenant"));
}

TEST_F(WatchCommandsTest, WaitRefusesWhatNobodyCanWaitFor) {
  EXPECT_EQ(run({"wait", "instance/shared-0"}), ExitCode::kUsage);
  EXPECT_EQ(run({"wait", "tenant/Acme!"}), ExitCode::kUsage);
  EXPECT_EQ(run({"wait", "tenant/acme", "--for=happy"}), ExitCode::kUsage);
  EXPECT_EQ(run({"wait", "tenant/acme", "--timeout=soon"}), ExitCode::kUsage);
}

TEST_F(WatchCommandsTest, AuditListsWhoAskedForWhat) {
  const std::int64_t hour_ago = (clock_.now() - std::chrono::hours(1)).time_since_epoch().count();
  daemon_.answer(
      "GET /v1/audit?limit=100&since_ms=" + std::to_string(hour_ago) + "&subject=tenant%2Facme",
      Json{{"records",
            {{{"number", 7},
              {"at", "2026-11-26T05:00:00.000Z"},
              {"uid", 1000},
              {"from", "ann@build-3:4711 voicectl/0.1.0"},
              {"who", "ann"},
              {"what", "key.revoke"},
              {"subject", "tenant/acme"},
              {"detail", {{"id", "k1"}}},
              {"result", "refused"},
              {"message", "cannot find it\x1b[2J"}}}}});

  EXPECT_EQ(run({"audit", "--since", "1h", "--subject", "tenant/acme"}), ExitCode::kOk) << err();

  EXPECT_THAT(out(), AllOf(HasSubstr("key.revoke"), HasSubstr("refused"), HasSubstr("ann"),
                           HasSubstr("{\"id\":\"k1\"} cannot find it"), Not(HasSubstr("\x1b")),
                           Not(HasSubstr("build-3"))));
}

TEST_F(WatchCommandsTest, EventsThatBreakOffSayWhereToGoOn) {
  daemon_.streams["GET /v1/events?after=4&follow=1"] = {
      R"({"number":5,"at":"x","name":"a.b","subject":"daemon","detail":{}})",
      R"({"number":6,"at":"x","name":"a.b","subject":"daemon","detail":{}})",
      R"({"error":{"code":"unavailable","message":"cannot read on"}})"};

  EXPECT_EQ(run({"events", "-f", "--after", "4"}), ExitCode::kDaemonUnavailable);

  EXPECT_THAT(err(), HasSubstr("voicectl events -f --after 6\n"));
}

TEST_F(WatchCommandsTest, EventsSayHowManyAreNotKeptAnyMore) {
  daemon_.streams["GET /v1/events?after=4"] = {
      R"({"number":9,"at":"x","name":"a.b","subject":"daemon","detail":{},"missed":4})",
      R"({"number":10,"at":"x","name":"a.b","subject":"daemon","detail":{}})"};

  EXPECT_EQ(run({"events", "--after", "4"}), ExitCode::kOk);

  EXPECT_EQ(err(), "4 events before number 9 are not kept any more.\n");
}

}  // namespace
}  // namespace voicectl
