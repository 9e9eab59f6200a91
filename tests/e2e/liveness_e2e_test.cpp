// SPDX-License-Identifier: Apache-2.0
// An instance stands still under traffic, and is replaced.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/ultravox/timestamp.h"
#include "tests/e2e/callers.h"

namespace voicectl::e2e {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::int64_t millis_of(WallTime at) {
  return at.time_since_epoch().count();
}

/// As an event has it.
std::int64_t millis_of(const std::string& at) {
  const Result<WallTime> parsed = ultravox::parse_timestamp(at);
  EXPECT_TRUE(parsed.has_value()) << at;
  return parsed.has_value() ? millis_of(*parsed) : 0;
}

/// In milliseconds.
constexpr std::int64_t kNoticedWithin = 2000;

class LivenessE2e : public CallersE2e {
 protected:
  void SetUp() override {
    platform.set_platform_line("liveness: { " + settings + " }");
    CallersE2e::SetUp();
  }

  struct Told {
    std::string name;
    std::int64_t at = 0;
    json detail;
  };
  /// What was told of instances from the last event of that name on, oldest first: a busy machine
  /// may have silenced one before.
  std::vector<Told> told_since(const std::string& first) const {
    std::vector<Told> out;
    std::istringstream lines(platform.voicectl({"events", "-o", "json"}).out);
    for (std::string line; std::getline(lines, line);) {
      const json event = json::parse(line, nullptr, false);
      const std::string name = event.is_object() ? event.value("name", "") : "";
      if (name == first) {
        out.clear();
      }
      if (name.starts_with("instance.") && (!out.empty() || name == first)) {
        out.push_back({name, millis_of(event.value("at", "")), event.value("detail", json())});
      }
    }
    return out;
  }
  static std::vector<std::string> names(const std::vector<Told>& told) {
    std::vector<std::string> out;
    for (const Told& one : told) {
      out.push_back(one.name);
    }
    return out;
  }
  Running follow_events() const {
    return Running({Platform::bin("voicectl"), "--socket", platform.run_folder() + "/control.sock",
                    "events", "-f"});
  }
  std::string problems() const { return platform.voicectl_json({"status"})["problems"].dump(); }

  std::string settings = "every: 2s, misses: 3";
};

class LivenessSlowE2e : public LivenessE2e {
 protected:
  LivenessSlowE2e() { settings = "every: 4s, misses: 2"; }
};

class LivenessOnlyToldE2e : public LivenessE2e {
 protected:
  LivenessOnlyToldE2e() { settings += ", replace: false"; }
};

TEST_F(LivenessE2e, AnInstanceThatStandsStillIsReplacedAndItsWebSocketsGoOn) {
  constexpr std::size_t kConnections = 50;
  Running events = follow_events();
  Running callers(load(kConnections, 20, 100));
  ASSERT_TRUE(callers.wait_for_err("ready"));
  const int pid = platform.pid_of_instance("shared-0");
  ASSERT_GT(pid, 0);

  const std::int64_t stopped_at =
      millis_of(std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()));
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);

  ASSERT_TRUE(events.wait_for_out("instance.silent"));
  // At the most one more heartbeat, and it is killed.
  const std::string meanwhile = problems();
  const bool is_killed = !told_since("instance.exited").empty();
  EXPECT_TRUE(is_killed ||
              meanwhile.find("instance 'shared-0' has not answered") != std::string::npos)
      << meanwhile;
  ASSERT_TRUE(events.wait_for_out("instance.recovered"));
  EXPECT_TRUE(wait_for_end(pid));
  const Finished served = run(platform.load_command("busy", 0.1, {"--parallel", "1"}));
  EXPECT_EQ(served.code, 0) << served.out << served.err;
  const Finished finished = callers.finish();
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  const json seen = json::parse(finished.out, nullptr, false);
  ASSERT_TRUE(seen.is_object()) << finished.out;
  SCOPED_TRACE(seen.dump());
  for (const char* none : {"lost", "doubled", "reordered", "failed"}) {
    EXPECT_EQ(seen.value(none, 1U), 0U) << none;
  }
  EXPECT_GT(seen.value("requests", 0U), 0U);
  // It stood within one of them at most.
  EXPECT_GE(seen.value("open_at_end", 0U), kConnections - 1);
  EXPECT_LE(seen.value("ended", 2U), 1U);
  EXPECT_LE(seen.value("pongs_missing", 2U), 1U);
  EXPECT_EQ(platform.voicectl_json({"status"})["problems"].size(), 0U);

  const std::vector<Told> told = told_since("instance.silent");
  ASSERT_THAT(names(told),
              ElementsAre("instance.silent", "instance.standby_ready", "instance.hangs",
                          "instance.exited", "instance.ready", "instance.recovered"))
      << "the new one was ready before the old one went";
  EXPECT_EQ(told[1].detail.value("pid", 0), platform.pid_of_instance("shared-0"));
  // Between the end of the one and the other, no process was started.
  EXPECT_LT(told[4].at - told[3].at, told[1].detail.value("took_ms", std::int64_t{0}));
  // Nobody waited for longer than the events tell, but for what a busy machine takes to notice.
  EXPECT_LE(seen.value("pause_max_us", std::int64_t{0}) / 1000,
            told[5].at - stopped_at + kNoticedWithin);
  RecordProperty("silent_to_hangs_ms", static_cast<int>(told[2].at - told[0].at));
  RecordProperty("hangs_to_recovered_ms", static_cast<int>(told[5].at - told[2].at));
  RecordProperty("pause_max_us", seen.value("pause_max_us", 0));
}

TEST_F(LivenessSlowE2e, OneThatGoesOnInTimeKeepsItsPlace) {
  constexpr std::size_t kConnections = 20;
  Running events = follow_events();
  Running callers(load(kConnections, 14, 40));
  ASSERT_TRUE(callers.wait_for_err("ready"));
  const int pid = platform.pid_of_instance("shared-0");
  ASSERT_GT(pid, 0);

  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  ASSERT_TRUE(events.wait_for_out("instance.silent"));
  ASSERT_EQ(::kill(pid, SIGCONT), 0);
  ASSERT_TRUE(events.wait_for_out("instance.answers"));

  expect_whole(callers.finish(), kConnections);
  EXPECT_EQ(platform.pid_of_instance("shared-0"), pid);
  EXPECT_THAT(names(told_since("instance.silent")), Not(Contains("instance.exited")));
  EXPECT_EQ(platform.voicectl_json({"status"})["problems"].size(), 0U);
}

TEST_F(LivenessOnlyToldE2e, OneThatHangsIsToldAndLeftAlone) {
  constexpr std::size_t kConnections = 20;
  Running events = follow_events();
  Running callers(load(kConnections, 16, 40));
  ASSERT_TRUE(callers.wait_for_err("ready"));
  const int pid = platform.pid_of_instance("shared-0");
  ASSERT_GT(pid, 0);

  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  ASSERT_TRUE(events.wait_for_out("instance.hangs"));
  EXPECT_THAT(problems(), HasSubstr("instance 'shared-0' has not answered"));
  EXPECT_THAT(platform.voicectl({"status"}).out, HasSubstr("1 silent"));
  ASSERT_EQ(::kill(pid, SIGCONT), 0);
  ASSERT_TRUE(events.wait_for_out("instance.answers"));

  expect_whole(callers.finish(), kConnections);
  EXPECT_EQ(platform.pid_of_instance("shared-0"), pid);
  EXPECT_THAT(names(told_since("instance.silent")),
              ElementsAre("instance.silent", "instance.hangs", "instance.answers"));
}

}  // namespace
}  // namespace voicectl::e2e
