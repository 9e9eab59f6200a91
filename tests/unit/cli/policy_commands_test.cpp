// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "monitor/recording.h"
#include "provisioner/model/policy_text.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

constexpr std::string_view kEager = R"(
monitor:
  demote_after: 10m
  marks:
    starter: {high_sessions: 12, low_sessions: 3, high_p99_ms: 800}
)";

class PolicyCommandsTest : public CliTest {
 protected:
  PolicyCommandsTest() { surroundings_.working_directory = folder_.path(); }

  static DesiredState a_platform() {
    DesiredState desired;
    desired.platform.domain = "qastco.com";
    desired.platform.monitor.cooldown = 300s;
    return desired;
  }
  void write(const std::string& name, std::string_view text) {
    std::ofstream(folder_.path(name)) << text;
  }
  std::string file(const std::string& name) {
    std::ifstream stream(folder_.path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }
  /// An hour of a tenant that is busy in the middle of it.
  void record_hour() {
    RecordingWriter writer(1min, WallTime(1'790'000'000'000ms));
    std::string bytes = writer.head();
    for (int minute = 0; minute < 60; ++minute) {
      const std::uint32_t sessions = minute >= 10 && minute < 30 ? 15 : 1;
      bytes += writer.frame(minute * 1min, {{TenantId::parse("acme").value(),
                                             PricePlan::kStarter,
                                             Tier::kAuto,
                                             {sessions, 20, std::nullopt, std::nullopt}}});
    }
    files_.put(folder_.path("hour.vcload"), bytes);
  }
  static Json tenants(int sessions) {
    return {{"tenants",
             {{{"tenant", "acme"},
               {"plan", "starter"},
               {"tier", "auto"},
               {"sessions", sessions},
               {"cpu_milli", 120},
               {"p99_ms", 12.6},
               {"in_flight", nullptr}}}}};
  }

  TempDir folder_;
};

TEST_F(PolicyCommandsTest, ShowsThePolicyInForce) {
  serve(a_platform(), plan_json(0));

  EXPECT_EQ(run({"policy", "show"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("mode               on\n"));
  EXPECT_THAT(out(), HasSubstr("cooldown           5m00s\n"));
  EXPECT_THAT(out(), HasSubstr("kept for the pool  256.0 MiB, 0 mCPU\n"));
  EXPECT_THAT(out(), ContainsRegex("enterprise +20 / 5 +500 / 100 +- +- +10s"));
}

TEST_F(PolicyCommandsTest, WhatItShowsAsYamlCanBeSet) {
  serve(a_platform(), plan_json(1));
  EXPECT_EQ(run({"policy", "show", "-o", "yaml"}), ExitCode::kOk);
  write("policy.yaml", out());

  EXPECT_EQ(run({"policy", "set", "policy.yaml", "--yes"}), ExitCode::kOk);

  const Json asked = daemon_.body_of("POST /v1/apply");
  EXPECT_EQ(asked["document"], render_desired_state(a_platform()));
  EXPECT_EQ(asked["why"], "policy set");
}

TEST_F(PolicyCommandsTest, SetsTheModeAlone) {
  serve(a_platform(), plan_json(1));

  EXPECT_EQ(run({"policy", "set", "--mode", "observe", "--yes"}), ExitCode::kOk);

  DesiredState expected = a_platform();
  expected.platform.monitor.mode = PromotionMode::kObserve;
  EXPECT_EQ(daemon_.body_of("POST /v1/apply")["document"], render_desired_state(expected));
}

TEST_F(PolicyCommandsTest, RefusesAFileBeforeItAsksAnybody) {
  write("policy.yaml", "monitor: {marks: {starter: {high_sesions: 3}}}");

  EXPECT_EQ(run({"policy", "set", "policy.yaml", "--yes"}), ExitCode::kFailure);

  EXPECT_THAT(err(), HasSubstr("policy.yaml:1:"));
  EXPECT_THAT(err(), HasSubstr("high_sesions"));
  EXPECT_TRUE(daemon_.questions.empty());
  EXPECT_EQ(run({"policy", "set"}), ExitCode::kFailure);
}

TEST_F(PolicyCommandsTest, RecordsWhatCanBeReplayed) {
  daemon_.answer("GET /v1/tenants", tenants(3));
  daemon_.answer("GET /v1/tenants", Error(ErrorCode::kUnavailable, "cannot reach voicectld"));
  daemon_.answer("GET /v1/tenants", tenants(4));

  EXPECT_EQ(run({"policy", "record", "a.vcload", "--interval", "15s", "--for", "1m"}),
            ExitCode::kOk);

  EXPECT_EQ(out(), "4 samples of 1 tenant are in 'a.vcload'.\n");
  EXPECT_THAT(err(), HasSubstr("there is a gap until it does"));
  const std::string bytes = file("a.vcload");
  Result<RecordingReader> reader = RecordingReader::open(bytes);
  ASSERT_TRUE(reader.has_value());
  const RecordingFrame first = **reader->next();
  EXPECT_EQ(first.changes.at(0).sample, (LoadSample{3, 120, 13, std::nullopt}));
  const RecordingFrame second = **reader->next();
  EXPECT_EQ(second.at, 30s);
  EXPECT_EQ(second.changes.at(0).sample.at(0), 4U);
}

TEST_F(PolicyCommandsTest, RecordsOverNothing) {
  daemon_.answer("GET /v1/tenants", tenants(3));
  write("a.vcload", "precious");

  EXPECT_EQ(run({"policy", "record", "a.vcload", "--for", "15s"}), ExitCode::kConflict);
  EXPECT_EQ(file("a.vcload"), "precious");
  EXPECT_EQ(run({"policy", "record", "b.vcload", "--interval", "1s", "--for", "15s"}),
            ExitCode::kFailure);
}

TEST_F(PolicyCommandsTest, SaysWhatAPolicyWouldHaveDone) {
  record_hour();
  write("eager.yaml", kEager);

  EXPECT_EQ(run({"policy", "replay", "hour.vcload", "--policy", "eager.yaml"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("1 tenant, 59m00s from "));
  EXPECT_THAT(out(), ContainsRegex("promotions +1\n"));
  EXPECT_THAT(out(), ContainsRegex("acme +1 "));
}

TEST_F(PolicyCommandsTest, PutsTwoSideBySideAndDrawsThem) {
  record_hour();
  write("eager.yaml", kEager);

  EXPECT_EQ(run({"policy", "compare", "hour.vcload", "default", "eager.yaml", "--html", "p.html"}),
            ExitCode::kOk);

  EXPECT_THAT(out(), ContainsRegex("promotions +0 +1\n"));
  EXPECT_THAT(files_.content_of(folder_.path("p.html")).value_or(""), HasSubstr("<svg"));
}

TEST_F(PolicyCommandsTest, TellsProgramsTheSame) {
  record_hour();

  EXPECT_EQ(run({"policy", "replay", "hour.vcload", "--policy", "default", "-o", "json"}),
            ExitCode::kOk);

  const Json told = Json::parse(out())["replays"][0];
  EXPECT_EQ(told["policy"], "default");
  EXPECT_EQ(told["frames"], 60);
  EXPECT_EQ(told["digest"].get<std::string>().size(), 64U);
}

TEST_F(PolicyCommandsTest, SaysWhatIsNoRecording) {
  files_.put(folder_.path("notes.txt"), "hello");

  EXPECT_EQ(run({"policy", "replay", "notes.txt", "--policy", "default"}), ExitCode::kFailure);
  EXPECT_THAT(err(), HasSubstr("this is none"));
  EXPECT_EQ(run({"policy", "replay", "nothing", "--policy", "default"}), ExitCode::kNotFound);
  EXPECT_EQ(run({"policy", "replay", "notes.txt"}), ExitCode::kDaemonUnavailable);
  EXPECT_THAT(err(), HasSubstr("name a file, or 'default'"));
}

}  // namespace
}  // namespace voicectl
