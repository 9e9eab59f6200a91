// SPDX-License-Identifier: Apache-2.0
// An instance is killed again and again while its callers go on, through real nginx.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <sstream>

#include "tests/e2e/callers.h"

namespace voicectl::e2e {
namespace {

class RecoveryE2e : public CallersE2e {
 protected:
  /// Returns when the instance that serves would leave so many WebSockets behind.
  void wait_until_kept(std::size_t count) const {
    wait_for_metric(fmt::format("voicectl_websockets_kept {}", count));
  }
  /// Returns when the only instance tells that.
  void wait_for_metric(const std::string& sample) const {
    const std::string line = "\n" + sample + "\n";
    std::string seen;
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (seen.find(line) == std::string::npos) {
      ASSERT_LT(std::chrono::steady_clock::now(), limit) << seen;
      const json instances = platform.voicectl_json({"ps"})["instances"];
      ASSERT_EQ(instances.size(), 1U) << instances.dump();
      seen = metrics_at(instances[0].value("port", 0));
    }
  }
  /// Kills it so; returns when another one serves, and has answered whom that hit: the edge repeats
  /// a request once, so that one which another death hits again fails.
  void kill_instance(int number) const {
    const int pid = platform.pid_of_instance("shared-0");
    ASSERT_GT(pid, 0);
    ASSERT_EQ(::kill(pid, number), 0);
    ASSERT_TRUE(wait_for_end(pid));
    const Finished served = run(platform.load_command("busy", 0.1, {"--parallel", "1"}));
    ASSERT_EQ(served.code, 0) << served.out << served.err;
    ASSERT_NO_FATAL_FAILURE(wait_for_metric(R"(voicectl_requests_in_flight{tenant="busy"} 0)"));
  }
  /// What all "instance.recovered" events together say.
  struct Sum {
    std::size_t kept = 0;
    std::size_t doubtful = 0;
  };
  Sum recovered() const {
    Sum sum;
    std::istringstream lines(platform.voicectl({"events", "-o", "json"}).out);
    for (std::string line; std::getline(lines, line);) {
      const json event = json::parse(line, nullptr, false);
      if (!event.is_object() || event.value("name", "") != "instance.recovered") {
        continue;
      }
      const json detail = event.value("detail", json::object());
      sum.kept += detail.value("websockets", 0U);
      const json doubtful = detail.value("doubtful", json::object());
      for (const auto& [why, count] : doubtful.items()) {
        sum.doubtful += count.get<std::size_t>();
      }
    }
    return sum;
  }
};

TEST_F(RecoveryE2e, WebSocketsOutliveInstancesThatAreKilledAgainAndAgain) {
  constexpr std::size_t kConnections = 200;
  constexpr std::size_t kKills = 4;
  Running callers(load(kConnections, 16, 400));
  ASSERT_TRUE(callers.wait_for_err("ready"));

  for (std::size_t i = 0; i < kKills; ++i) {
    ASSERT_NO_FATAL_FAILURE(wait_until_kept(kConnections));
    kill_instance(i % 2 == 0 ? SIGKILL : SIGSEGV);
  }

  const Finished finished = callers.finish();
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  const json seen = json::parse(finished.out, nullptr, false);
  ASSERT_TRUE(seen.is_object()) << finished.out;
  SCOPED_TRACE(seen.dump());
  EXPECT_EQ(seen.value("open_at_end", 0U), kConnections);
  for (const char* none : {"lost", "doubled", "reordered", "pongs_missing", "failed"}) {
    EXPECT_EQ(seen.value(none, 1U), 0U) << none;
  }
  EXPECT_EQ(seen.value("last_seq_least", 0U), seen.value("last_seq_most", 1U));
  EXPECT_GT(seen.value("last_seq_least", 0U), 20U);
  // One thread is within one connection at a time: nearly all are kept.
  const std::size_t ended = seen.value("ended", kConnections);
  EXPECT_LE(ended, kKills * 4);
  const Sum sum = recovered();
  EXPECT_GE(sum.kept + ended, kKills * kConnections);
  RecordProperty("ended", static_cast<int>(ended));
  RecordProperty("recovered", static_cast<int>(sum.kept));
  RecordProperty("doubtful", static_cast<int>(sum.doubtful));
}

TEST_F(RecoveryE2e, IdleWebSocketsAllOutliveDaemonAndInstanceThatAreKilledAtOnce) {
  constexpr std::size_t kConnections = 500;
  Running callers(load(kConnections, 8, 1));
  ASSERT_TRUE(callers.wait_for_err("ready"));
  ASSERT_NO_FATAL_FAILURE(wait_until_kept(kConnections));

  const int daemon = platform.pid_of_daemon();
  const int instance = platform.pid_of_instance("shared-0");
  ASSERT_EQ(::kill(daemon, SIGKILL), 0);
  ASSERT_EQ(::kill(instance, SIGKILL), 0);
  ASSERT_TRUE(wait_for_end(daemon));
  ASSERT_TRUE(wait_for_end(instance));
  platform.restart_daemon();

  const Finished finished = callers.finish();
  const json seen = json::parse(finished.out, nullptr, false);
  ASSERT_TRUE(seen.is_object()) << finished.out;
  SCOPED_TRACE(seen.dump());
  EXPECT_EQ(seen.value("open_at_end", 0U), kConnections);
  EXPECT_LE(seen.value("ended", kConnections), 4U);
  for (const char* none : {"lost", "doubled", "reordered", "failed"}) {
    EXPECT_EQ(seen.value(none, 1U), 0U) << none;
  }
}

}  // namespace
}  // namespace voicectl::e2e
