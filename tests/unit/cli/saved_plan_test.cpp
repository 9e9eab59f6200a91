// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>

#include "cli/plan_difference.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kDocument =
    "apiVersion: voicectl/v1\ntenants:\n"
    "  - {slug: acme, name: Acme, business_type: custom, email: owner@acme.example}\n";

Json a_step(const std::string& kind, const std::string& subject, const std::string& text) {
  return {{"kind", kind},
          {"subject", subject},
          {"symbol", "+"},
          {"text", text},
          {"reason", "it is asked"}};
}

class SavedPlanTest : public CliTest {
 protected:
  SavedPlanTest() {
    surroundings_.working_directory = folder_.path();
    std::ofstream(folder_.path("platform.yaml")) << kDocument;
    EXPECT_TRUE(files_.make_directory(folder_.path(), kPrivateDirectory).has_value());
    serve({}, plan_json(1));
  }
  static Json answer_with(const Json& plan, const std::string& platform = "platform-a") {
    return {{"plan", plan}, {"platform_id", platform}};
  }
  void plan_is(const Json& plan, const std::string& platform = "platform-a") {
    daemon_.answers["POST /v1/plan"].clear();
    daemon_.answer("POST /v1/plan", answer_with(plan, platform));
  }
  /// Makes one as `plan --out` does, and puts it where `apply` reads it.
  std::string save(const Json& plan) {
    plan_is(plan);
    EXPECT_EQ(run({"plan", "-f", "platform.yaml", "--out", "plan.json"}), ExitCode::kOk) << err();
    const std::string text = **files_.read(folder_.path("plan.json"), 1U << 20);
    std::ofstream(folder_.path("plan.json")) << text;
    daemon_.questions.clear();
    return text;
  }
  void rewrite(const std::string& text) { std::ofstream(folder_.path("plan.json")) << text; }

  TempDir folder_;
};

TEST_F(SavedPlanTest, HoldsAllThatAnApplyNeedsForItsOwnerOnly) {
  const Json file = Json::parse(save(plan_json(2)));

  EXPECT_EQ(file["schema"], "voicectl/saved-plan/v1");
  EXPECT_EQ(file["plan"], plan_json(2));
  EXPECT_EQ(file["plan_id"], plan_json(2)["id"]);
  EXPECT_EQ(file["base_generation"], 4);
  EXPECT_EQ(file["platform_id"], "platform-a");
  EXPECT_EQ(file["made_by"], "ann");
  EXPECT_THAT(file["document"].get<std::string>(), HasSubstr("owner@acme.example"));
  EXPECT_EQ(files_.find(folder_.path("plan.json"))->mode, kPrivateFile);
  EXPECT_THAT(err(), HasSubstr("voicectl apply plan.json"));
}

TEST_F(SavedPlanTest, ExactlyItIsApplied) {
  const Json file = Json::parse(save(plan_json(1)));
  std::ofstream(folder_.path("platform.yaml")) << "something else by now";

  EXPECT_EQ(run({"apply", "plan.json", "--yes"}), ExitCode::kOk) << err();

  const Json request = daemon_.body_of("POST /v1/apply");
  EXPECT_EQ(request["document"], file["document"]);
  EXPECT_EQ(request["plan_id"], file["plan_id"]);
  EXPECT_EQ(request["base_generation"], 4);
  EXPECT_THAT(out(), HasSubstr("create tenant t0"));
}

TEST_F(SavedPlanTest, IsShownAndAskedLikeAnyOther) {
  save(plan_json(1));

  EXPECT_EQ(run({"apply", "plan.json"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("add --yes"));

  save(plan_json(1, 1));
  EXPECT_EQ(run({"apply", "plan.json", "--yes"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("--allow-delete=1"));
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));
}

TEST_F(SavedPlanTest, IsRefusedWithTheDifferenceWhenTheWorldMoved) {
  Json before = plan_json(0);
  before["steps"] = Json::array({a_step("create_tenant", "tenant/acme", "create tenant acme"),
                                 a_step("bind_listener", "tenant/acme", "bind it on port 21001"),
                                 a_step("stop_instance", "instance/old", "stop instance old")});
  save(before);
  Json now = before;
  now["id"] = "0123";
  now["base_generation"] = 6;
  now["steps"] = Json::array({a_step("create_tenant", "tenant/acme", "create tenant acme"),
                              a_step("start_instance", "instance/new", "start instance new"),
                              a_step("bind_listener", "tenant/acme", "bind it on port 21002")});
  plan_is(now);

  EXPECT_EQ(run({"apply", "plan.json", "--yes"}), ExitCode::kConflict);

  EXPECT_THAT(out(), AllOf(HasSubstr("Not to be done any more:\n    + stop instance old\n"),
                           HasSubstr("To be done now:\n    + start instance new\n"),
                           HasSubstr("Otherwise than before:\n    + bind it on port 21002\n"
                                     "        before: bind it on port 21001\n"),
                           Not(HasSubstr("create tenant acme"))));
  EXPECT_THAT(err(), HasSubstr("generation 4 then, 6 now"));
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));
}

