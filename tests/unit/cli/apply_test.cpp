// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "tests/support/temp_dir.h"
#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kDocument =
    "apiVersion: voicectl/v1\ntenants:\n"
    "  - {slug: acme, name: Acme, business_type: custom}\n";

class ApplyTest : public CliTest {
 protected:
  ApplyTest() {
    surroundings_.working_directory = folder_.path();
    write("platform.yaml", kDocument);
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_.path(name)) << text;
  }

  TempDir folder_;
};

TEST_F(ApplyTest, PlanShowsStepsAndSummary) {
  serve({}, plan_json(2));

  EXPECT_EQ(run({"plan", "-f", "platform.yaml"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("Plan abcdef012345 for generation 4:"));
  EXPECT_THAT(out(), HasSubstr("  + create tenant t0\n"));
  EXPECT_THAT(out(), HasSubstr("2 steps: 2 tenants to create."));
  EXPECT_THAT(out(), Not(HasSubstr("because")));
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));
}

TEST_F(ApplyTest, ADocumentMayComeFromAPipe) {
  serve({}, plan_json(1));
  const std::string pipe = folder_.path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(pipe) << kDocument; });

  EXPECT_EQ(run({"plan", "-f", pipe}), ExitCode::kOk);

  writer.join();
}

TEST_F(ApplyTest, PlanExplainsWhenAsked) {
  serve({}, plan_json(1));

  run({"plan", "-f", "platform.yaml", "--explain"});

  EXPECT_THAT(out(), HasSubstr("because it is desired"));
}

TEST_F(ApplyTest, PlanTellsChangesByItsExitCodeWhenAsked) {
  serve({}, plan_json(1));
  EXPECT_EQ(run({"plan", "-f", "platform.yaml", "--detailed-exitcode"}), ExitCode::kChanges);

  daemon_.answers.clear();
  serve({}, plan_json(0));
  EXPECT_EQ(run({"plan", "-f", "platform.yaml", "--detailed-exitcode"}), ExitCode::kOk);
  EXPECT_THAT(out(), HasSubstr("Nothing to do"));

  write("broken.yaml", "tenants: 5\n");
  EXPECT_EQ(run({"plan", "-f", "broken.yaml", "--detailed-exitcode"}), ExitCode::kFailure);
}

TEST_F(ApplyTest, PlanAsJsonIsThePlanItself) {
  serve({}, plan_json(1));

  run({"plan", "-f", "platform.yaml", "-o", "json"});

  EXPECT_EQ(Json::parse(out()), plan_json(1));
}

TEST_F(ApplyTest, AppliesExactlyThePlanThatWasShown) {
  serve({}, plan_json(1));

  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--yes"}), ExitCode::kOk);

  const Json request = daemon_.body_of("POST /v1/apply");
  EXPECT_EQ(request["plan_id"], "abcdef0123456789");
  EXPECT_EQ(request["base_generation"], 4);
  EXPECT_EQ(request["who"], "ann");
  EXPECT_EQ(request["document"], daemon_.body_of("POST /v1/plan")["document"]);
  EXPECT_THAT(out(), HasSubstr("done    create tenant t0 (12ms)"));
  EXPECT_THAT(out(), HasSubstr("Done: 1 step."));
}

TEST_F(ApplyTest, AsksOnATerminal) {
  serve({}, plan_json(1));

  answer_at_terminal("n");
  EXPECT_EQ(run({"apply", "-f", "platform.yaml"}), ExitCode::kFailure);
  EXPECT_THAT(err(), HasSubstr("Apply this plan? [y/N]"));
  EXPECT_THAT(err(), HasSubstr("Nothing was changed."));
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));

  answer_at_terminal("y");
  EXPECT_EQ(run({"apply", "-f", "platform.yaml"}), ExitCode::kOk);
}

TEST_F(ApplyTest, NeverAsksWhereNobodyIs) {
  serve({}, plan_json(1));

  EXPECT_EQ(run({"apply", "-f", "platform.yaml"}), ExitCode::kUsage);

  EXPECT_THAT(err(), HasSubstr("add --yes"));
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));
}

TEST_F(ApplyTest, ARefusalIsNeverTakenForChangesByADetailedExitCode) {
  serve({}, plan_json(1));

  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--detailed-exitcode"}), ExitCode::kFailure);
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));
}

