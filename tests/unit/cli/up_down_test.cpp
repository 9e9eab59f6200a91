// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <csignal>
#include <fstream>

#include "base/crypto.h"
#include "cli/platform_programs.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

class UpDownTest : public CliTest {
 protected:
  UpDownTest() {
    files_.put("/home/ann/.profile", "");
    files_.put("/tmp/x", "");
    surroundings_.working_directory = "/home/ann";
    daemon_.answer("GET /v1/version", Json{{"version", "0.1.0"}});
    daemon_.answer("GET /v1/status", Json{{"counts", {{"sessions", 0}}}});
    daemon_.answer("GET /v1/sessions?limit=200",
                   Json{{"sessions", Json::array()}, {"problems", Json::array()}});
    daemon_.streams["POST /v1/stop"] = {
        R"({"type":"finished","done":1,"failed":0,"skipped":0,"undone":0,"remedy":""})"};
    programs_.on_start = [this](const LaunchSpec&, const std::string& log) {
      files_.put(log, "{\"listening\":\"127.0.0.1:4100\"}\n");
    };
    daemon_.after_stream = [this](const std::string& question) {
      if (question == "POST /v1/stop") {
        programs_.end("voicectld");
      }
    };
  }
  /// A document on the real disk, named by its absolute path.
  std::string document(const std::string& text) {
    std::ofstream(folder_.path("platform.yaml")) << text;
    return folder_.path("platform.yaml");
  }
  void know_sessions(const std::vector<std::string>& states, const Json& problems) {
    Json sessions = Json::array();
    for (const std::string& state : states) {
      sessions.push_back({{"session_id", "acme_1"}, {"status", state}});
    }
    daemon_.answers["GET /v1/sessions?limit=200"] = {
        Json{{"sessions", sessions}, {"problems", problems}}};
  }
  std::vector<std::string> argv_of(const std::string& program) const {
    const std::optional<int> pid = programs_.find(program);
    return pid ? programs_.programs.at(*pid).spec.argv : std::vector<std::string>{};
  }

  TempDir folder_;
};

constexpr const char* kWithStandIn =
    "apiVersion: voicectl/v1\n"
    "platform: {ultravox: {endpoint: \"http://127.0.0.1:4100/api\", api_key_file: /etc/key}}\n";

TEST_F(UpDownTest, UpStartsTheDaemonInAWorkspace) {
  EXPECT_EQ(run({"up"}), ExitCode::kOk);

  const std::vector<std::string> argv = argv_of("voicectld");
  EXPECT_EQ(argv.front(), "/opt/voicectl/bin/voicectld");
  EXPECT_THAT(argv, IsSupersetOf({"--state", "/home/ann/.voicectl/state", "--runtime",
                                  "/opt/voicectl/bin/voice-runtime", "--plain-http"}));
  EXPECT_EQ(programs_.find("voicectl-ultravox-standin"), std::nullopt);
  const std::optional<std::string> workspace =
      files_.content_of("/home/ann/.voicectl/workspace.json");
  ASSERT_TRUE(workspace.has_value());
  EXPECT_THAT(*workspace, HasSubstr("/tmp/vc-1000-"));
}

TEST_F(UpDownTest, UpTwiceStartsNothingTwice) {
  run({"up"});
  EXPECT_EQ(run({"up"}), ExitCode::kOk);

  EXPECT_EQ(programs_.programs.size(), 1U);
  EXPECT_THAT(err(), HasSubstr("Found running: voicectld"));
}

TEST_F(UpDownTest, UpAppliesTheFileAndRemembersIt) {
  serve({}, plan_json(1));

  EXPECT_EQ(run({"up", "-f", document(kWithStandIn)}), ExitCode::kOk);

  EXPECT_THAT(argv_of("voicectl-ultravox-standin"),
              IsSupersetOf({"--listen", "127.0.0.1:4100", "--api-key-file", "/etc/key",
                            "--connect-to", "127.0.0.1:8080"}));
  EXPECT_THAT(err(), HasSubstr("development only"));
  EXPECT_THAT(daemon_.sockets.back(), HasSubstr("/tmp/vc-1000-"));
  EXPECT_THAT(files_.content_of("/home/ann/.voicectl/config/platform.yaml").value_or(""),
              HasSubstr("endpoint"));
}

TEST_F(UpDownTest, UpTellsThatTheStandInDidNotStart) {
  programs_.ends_at_once = "voicectl-ultravox-standin";

  EXPECT_EQ(run({"up", "-f", document(kWithStandIn)}), ExitCode::kFailure);

  EXPECT_THAT(err(), HasSubstr("cannot start voicectl-ultravox-standin"));
  EXPECT_THAT(err(), Not(HasSubstr("Started the Ultravox stand-in")));
}

