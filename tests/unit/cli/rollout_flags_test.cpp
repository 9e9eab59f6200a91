// SPDX-License-Identifier: Apache-2.0
#include "cli/rollout_flags.h"

#include <gmock/gmock.h>

#include <fstream>

#include "cli/output.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::HasSubstr;
using testing::Not;

class RolloutFlagsTest : public CliTest {
 protected:
  RolloutFlagsTest() {
    surroundings_.working_directory = folder_.path();
    std::ofstream(folder_.path("platform.yaml"))
        << "apiVersion: voicectl/v1\ntenants:\n"
           "  - {slug: acme, name: Acme, business_type: custom}\n";
  }
  /// A plan that the daemon takes in `batches` batches of one.
  static Json plan_in_batches(int batches) {
    Json plan = plan_json(2);
    Json list = Json::array();
    for (int i = 0; i < batches; ++i) {
      list.push_back({{"canary", i == 0}, {"tenants", {"t" + std::to_string(i)}}});
    }
    plan["rollout"] = {{"canary", {"t0", "idle"}},
                       {"batch", 1},
                       {"pause_s", 60},
                       {"max_failures", 2},
                       {"batches", std::move(list)}};
    return plan;
  }
  TempDir folder_;
};

TEST_F(RolloutFlagsTest, ThePlanIsAskedForWithWhatWasSaidOnly) {
  serve({}, plan_in_batches(2));

  EXPECT_EQ(run({"plan", "-f", "platform.yaml", "--canary=acme,beta", "--pause=1m"}),
            ExitCode::kOk);

  EXPECT_EQ(daemon_.body_of("POST /v1/plan").at("rollout"),
            (Json{{"canary", {"acme", "beta"}}, {"pause_s", 60}}));
}

TEST_F(RolloutFlagsTest, WithoutFlagsTheDocumentDecides) {
  serve({}, plan_json(1));

  run({"plan", "-f", "platform.yaml"});

  EXPECT_FALSE(daemon_.body_of("POST /v1/plan").contains("rollout"));
}

TEST_F(RolloutFlagsTest, ThePlanShowsTheBatchesAndIdleCanaries) {
  serve({}, plan_in_batches(2));

  run({"plan", "-f", "platform.yaml"});

  EXPECT_THAT(out(), HasSubstr("Rollout: 2 batches, each watched for 1m00s before the next; stops "
                               "when more than 2 tenants failed.\n"
                               "    1  t0 (canary)\n"
                               "    2  t1\n"
                               "  canary idle: nothing to do\n"));
}

TEST_F(RolloutFlagsTest, AThousandBatchesFitOnAScreen) {
  const std::string text = print_rollout(plan_in_batches(1000), Palette(Palette::Mode::kOff));

  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 12);
  EXPECT_THAT(text, HasSubstr("... 994 batches ..."));
  EXPECT_THAT(text, HasSubstr("1000  t999"));
}

TEST_F(RolloutFlagsTest, WhatWasShownIsAppliedWithoutItsNames) {
  serve({}, plan_in_batches(2));
  daemon_.streams["POST /v1/apply"] = {
      R"({"type":"started","plan_id":"x","steps":2})",
      R"({"type":"finished","done":2,"failed":0,"skipped":0,"undone":0,"remedy":""})"};

  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--yes", "--batch=1"}), ExitCode::kOk);

  const Json rollout = daemon_.body_of("POST /v1/apply").at("rollout");
  EXPECT_EQ(rollout.at("max_failures"), 2);
  EXPECT_FALSE(rollout.contains("batches"));
}

TEST_F(RolloutFlagsTest, BadFlagsAreRefusedBeforeAnythingIsAsked) {
  for (const char* flag : {"--batch=0", "--pause=soon", "--max-failures=-1"}) {
    EXPECT_EQ(run({"plan", "-f", "platform.yaml", flag}), ExitCode::kUsage) << flag;
  }
  EXPECT_FALSE(daemon_.was_asked("POST /v1/plan"));
}

TEST_F(RolloutFlagsTest, AHookThatFailedBehindItIsPartialSuccess) {
  serve({}, plan_json(1));
  daemon_.streams["POST /v1/apply"] = {
      R"({"type":"started","plan_id":"x","steps":1})",
      R"x({"type":"step","number":0,"state":"failed","kind":"hook","subject":"hook/after_apply","text":"run hook /x (after_apply)","took_ms":0,"error":"it exited with 1"})x",
      R"({"type":"finished","done":1,"failed":0,"skipped":0,"undone":0,"remedy":"","hooks_failed":1})"};

  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--yes"}), ExitCode::kPartial);

  EXPECT_THAT(out(), HasSubstr("failed  run hook /x (after_apply): it exited with 1"));
  EXPECT_THAT(out(), HasSubstr("1 hook failed after it, and it stays"));
}

TEST_F(RolloutFlagsTest, StatusSaysWhoWaits) {
  daemon_.answer("GET /v1/status",
                 Json{{"rollout",
                       {{"under_way", false},
                        {"batch", nullptr},
                        {"batches", nullptr},
                        {"stopped", "1 tenant failed, and none may"},
                        {"failed", {{{"tenant", "acme"}, {"error", "cannot take it"}}}},
                        {"held", {"beta", "gamma"}}}}});

  EXPECT_EQ(run({"status"}), ExitCode::kOk);

  EXPECT_THAT(out(),
              HasSubstr("Rollout stopped:\n  1 tenant failed, and none may; 2 tenants wait"));
  EXPECT_THAT(out(), HasSubstr("failed  acme: cannot take it"));
}

TEST_F(RolloutFlagsTest, APauseBetweenNothingIsWrongUsage) {
  serve({}, plan_json(1));
  std::ofstream(folder_.path("plain.yaml")) << "apiVersion: voicectl/v1\n";
  std::ofstream(folder_.path("batches.yaml"))
      << "apiVersion: voicectl/v1\nplatform: {domain: a.example, rollout: {batch: 5}}\n";

  EXPECT_EQ(run({"plan", "-f", "plain.yaml", "--pause=5s"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("add --batch or --canary to --pause"));
  EXPECT_EQ(run({"apply", "-f", "plain.yaml", "--pause=5s", "--yes"}), ExitCode::kUsage);
  EXPECT_EQ(run({"plan", "-f", "plain.yaml", "--pause=5s", "--detailed-exitcode"}),
            ExitCode::kFailure);
  EXPECT_EQ(run({"plan", "-f", "plain.yaml", "--pause=99h", "--batch=1"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("--pause: found '99h', allowed is a length such as 10m or 24h, at "
                               "most 24h"));
  EXPECT_TRUE(daemon_.questions.empty());
  EXPECT_EQ(run({"plan", "-f", "plain.yaml", "--pause=5s", "--batch=1"}), ExitCode::kOk) << err();
  EXPECT_EQ(run({"plan", "-f", "batches.yaml", "--pause=5s"}), ExitCode::kOk) << err();
}

}  // namespace
}  // namespace voicectl