TEST_F(ApplyTest, ShowsWhatIsNotAsItShouldBeAlthoughAStepIsDone) {
  serve({}, plan_json(1));
  daemon_.streams["POST /v1/apply"] = {
      R"({"type":"step","number":0,"state":"done","text":"record the settings","note":"1 tenant goes on with the old settings"})",
      R"({"type":"finished","done":1,"failed":0,"skipped":0,"undone":0,"remedy":""})"};

  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--yes"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("note: 1 tenant goes on with the old settings\n"));
}

TEST_F(ApplyTest, DeletingNeedsMoreThanAYes) {
  serve({}, plan_json(1, 2));

  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--yes"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("cannot delete 2 tenants without being told so: add "
                               "--allow-delete=2"));
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));

  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--yes", "--allow-delete=2"}), ExitCode::kOk);
  EXPECT_EQ(daemon_.body_of("POST /v1/apply")["allow_delete"], 2);
}

TEST_F(ApplyTest, DeletingIsTypedOutOnATerminal) {
  serve({}, plan_json(1, 1));

  answer_at_terminal("y");
  EXPECT_EQ(run({"apply", "-f", "platform.yaml"}), ExitCode::kFailure);
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));

  answer_at_terminal("delete");
  EXPECT_EQ(run({"apply", "-f", "platform.yaml"}), ExitCode::kOk);
  EXPECT_EQ(daemon_.body_of("POST /v1/apply")["allow_delete"], 1);
}

TEST_F(ApplyTest, WhatAllCustomersWouldFeelNeedsItsWord) {
  serve({}, plan_json(1));
  daemon_.answers["POST /v1/plan"] = {
      Json{{"plan", plan_json(1)},
           {"severe", {{{"text", "This moves every tenant."}, {"confirm", "old.example"}}}}}};

  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--yes"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("add --confirm=old.example"));
  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--yes", "--confirm=new"}), ExitCode::kFailure);
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));

  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--yes", "--confirm=old.example"}), ExitCode::kOk);
  EXPECT_EQ(daemon_.body_of("POST /v1/apply")["confirm"], Json::array({"old.example"}));
}

TEST_F(ApplyTest, AnEmptyPlanIsAcceptedWithoutAQuestion) {
  serve({}, plan_json(0));
  daemon_.streams["POST /v1/apply"] = {
      R"({"type":"finished","done":0,"failed":0,"skipped":0,"undone":0,"remedy":""})"};

  EXPECT_EQ(run({"apply", "-f", "platform.yaml"}), ExitCode::kOk);

  EXPECT_EQ(out(), "Nothing to do: the platform is as it should be.\n");
  EXPECT_FALSE(daemon_.body_of("POST /v1/apply").contains("allow_delete"));
}

TEST_F(ApplyTest, WhatFailedIsShownWithTheRemedy) {
  serve({}, plan_json(2));
  daemon_.streams["POST /v1/apply"] = {
      R"({"type":"step","number":0,"state":"done","text":"one","took_ms":3})",
      R"({"type":"step","number":1,"state":"failed","text":"two","took_ms":3,"error":"cannot bind"})",
      R"({"type":"step","number":2,"state":"skipped","text":"three","took_ms":0,"error":"needs: two"})",
      R"({"type":"finished","done":1,"failed":1,"skipped":1,"undone":0,"remedy":"widen ports.range"})"};

  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--yes"}), ExitCode::kPartial);

  EXPECT_THAT(out(), HasSubstr("failed  two: cannot bind"));
  EXPECT_THAT(out(), HasSubstr("skipped three: needs: two"));
  EXPECT_THAT(out(), HasSubstr("Done: 1 step, 1 failed, 1 skipped."));
  EXPECT_THAT(err(), HasSubstr("widen ports.range"));
}

TEST_F(ApplyTest, TheForecastStandsBesideWhatWasCounted) {
  serve({}, plan_json(1));
  daemon_.streams["POST /v1/apply"] = {
      R"({"type":"finished","done":1,"failed":0,"skipped":0,"undone":0,"remedy":"","compared":[)"
      R"({"quantity":"processes_started","forecast":1,"outcome":2},)"
      R"({"quantity":"edge_reloads","forecast":0,"outcome":0},)"
      R"({"quantity":"duration_us","forecast":1500000,"outcome":900}]})"};

  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--yes"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("Done: 1 step.\n\n"
                               "                   FORECAST  OUTCOME\n"
                               "processes started         1        2\n"));
  EXPECT_THAT(out(), HasSubstr("900us\n"));
  EXPECT_THAT(out(), Not(HasSubstr("reloads  ")));
}