TEST_F(UpDownTest, OnlyOneWorksInAWorkspaceAtATime) {
  run({"up"});
  programs_.is_locked = true;

  EXPECT_EQ(run({"up"}), ExitCode::kConflict);
  EXPECT_EQ(run({"down"}), ExitCode::kConflict);

  EXPECT_NE(programs_.find("voicectld"), std::nullopt);
}

TEST_F(UpDownTest, TheStandInIsNeverASilentFallback) {
  serve({}, plan_json(1));

  run({"up", "-f", document("apiVersion: voicectl/v1\n")});

  EXPECT_EQ(programs_.find("voicectl-ultravox-standin"), std::nullopt);
  EXPECT_THAT(err(), HasSubstr("needs ultravox.api_key_file"));
}

TEST_F(UpDownTest, UpDeletesNothingUnasked) {
  serve({}, plan_json(1, 1));

  EXPECT_EQ(run({"up", "-f", document(kWithStandIn)}), ExitCode::kUsage);
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));
}

TEST_F(UpDownTest, UpWaitsUntilTheDaemonAnswers) {
  daemon_.answers["GET /v1/version"] = {Error(ErrorCode::kUnavailable, "cannot reach it"),
                                        Error(ErrorCode::kUnavailable, "cannot reach it"),
                                        Json{{"version", "0.1.0"}}};

  const MonoTime before = programs_.now();
  EXPECT_EQ(run({"up"}), ExitCode::kOk);
  EXPECT_EQ(programs_.now() - before, 2 * kAskInterval);
  EXPECT_THAT(err(), Not(HasSubstr("waiting for"))) << "told of what takes no time";
}

TEST_F(UpDownTest, UpGivesUpOnADaemonThatNeverAnswers) {
  daemon_.answers["GET /v1/version"] = {Error(ErrorCode::kUnavailable, "cannot reach it")};

  EXPECT_EQ(run({"up"}), ExitCode::kTimeout);
  EXPECT_THAT(err(), AllOf(HasSubstr("waiting for at most 2m"), HasSubstr("/log/voicectld.log'"),
                           HasSubstr("it has not answered for 2m")));
}

TEST_F(UpDownTest, UpShowsWhyTheDaemonEnded) {
  daemon_.answers["GET /v1/version"] = {Error(ErrorCode::kUnavailable, "cannot reach it")};
  programs_.ends_at_once = "voicectld";
  files_.put("/home/ann/.voicectl/log/voicectld.log", "of an earlier run\n");
  programs_.on_death = [this](const LaunchSpec&, const std::string& log) {
    files_.put(log, "of an earlier run\nline 1\nvoicectld: cannot lock it\n");
  };

  EXPECT_EQ(run({"up"}), ExitCode::kFailure);
  EXPECT_THAT(err(), HasSubstr("ends with: line 1 | voicectld: cannot lock it"));
}

TEST_F(UpDownTest, DownStopsEverythingAndKeepsTheState) {
  serve({}, plan_json(1));
  run({"up", "-f", document(kWithStandIn)});

  EXPECT_EQ(run({"down"}), ExitCode::kOk);

  EXPECT_TRUE(daemon_.was_asked("POST /v1/stop"));
  EXPECT_EQ(programs_.find("voicectld"), std::nullopt);
  EXPECT_EQ(programs_.find("voicectl-ultravox-standin"), std::nullopt);
  EXPECT_EQ(files_.find("/home/ann/.voicectl/daemon.json"), nullptr);
  EXPECT_EQ(files_.find("/home/ann/.voicectl/standin.json"), nullptr);
  EXPECT_NE(files_.find("/home/ann/.voicectl/config/platform.yaml"), nullptr);
}

TEST_F(UpDownTest, DownStartsADeadDaemonOnceMoreBecauseOnlyItCanEndItsInstances) {
  run({"up"});
  programs_.end("voicectld");

  EXPECT_EQ(run({"down"}), ExitCode::kOk);

  EXPECT_EQ(programs_.programs.size(), 2U);
  EXPECT_TRUE(daemon_.was_asked("POST /v1/stop"));
}

TEST_F(UpDownTest, DownStopsADaemonWhoseUpWasKilledJustAfterStartingIt) {
  programs_.dies_before_start_returns = true;
  EXPECT_NE(run({"up"}), ExitCode::kOk);
  ASSERT_TRUE(programs_.find("voicectld").has_value());
  programs_.dies_before_start_returns = false;

  EXPECT_EQ(run({"down"}), ExitCode::kOk);

  EXPECT_TRUE(daemon_.was_asked("POST /v1/stop"));
  EXPECT_EQ(programs_.find("voicectld"), std::nullopt);
  EXPECT_FALSE(files_.content_of("/home/ann/.voicectl/daemon.json").has_value());
}

