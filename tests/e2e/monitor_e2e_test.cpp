// SPDX-License-Identifier: Apache-2.0
// A busy tenant gets an instance of its own by itself, and comes back, while its callers go on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/e2e/callers.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class MonitorE2e : public CallersE2e {
 protected:
  void SetUp() override {
    platform.set_platform_line(
        "monitor: { demote_after: 10s, cooldown: 5s, "
        "marks: { enterprise: { high_sessions: 4, low_sessions: 1, promote_after: 10s } } }");
    CallersE2e::SetUp();
  }
  /// Callers who begin a conversation each second and end none. Each sends four pings a second;
  /// more than six would be too many from one.
  std::vector<std::string> growing_load(std::size_t connections) const {
    std::vector<std::string> words = load(connections, 30, 4.0 * static_cast<double>(connections));
    words.back() = "1";
    return words;
  }
  /// What the callers of the two other tenants see of one to two seconds, and what each of their
  /// requests costs the process that serves them. Times are for the report: a busy machine has its
  /// own.
  json ask_others(const std::string& when) const {
    std::vector<std::string> words = {Platform::bin("voicectl-neighbours-load"), "--port",
                                      std::to_string(platform.http_port()), "--pid",
                                      std::to_string(platform.pid_of_instance("shared-0"))};
    const std::string rest = "--rate 100 --connections 8 --warm-up 0.5 --seconds 1.5";
    std::istringstream more(rest + " --host dr-smith.qastco.com --host techsupport.qastco.com");
    for (std::string word; more >> word;) {
      words.push_back(word);
    }
    const Finished finished = run(words);
    EXPECT_EQ(finished.code, 0) << finished.err;
    json seen = json::parse(finished.out, nullptr, false);
    EXPECT_TRUE(seen.is_object()) << finished.out;
    EXPECT_EQ(seen.value("errors", 1), 0) << when << ": " << finished.out;
    EXPECT_EQ(seen.value("refused", 1), 0) << when << ": " << finished.out;
    EXPECT_GT(seen.value("answers", 0), 0) << when;
    for (const char* figure : {"p50_us", "p99_us", "cpu_us_each"}) {
      RecordProperty("others_" + when + "_" + figure, seen.value(figure, 0));
    }
    return seen;
  }
  /// The others are where they were, in a process without the busy one.
  void expect_apart() const {
    EXPECT_EQ(instance_of("busy"), "dedicated-busy");
    EXPECT_EQ(instance_of("dr-smith"), "shared-0");
    EXPECT_EQ(instance_of("techsupport"), "shared-0");
    EXPECT_NE(platform.pid_of_instance("shared-0"), platform.pid_of_instance("dedicated-busy"));
  }
  void end_all_sessions() const {
    const json live = platform.voicectl_json({"session", "list", "--tenant", "busy"});
    for (const json& session : live["sessions"]) {
      expect_ok({"session", "end", session["session_id"], "--yes"});
    }
  }
  /// Returns when the monitor has looked for so long, every 5 s.
  void let_it_look(const std::string& file, const std::string& length) const {
    const Finished recorded = platform.voicectl(
        {"policy", "record", platform.path(file), "--interval", "5s", "--for", length});
    EXPECT_EQ(recorded.code, 0) << recorded.err;
  }
  static std::uint64_t requests_of(const json& points) {
    std::uint64_t sum = 0;
    for (const json& point : points) {
      sum += point["requests"].get<std::uint64_t>();
    }
    return sum;
  }
  /// What was written of the tenant, once the minutes that it was asked in are over: of the present
  /// one nothing is written yet.
  json load_points(const std::string& tenant, std::uint64_t requests) const {
    json points = json::array();
    for (int i = 0; i < 12 && requests_of(points) < requests; ++i) {
      let_it_look("load" + std::to_string(i), "10s");
      points = platform.voicectl_json({"tenant", "load", tenant, "--since", "1h"})["points"];
    }
    return points;
  }
  /// As `tenant show` tells it once there were two looks since it moved: before, there is no rate.
  json shown_with_rates(const std::string& tenant) const {
    json shown = platform.voicectl_json({"tenant", "show", tenant});
    for (int i = 0; i < 6 && shown["cpu_milli"].is_null(); ++i) {
      let_it_look("rate" + std::to_string(i), "5s");
      shown = platform.voicectl_json({"tenant", "show", tenant});
    }
    return shown;
  }
  void expect_usage_was_written(std::vector<std::string> command) const {
    command.insert(command.end(), {"--since", "1h"});
    const json history = platform.voicectl_json(command);
    std::uint64_t memory = 0;
    for (const json& point : history["points"]) {
      memory = std::max(
          memory, point["memory_bytes"].is_null() ? 0 : point["memory_bytes"].get<std::uint64_t>());
    }
    EXPECT_GT(memory, 1U << 20) << command.front();
  }
  std::string instance_of(const std::string& tenant) const {
    return platform.voicectl_json({"tenant", "show", tenant})["instance"];
  }
};