TEST_F(ApplyTest, AllFailedIsAFailure) {
  serve({}, plan_json(1));
  daemon_.streams["POST /v1/apply"] = {
      R"({"type":"finished","done":0,"failed":1,"skipped":0,"undone":0,"remedy":""})"};

  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--yes"}), ExitCode::kFailure);
}

TEST_F(ApplyTest, AStreamThatBreaksOffIsNoSuccess) {
  serve({}, plan_json(1));
  daemon_.streams["POST /v1/apply"] = {R"({"type":"started","steps":1})"};

  EXPECT_EQ(run({"apply", "-f", "platform.yaml", "--yes"}), ExitCode::kDaemonUnavailable);
  EXPECT_THAT(err(), HasSubstr("cannot tell how it ended"));
}

TEST_F(ApplyTest, AsJsonItPassesTheProgressOn) {
  serve({}, plan_json(1));

  run({"apply", "-f", "platform.yaml", "--yes", "-o", "json"});

  std::istringstream lines(out());
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(Json::parse(line)["type"], "started");
}

TEST_F(ApplyTest, ShowsEveryProblemOfTheDocument) {
  write("broken.yaml", "apiVersion: voicectl/v1\ntenants:\n  - {slug: A}\n");

  EXPECT_EQ(run({"apply", "-f", "broken.yaml", "--yes"}), ExitCode::kFailure);

  EXPECT_THAT(err(), HasSubstr("broken.yaml:3:12: tenants[0].slug: found 'A'"));
  EXPECT_THAT(err(), HasSubstr("cannot use the desired state: 3 problems above"));
  EXPECT_TRUE(daemon_.questions.empty());
}

TEST_F(ApplyTest, FilesThatTheDocumentNamesAreMadeAbsolute) {
  write("keys.yaml", "apiVersion: voicectl/v1\nplatform: {ultravox: {api_key_file: keys/u}}\n");
  serve({}, plan_json(1));

  run({"plan", "-f", "keys.yaml"});

  const Json document =
      Json::parse(daemon_.body_of("POST /v1/plan")["document"].get<std::string>());
  EXPECT_EQ(document["platform"]["ultravox"]["api_key_file"], folder_.path("keys/u"));
}

TEST_F(ApplyTest, ValidateNeedsNoDaemon) {
  EXPECT_EQ(run({"validate", "-f", "platform.yaml"}), ExitCode::kOk);
  EXPECT_EQ(out(), "Valid: 1 tenant, platform 'voice.localhost'.\n");
  EXPECT_TRUE(daemon_.sockets.empty());
}

TEST_F(ApplyTest, ValidateReadsFoldersAndStandardInput) {
  write("more.yml",
        "apiVersion: voicectl/v1\ntenants:\n"
        "  - {slug: beta, name: B, business_type: custom}\n");
  write("notes.txt", "no document");

  EXPECT_EQ(run({"validate", "-f", "."}), ExitCode::kOk);
  EXPECT_THAT(out(), HasSubstr("Valid: 2 tenants"));

  in_.str(kDocument);
  EXPECT_EQ(run({"validate", "-f", "-"}), ExitCode::kOk);
  EXPECT_THAT(out(), HasSubstr("Valid: 1 tenant"));
}

TEST_F(ApplyTest, ValidateAsJsonListsTheProblems) {
  in_.str("apiVersion: voicectl/v1\ntenantz: []\n");

  EXPECT_EQ(run({"validate", "-f", "-", "-o", "json"}), ExitCode::kFailure);

  const Json document = Json::parse(out());
  EXPECT_EQ(document["valid"], false);
  EXPECT_EQ(document["problems"][0]["file"], "stdin");
  EXPECT_EQ(document["problems"][0]["line"], 2);
  EXPECT_EQ(document["problems"][0]["suggestion"], "did you mean 'tenants'?");
}

TEST_F(ApplyTest, ValidateSaysWhatIsMissing) {
  EXPECT_EQ(run({"validate", "-f", "nowhere.yaml"}), ExitCode::kNotFound);
  EXPECT_THAT(err(), HasSubstr("cannot read 'nowhere.yaml': there is no such file"));
}

}  // namespace
}  // namespace voicectl