TEST_F(SavedPlanTest, SaysSoIfOnlyTheStateBeneathTheStepsIsAnother) {
  save(plan_json(1));
  Json now = plan_json(1);
  now["id"] = "0123";
  plan_is(now);

  EXPECT_EQ(run({"apply", "plan.json", "--yes"}), ExitCode::kConflict);

  EXPECT_THAT(out(), HasSubstr("The steps are the same, but the state"));
}

TEST_F(SavedPlanTest, TheDifferenceIsALineOfJsonInCi) {
  save(plan_json(1));
  Json now = plan_json(0);
  now["id"] = "0123";
  plan_is(now);

  EXPECT_EQ(run({"apply", "plan.json", "--yes", "-o", "json"}), ExitCode::kConflict);

  const std::string lines = out();
  const Json line = Json::parse(lines.substr(0, lines.find('\n')));
  EXPECT_EQ(line["type"], "refused");
  EXPECT_EQ(line["removed"][0]["text"], "create tenant t0");
  EXPECT_TRUE(line["added"].empty());
  const Json last = Json::parse(lines.substr(lines.find('\n') + 1));
  EXPECT_EQ(last["type"], "error");
  EXPECT_EQ(last["code"], "conflict");
  EXPECT_THAT(last["message"].get<std::string>(), HasSubstr("plan again"));
}

TEST_F(SavedPlanTest, OneThatWasChangedIsRefusedBeforeAnybodyIsAsked) {
  std::string text = save(plan_json(1));
  const std::size_t at = text.find("owner@acme.example");
  text.replace(at, 5, "thief");
  rewrite(text);

  EXPECT_EQ(run({"apply", "plan.json", "--yes"}), ExitCode::kFailure);

  EXPECT_THAT(err(), HasSubstr("'plan.json': it is not as it was written (its checksum differs)"));
  EXPECT_TRUE(daemon_.questions.empty());
}

TEST_F(SavedPlanTest, OneThatNamesAnotherPlanThanItHoldsIsRefused) {
  Json file = Json::parse(save(plan_json(1)));
  file["plan"]["id"] = "another";
  rewrite(file.dump());

  EXPECT_EQ(run({"apply", "plan.json", "--yes"}), ExitCode::kFailure);
}

TEST_F(SavedPlanTest, OneOfAnotherPlatformIsRefused) {
  save(plan_json(1));
  plan_is(plan_json(1), "platform-b");

  EXPECT_EQ(run({"apply", "plan.json", "--yes"}), ExitCode::kFailure);

  EXPECT_THAT(err(), HasSubstr("it was made for another platform than the one at '/run/voicectl/"));
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));
}

TEST_F(SavedPlanTest, OneOfANewerProgramIsRefused) {
  Json file = Json::parse(save(plan_json(1)));
  file["schema"] = "voicectl/saved-plan/v2";
  rewrite(file.dump());

  EXPECT_EQ(run({"apply", "plan.json", "--yes"}), ExitCode::kConflict);

  EXPECT_THAT(err(), HasSubstr("of schema 'voicectl/saved-plan/v2', which another version"));
}

TEST_F(SavedPlanTest, WhatIsNoSavedPlanIsRefused) {
  for (const char* const text : {"", "{", "[]", "{\"schema\":\"voicectl/plan/v1\"}", kDocument}) {
    rewrite(text);
    EXPECT_EQ(run({"apply", "plan.json", "--yes"}), ExitCode::kFailure) << text;
    EXPECT_THAT(err(), HasSubstr("it is no saved plan")) << text;
  }
  EXPECT_EQ(run({"apply", "nowhere.json", "--yes"}), ExitCode::kNotFound);
}

TEST_F(SavedPlanTest, IsNotTakenTogetherWithDocuments) {
  EXPECT_EQ(run({"apply", "plan.json", "-f", "platform.yaml"}), ExitCode::kUsage);
  EXPECT_EQ(run({"plan", "-f", "platform.yaml", "--out", "-"}), ExitCode::kUsage);
}

TEST(PlanDifferenceTest, PairsWhatIsTheSameBeforeWhatIsLikeIt) {
  const Json before = {{"steps", {a_step("k", "s", "first"), a_step("k", "s", "second")}}};
  const Json after = {{"steps", {a_step("k", "s", "second"), a_step("k", "s", "third")}}};

  const PlanDifference difference = compare_plans(before, after);

  ASSERT_EQ(difference.changed.size(), 1U);
  EXPECT_EQ(difference.changed[0].first["text"], "first");
  EXPECT_EQ(difference.changed[0].second["text"], "third");
  EXPECT_TRUE(difference.added.empty());
  EXPECT_TRUE(difference.removed.empty());
}

}  // namespace
}  // namespace voicectl