TEST_F(MonitorE2e, ABusyTenantIsPromotedUnderTrafficAndComesBackWhenItIsQuiet) {
  constexpr std::size_t kConnections = 200;
  const json edge = platform.voicectl_json({"status"})["edge"];
  Running events({Platform::bin("voicectl"), "--socket", platform.run_folder() + "/control.sock",
                  "events", "-f"});
  const json before = ask_others("before");
  Running callers(growing_load(kConnections));
  ASSERT_TRUE(callers.wait_for_err("ready"));
  const json beside = ask_others("beside");

  ASSERT_TRUE(events.wait_for_out("monitor.promotes"));
  ASSERT_TRUE(events.wait_for_out("tenant.handed_over"));
  expect_apart();
  const json after = ask_others("after");
  // What their process does for each of their requests had the load in it, and has it no longer.
  EXPECT_LT(before["cpu_us_each"], beside["cpu_us_each"]);
  EXPECT_LT(after["cpu_us_each"], beside["cpu_us_each"]);
  expect_whole(callers.finish(), kConnections);
  const json busy = shown_with_rates("busy");
  for (const char* counted :
       {"cpu_milli", "p99_ms", "in_flight", "received_per_s", "events_per_s"}) {
    EXPECT_TRUE(busy[counted].is_number()) << counted << " in " << busy.dump();
  }

  end_all_sessions();
  ASSERT_TRUE(events.wait_for_out("monitor.demotes"));
  ASSERT_TRUE(events.wait_for_out("\"to\":\"shared-0\""));
  EXPECT_THAT(instance_of("busy"), StartsWith("shared-"));
  EXPECT_EQ(platform.voicectl_json({"status"})["edge"]["reloads"], edge["reloads"]);
  const Finished why = platform.voicectl({"why", "tenant/busy"});
  EXPECT_THAT(why.out, HasSubstr("busy is in shared-0 (tier auto, plan enterprise, monitor on)."));
  EXPECT_THAT(why.out, HasSubstr("monitor.demotes"));
  EXPECT_THAT(why.out, HasSubstr("monitor.promotes"));
  constexpr std::uint64_t kRequests = 10;
  const json points = load_points("busy", kRequests);
  ASSERT_FALSE(points.empty());
  std::uint64_t sessions = 0;
  for (const json& point : points) {
    sessions = std::max(sessions, point["sessions"].get<std::uint64_t>());
    EXPECT_LE(point["watched_s"].get<double>(), 70);
  }
  EXPECT_GE(requests_of(points), kRequests);
  EXPECT_GE(sessions, 4U) << "the mark";
  EXPECT_THAT(platform.voicectl({"tenant", "load", "busy", "--since", "1h"}).out,
              HasSubstr("SESSIONS"));
  EXPECT_THAT(why.out, HasSubstr("\nLately: "));
  expect_usage_was_written({"instance", "load", "shared-0"});
  expect_usage_was_written({"host", "load"});
  const json process = platform.voicectl_json({"ps"})["instances"].at(0);
  for (const char* told : {"rss_bytes", "pss_bytes", "threads", "descriptors"}) {
    EXPECT_GT(process[told], 0) << told;
  }
  const json probes = platform.voicectl_json({"status"})["edge"]["probes"];
  EXPECT_GE(probes["answered"].get<int>(), 4) << "each tenant was asked through nginx, over TLS";
  EXPECT_EQ(probes["failed"], 0);
}

}  // namespace
}  // namespace voicectl::e2e
