// SPDX-License-Identifier: Apache-2.0
#include "cli/cli_app.h"

#include <gmock/gmock.h>

#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

using CliAppTest = CliTest;

TEST_F(CliAppTest, WithoutACommandItShowsTheHelpAndFails) {
  EXPECT_EQ(run({}), ExitCode::kUsage);

  EXPECT_EQ(out(), "");
  EXPECT_EQ(err(), help_text(""));
}

TEST_F(CliAppTest, HelpIsAResultAndGoesToStandardOutput) {
  EXPECT_EQ(run({"--help"}), ExitCode::kOk);
  EXPECT_EQ(out(), help_text(""));

  EXPECT_EQ(run({"tenant", "create", "--help"}), ExitCode::kOk);
  EXPECT_EQ(out(), help_text("tenant create"));

  EXPECT_EQ(run({"help", "tenant", "key", "create"}), ExitCode::kOk);
  EXPECT_EQ(out(), help_text("tenant key create"));
}

TEST_F(CliAppTest, EveryCommandHasHelp) {
  for (const std::string& path : command_paths()) {
    EXPECT_THAT(help_text(path), HasSubstr("Usage: voicectl " + path)) << path;
  }
}

TEST_F(CliAppTest, SuggestsTheCommandThatWasMeant) {
  EXPECT_EQ(run({"staus"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("cannot find the command 'staus'; did you mean 'status'?"));

  EXPECT_EQ(run({"tenant", "lst"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("cannot find the command 'tenant lst'; did you mean 'list'?"));

  EXPECT_EQ(run({"help", "evnts"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("did you mean 'events'?"));
}

TEST_F(CliAppTest, SuggestsTheFlagThatWasMeant) {
  EXPECT_EQ(run({"apply", "--fil=x"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("cannot use the flag '--fil': it is not known; did you mean "
                               "'--file'?"));

  EXPECT_EQ(run({"ps", "--sockt", "/x"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("did you mean '--socket'?"));
}

TEST_F(CliAppTest, SuggestsTheFormatThatWasMeant) {
  EXPECT_EQ(run({"ps", "-o", "jsn"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("found 'jsn', allowed are table, wide, json, yaml, name; did you "
                               "mean 'json'?"));
}

TEST_F(CliAppTest, AsksForWhatIsMissing) {
  EXPECT_EQ(run({"apply"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("-f PATH or PLAN is required"));

  EXPECT_EQ(run({"tenant", "show"}), ExitCode::kUsage);
  EXPECT_EQ(run({"tenant", "show", "Not_A_Slug"}), ExitCode::kUsage);
  EXPECT_TRUE(daemon_.questions.empty());
}

TEST_F(CliAppTest, RefusesWordsTooMany) {
  EXPECT_EQ(run({"ps", "now"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("cannot use the argument 'now': none is expected"));
}

TEST_F(CliAppTest, ReadsTheOptionsOfTheCommandWhateverElseIsNamedBeforeIt) {
  EXPECT_EQ(run({"--socket", "plan", "apply", "--fil=x"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("did you mean '--file'?"));

  EXPECT_EQ(run({"--no-color", "tenant", "key", "create", "--help"}), ExitCode::kOk);
  EXPECT_EQ(out(), help_text("tenant key create"));

  EXPECT_EQ(run({"help", "tenant key create"}), ExitCode::kOk);
  EXPECT_EQ(out(), help_text("tenant key create"));
}

TEST_F(CliAppTest, FailuresEndWithTheCodeOfTheirKind) {
  const std::pair<ErrorCode, ExitCode> expected[] = {
      {ErrorCode::kNotFound, ExitCode::kNotFound},
      {ErrorCode::kConflict, ExitCode::kConflict},
      {ErrorCode::kAlreadyExists, ExitCode::kConflict},
      {ErrorCode::kTimeout, ExitCode::kTimeout},
      {ErrorCode::kUnavailable, ExitCode::kDaemonUnavailable},
      {ErrorCode::kInvalidArgument, ExitCode::kFailure},
      {ErrorCode::kInternal, ExitCode::kFailure}};
  for (const auto& [error, code] : expected) {
    daemon_.answers.clear();
    daemon_.answer("GET /v1/status", Error(error, "cannot do it: no"));

    EXPECT_EQ(run({"status"}), code) << name_of(error);
    EXPECT_EQ(err(), "voicectl: cannot do it: no\n");
    EXPECT_EQ(out(), "");
  }
}

TEST_F(CliAppTest, FindsTheDaemonByFlagThenVariableThenWorkspaceThenSystem) {
  daemon_.answer("GET /v1/tenants", Json{{"tenants", Json::array()}});

  run({"tenant", "list"});
  EXPECT_EQ(daemon_.sockets.back(), "/run/voicectl/control.sock");

  files_.put("/home/ann/.voicectl/workspace.json", R"({"run":"/tmp/vc-1"})");
  run({"tenant", "list"});
  EXPECT_EQ(daemon_.sockets.back(), "/tmp/vc-1/control.sock");

  surroundings_.variable = [](const std::string& name) {
    return name == "VOICECTL_SOCKET" ? std::optional<std::string>("var.sock") : std::nullopt;
  };
  run({"tenant", "list"});
  EXPECT_EQ(daemon_.sockets.back(), "/home/ann/var.sock");

  run({"tenant", "list", "--socket", "/flag.sock"});
  EXPECT_EQ(daemon_.sockets.back(), "/flag.sock");
  run({"--socket", "/first.sock", "tenant", "list"});
  EXPECT_EQ(daemon_.sockets.back(), "/first.sock");
}

TEST_F(CliAppTest, VersionIsKnownWithoutADaemon) {
  EXPECT_EQ(run({"version"}), ExitCode::kOk);
  EXPECT_THAT(out(), HasSubstr("voicectl  " VOICECTL_VERSION));
  EXPECT_THAT(out(), HasSubstr("voicectld not running"));
  EXPECT_EQ(run({"--version"}), ExitCode::kOk);

  daemon_.answer("GET /v1/version", Error(ErrorCode::kPermissionDenied, "cannot reach it: denied"));
  EXPECT_EQ(run({"version"}), ExitCode::kOk);
  EXPECT_THAT(out(), HasSubstr("voicectld cannot reach it: denied"));
  daemon_.answers.clear();

  daemon_.answer("GET /v1/version", Json{{"version", "9.9"}, {"api", "v1"}, {"pid", 5}});
  EXPECT_EQ(run({"version", "-o", "json"}), ExitCode::kOk);
  EXPECT_EQ(Json::parse(out())["daemon"]["version"], "9.9");
}

TEST_F(CliAppTest, FlagsOfTheProgramMayStandAroundHelp) {
  const std::vector<std::vector<std::string>> lines = {
      {"--no-color", "help", "apply"},
      {"--socket", "/x.sock", "help", "apply"},
      {"--socket=/x.sock", "--no-input", "help", "apply"},
      {"help", "--socket", "/x.sock", "apply"},
      {"help", "apply", "--no-color"}};
  for (const auto& line : lines) {
    EXPECT_EQ(run(line), ExitCode::kOk) << line.front();
    EXPECT_EQ(out(), help_text("apply")) << line.front();
  }
  EXPECT_EQ(run({"--socket", "/x.sock", "help"}), ExitCode::kOk);
  EXPECT_EQ(out(), help_text(""));
  EXPECT_EQ(run({"--no-color", "staus"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("did you mean 'status'?"));
}

TEST_F(CliAppTest, WithADetailedExitCodeWrongUsageIsNoChange) {
  EXPECT_EQ(run({"plan", "--detailed-exitcode"}), ExitCode::kFailure);
  EXPECT_EQ(run({"plan", "--detailed-exitcode", "-f", "x", "--nonsense"}), ExitCode::kFailure);
  EXPECT_EQ(run({"--no-color", "apply", "-f", "x", "--detailed-exitcode", "--allow-delete=-1"}),
            ExitCode::kFailure);
  EXPECT_EQ(run({"plan", "--out=", "--detailed-exitcode"}), ExitCode::kFailure);
  EXPECT_EQ(run({"drift", "--detailed-exitcode", "now"}), ExitCode::kFailure);
  EXPECT_EQ(run({"plna", "--detailed-exitcode"}), ExitCode::kFailure);
  EXPECT_EQ(run({"plan"}), ExitCode::kUsage);
  daemon_.answer("GET /v1/drift", Error(ErrorCode::kUnavailable, "cannot reach it: no"));
  EXPECT_EQ(run({"drift", "--detailed-exitcode"}), ExitCode::kDaemonUnavailable);
}

TEST_F(CliAppTest, AnEmptyValueIsRefusedAndSwallowsNothing) {
  files_.put("/home/ann/platform.yaml", "");
  const std::pair<std::vector<std::string>, std::string> expected[] = {
      {{"plan", "-f", "platform.yaml", "--out=", "--explain"}, "--out"},
      {{"plan", "-f", "platform.yaml", "--out", ""}, "--out"},
      {{"apply", "--file=", "platform.yaml"}, "--file"},
      {{"apply", "-f", "platform.yaml", "--message=", "--yes"}, "--message"},
      {{"--socket=", "tenant", "list"}, "--socket"},
      {{"--socket", "", "tenant", "list"}, "--socket"},
      {{"up", "--workspace", ""}, "--workspace"},
      {{"up", "--workspace=", "-f", "platform.yaml"}, "--workspace"},
      {{"session", "show", ""}, "SESSION"}};
  for (const auto& [line, name] : expected) {
    EXPECT_EQ(run(line), ExitCode::kUsage) << name;
    EXPECT_THAT(err(), HasSubstr("voicectl: cannot take an empty value for '" + name + "'"));
  }
  EXPECT_TRUE(daemon_.questions.empty());
  EXPECT_TRUE(programs_.programs.empty());
}

TEST_F(CliAppTest, WhatOutputNamesPrintsCanBeGivenBack) {
  const std::pair<std::vector<std::string>, std::string> expected[] = {
      {{"tenant", "show", "tenant/bakery"}, "GET /v1/tenants/bakery"},
      {{"why", "tenant/bakery"}, "GET /v1/tenants/bakery/why"},
      {{"why", "bakery"}, "GET /v1/tenants/bakery/why"},
      {{"wait", "bakery"}, "GET /v1/tenants/bakery/wait?for=ready&timeout_s=60"},
      {{"wait", "tenant/bakery"}, "GET /v1/tenants/bakery/wait?for=ready&timeout_s=60"},
      {{"history", "show", "revision/32"}, "GET /v1/revisions/32"},
      {{"diff", "revision/5", "6"}, "GET /v1/revisions/5"},
      {{"session", "show", "session/bakery_1"}, "GET /v1/sessions/bakery_1"},
      {{"outbox", "show", "tenant/bakery", "entry/17"}, "GET /v1/outbox/bakery/17"},
      {{"outbox", "retry", "bakery", "entry/17"}, "POST /v1/outbox/bakery/17/retry"},
      {{"tenant", "key", "revoke", "bakery", "key/2f9c"}, "DELETE /v1/tenants/bakery/keys/2f9c"},
      {{"logs", "--tenant", "tenant/bakery"}, "GET /v1/logs?follow=0&tenant=bakery"}};
  for (const auto& [line, question] : expected) {
    run(line);
    EXPECT_TRUE(daemon_.was_asked(question)) << question << "; " << err();
    daemon_.questions.clear();
  }
  daemon_.answer("GET /v1/instances", Json{{"instances", Json::array()}});
  run({"instance", "restart", "instance/shared-2"});
  EXPECT_THAT(err(), HasSubstr("cannot replace instance 'shared-2'"));
  EXPECT_EQ(run({"tenant", "show", "instance/bakery"}), ExitCode::kUsage);
}

TEST_F(CliAppTest, TheHelpSaysHowTheDaemonIsFound) {
  EXPECT_THAT(help_text(""),
              testing::AllOf(HasSubstr("VOICECTL_SOCKET"), HasSubstr("VOICECTL_NO_COLOR"),
                             HasSubstr("./.voicectl"), HasSubstr("/run/voicectl/control.sock")));
}

}  // namespace
}  // namespace voicectl