TEST_F(UpDownTest, DownDoesNotRemoveTheRunFolderOfADaemonThatDoesNotAnswerYet) {
  programs_.dies_before_start_returns = true;
  EXPECT_NE(run({"up"}), ExitCode::kOk);
  programs_.dies_before_start_returns = false;
  files_.put("/tmp/vc-1000-" + sha256_hex("/home/ann/.voicectl").substr(0, 8) + "/voicectld.lock",
             "");
  daemon_.answers["GET /v1/version"] = {Error(ErrorCode::kUnavailable, "cannot reach voicectld"),
                                        Error(ErrorCode::kUnavailable, "cannot reach voicectld"),
                                        Json{{"version", "0.1.0"}}};

  EXPECT_EQ(run({"down"}), ExitCode::kOk);

  EXPECT_TRUE(daemon_.was_asked("POST /v1/stop"));
  EXPECT_EQ(programs_.find("voicectld"), std::nullopt);
}

TEST_F(UpDownTest, WhatUpStartsRotatesItsLog) {
  const std::string file = document(kWithStandIn);
  run({"up", "-f", file});

  EXPECT_THAT(argv_of("voicectld"),
              IsSupersetOf({"--log-file", "/home/ann/.voicectl/log/voicectld.log"}));
  EXPECT_THAT(argv_of("voicectl-ultravox-standin"),
              IsSupersetOf({"--log-file", "/home/ann/.voicectl/log/standin.log"}));
}

TEST_F(UpDownTest, DownEndsTheStandInAlthoughTheDaemonCannotBeStarted) {
  run({"up", "-f", document(kWithStandIn)});
  ASSERT_TRUE(programs_.find("voicectl-ultravox-standin").has_value());
  programs_.end("voicectld");
  programs_.ends_at_once = "voicectld";
  daemon_.answers["GET /v1/version"] = {Error(ErrorCode::kUnavailable, "cannot reach voicectld")};

  EXPECT_EQ(run({"down"}), ExitCode::kFailure);

  EXPECT_EQ(programs_.find("voicectl-ultravox-standin"), std::nullopt);
}

TEST_F(UpDownTest, DownSaysWhenTheDaemonDoesNotEnd) {
  run({"up"});
  daemon_.after_stream = [](const std::string&) {};

  EXPECT_EQ(run({"down"}), ExitCode::kTimeout);
  EXPECT_THAT(err(), HasSubstr("cannot wait any longer for voicectld (pid 100) to end"));
}

TEST_F(UpDownTest, DownEndsTheStandInWithForceIfItMust) {
  files_.put("/home/ann/.voicectl/workspace.json", R"({"run":"/tmp/vc-1"})");
  LaunchSpec spec;
  spec.argv = {"/x/voicectl-ultravox-standin"};
  const ProcessIdentity who = *programs_.start(spec, "");
  files_.put("/home/ann/.voicectl/standin.json",
             dump_json({{"pid", who.pid}, {"start_ticks", 7}, {"boot_id", "boot"}}));
  programs_.ignores_sigterm = true;

  EXPECT_EQ(run({"down"}), ExitCode::kOk);

  EXPECT_THAT(programs_.signals,
              ElementsAre(std::pair(who.pid, SIGTERM), std::pair(who.pid, SIGKILL)));
}

TEST_F(UpDownTest, DownAsksBeforeItEndsLiveSessions) {
  run({"up"});
  know_sessions({"completed", "active"}, Json::array());

  EXPECT_EQ(run({"down"}), ExitCode::kUsage);

  EXPECT_FALSE(daemon_.was_asked("POST /v1/stop"));
  EXPECT_TRUE(programs_.find("voicectld").has_value());
}

TEST_F(UpDownTest, DownDoesNotAskAboutSessionsThatHaveJustEnded) {
  run({"up"});
  know_sessions({"completed", "failed"}, Json::array());
  daemon_.answers["GET /v1/status"] = {Json{{"counts", {{"sessions", 2}}}}};

  EXPECT_EQ(run({"down"}), ExitCode::kOk);
}

TEST_F(UpDownTest, DownTakesTheLastSampleOfAnInstanceThatDoesNotAnswer) {
  run({"up"});
  know_sessions({}, Json::array({"cannot reach instance 'shared-0'"}));
  daemon_.answers["GET /v1/status"] = {Json{{"counts", {{"sessions", 3}}}}};

  EXPECT_EQ(run({"down"}), ExitCode::kUsage);

  EXPECT_FALSE(daemon_.was_asked("POST /v1/stop"));
}

TEST_F(UpDownTest, DownTakesTheLastSampleWhenTheListIsFull) {
  run({"up"});
  know_sessions(std::vector<std::string>(200, "completed"), Json::array());
  daemon_.answers["GET /v1/status"] = {Json{{"counts", {{"sessions", 1}}}}};

  EXPECT_EQ(run({"down"}), ExitCode::kUsage);
}

TEST_F(UpDownTest, DownWithoutUpIsNoFailure) {
  EXPECT_EQ(run({"down"}), ExitCode::kOk);
  EXPECT_THAT(err(), HasSubstr("Nothing runs in workspace /home/ann/.voicectl"));
}

TEST_F(UpDownTest, DownPurgesWhenAsked) {
  files_.put("/home/ann/.voicectl/state/registry.db", "x");

  EXPECT_EQ(run({"down", "--purge", "--confirm=.voicectl"}), ExitCode::kOk);

  EXPECT_EQ(files_.find("/home/ann/.voicectl"), nullptr);
}

TEST_F(UpDownTest, DownPurgesNothingWithoutItsName) {
  run({"up"});
  files_.put("/home/ann/.voicectl/state/registry.db", "x");

  EXPECT_EQ(run({"down", "--purge", "--yes"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("--confirm=.voicectl"));
  EXPECT_EQ(run({"down", "--purge", "--yes", "--confirm=other"}), ExitCode::kFailure);

  EXPECT_NE(files_.find("/home/ann/.voicectl/state/registry.db"), nullptr);
  EXPECT_FALSE(daemon_.was_asked("POST /v1/stop"));
}

TEST(LoopbackAddressTest, KnowsThisMachine) {
  EXPECT_EQ(loopback_address("http://127.0.0.1:4100/api"), "127.0.0.1:4100");
  EXPECT_EQ(loopback_address("http://localhost:9/api"), "localhost:9");
  EXPECT_EQ(loopback_address("http://[::1]:4100/api"), "[::1]:4100");
  EXPECT_EQ(loopback_address("http://127.0.0.1/api"), "127.0.0.1:80");
  EXPECT_EQ(loopback_address("http://[::1]/api"), "[::1]:80");
  EXPECT_EQ(loopback_address("https://api.ultravox.ai/api"), std::nullopt);
  EXPECT_EQ(loopback_address("http://localhost.example.com"), std::nullopt);
  EXPECT_EQ(loopback_address("nonsense"), std::nullopt);
}

TEST(RunFolderTest, IsShortAndOneForEachWorkspaceAndUser) {
  const std::string root = run_folder_of("/srv/a", 0, std::nullopt);
  const std::string ann = run_folder_of("/srv/a", 1000, std::nullopt);

  EXPECT_THAT(root, testing::MatchesRegex("/run/voicectl-[0-9a-f]{8}"));
  EXPECT_THAT(ann, testing::MatchesRegex("/tmp/vc-1000-[0-9a-f]{8}"));
  EXPECT_NE(run_folder_of("/srv/b", 0, std::nullopt), root);
  EXPECT_THAT(run_folder_of("/srv/a", 1000, "/run/user/1000"),
              testing::StartsWith("/run/user/1000/vc-"));
  EXPECT_THAT(run_folder_of("/srv/a", 1000, "/a/very/long/runtime/folder"),
              testing::StartsWith("/tmp/vc-1000-"));
}

TEST(AbsolutePathTest, HasNoDotsLeft) {
  EXPECT_EQ(absolute_path("/home/ann", "./.voicectl"), "/home/ann/.voicectl");
  EXPECT_EQ(absolute_path("/home/ann", "../bob/x/"), "/home/bob/x");
  EXPECT_EQ(absolute_path("/home/ann", "/srv"), "/srv");
}

TEST_F(UpDownTest, UpSaysWhereTheOtherCommandsFindADaemonThatTheyWouldNotFindThemselves) {
  EXPECT_EQ(run({"up"}), ExitCode::kOk) << err();
  EXPECT_THAT(err(), Not(HasSubstr("VOICECTL_SOCKET")));

  EXPECT_EQ(run({"up", "--workspace", "/tmp/x-platform"}), ExitCode::kOk) << err();
  EXPECT_THAT(
      err(),
      HasSubstr("For the other commands: export VOICECTL_SOCKET=" + daemon_.sockets.back() + "\n"));
}

}  // namespace
}  // namespace voicectl
