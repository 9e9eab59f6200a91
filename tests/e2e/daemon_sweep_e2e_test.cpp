// SPDX-License-Identifier: Apache-2.0
// voicectld dies at every message that it says or hears and at every record that it makes during a
// hand-over, while callers go on.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>

#include "tests/e2e/callers.h"

namespace voicectl::e2e {
namespace {

/// Exit code of who was too early.
constexpr int kConflict = 4;

class DaemonSweepE2e : public CallersE2e {
 protected:
  void SetUp() override {
    platform.set_pool_size(2);
    CallersE2e::SetUp();
    const json seen = platform.voicectl_json({"ps"});
    for (const json& one : seen["instances"]) {
      admin_ports[one.value("instance", "")] = one.value("port", 0);
    }
    ASSERT_EQ(admin_ports.size(), 2U);
    const int first = platform.pid_of_daemon();
    std::ifstream file(fmt::format("/proc/{}/cmdline", first));
    const std::string line((std::istreambuf_iterator<char>(file)), {});
    std::istringstream words(line);
    for (std::string word; std::getline(words, word, '\0');) {
      command.push_back(word);
    }
    ASSERT_EQ(::kill(first, SIGKILL), 0);
    ASSERT_TRUE(wait_for_end(first));
  }

  /// A daemon as the one before, which dies at the point of that number once it is armed.
  void start_daemon(int point) {
    std::filesystem::remove(armed);
    std::vector<std::string> words = {
        "/usr/bin/env", "LD_PRELOAD=" VOICECTL_DIE_AT, "ASAN_OPTIONS=verify_asan_link_order=0",
        "VOICECTL_TEST_ARMED=" + armed, fmt::format("VOICECTL_TEST_DIE_AT={}", point)};
    words.insert(words.end(), command.begin(), command.end());
    daemon = std::make_unique<Running>(words);
    for (int tries = 0; platform.voicectl({"status"}).code != 0; ++tries) {
      ASSERT_LT(tries, 500) << "no daemon answers";
    }
    // Whoever asked the one that has died could not let go of it, and would hold up the next.
    const json lock = platform.voicectl_json({"lock", "show"}).value("lock", json());
    if (lock.is_object()) {
      const Finished stolen =
          platform.voicectl({"lock", "steal", "--confirm=" + lock.value("holder", "")});
      ASSERT_EQ(stolen.code, 0) << stolen.err;
    }
  }
  /// Callers are there: those that have come to their end saw nothing, and others follow.
  void keep_calling(std::unique_ptr<Running>& callers, std::size_t connections) const {
    if (callers && is_alive(callers->pid())) {
      return;
    }
    if (callers) {
      expect_whole(callers->finish(), connections);
    }
    callers = std::make_unique<Running>(load(connections, 6, 120));
    ASSERT_TRUE(callers->wait_for_err("ready"));
  }
  /// Instances that serve the tenant, as they say themselves.
  std::vector<std::string> owners() const {
    std::vector<std::string> out;
    for (const auto& [instance, port] : admin_ports) {
      if (metrics_at(port).find("voicectl_connections{tenant=\"busy\"}") != std::string::npos) {
        out.push_back(instance);
      }
    }
    return out;
  }
  std::string home() const {
    return platform.voicectl_json({"tenant", "show", "busy"}).value("instance", "");
  }

  const std::string armed = platform.path("armed");
  std::map<std::string, int> admin_ports;
  std::vector<std::string> command;
  std::unique_ptr<Running> daemon;
};

TEST_F(DaemonSweepE2e, ADaemonThatDiesAtAnyPointOfAHandOverLeavesOneOwner) {
  constexpr std::size_t kConnections = 30;
  constexpr int kMostPoints = 80;
  ASSERT_NO_FATAL_FAILURE(start_daemon(1));
  std::unique_ptr<Running> callers;
  int point = 1;
  int finished = 0;
  int reversed = 0;

  for (; point < kMostPoints; ++point) {
    SCOPED_TRACE(fmt::format("died at point {}", point));
    ASSERT_NO_FATAL_FAILURE(keep_calling(callers, kConnections));
    const std::string from = home();
    const std::string to = from == "shared-0" ? "shared-1" : "shared-0";
    std::ofstream(armed).flush();
    Finished moved;
    int tries = 0;
    do {
      moved = platform.voicectl({"tenant", "move", "busy", "--to", to, "--yes"});
      // It may still be at what the one before has left.
    } while (moved.code == kConflict && is_alive(daemon->pid()) && ++tries < 100);
    if (moved.code == 0 && is_alive(daemon->pid())) {
      break;  // it has fewer points than that
    }
    ASSERT_TRUE(wait_for_end(daemon->pid())) << moved.out << moved.err;
    // The one may be asked before it has heard that the other has it.
    for (int looks = 0; owners().size() > 1 && looks < 100; ++looks) {
    }
    EXPECT_LE(owners().size(), 1U);

    ASSERT_NO_FATAL_FAILURE(start_daemon(point + 1));

    const std::string now = home();
    EXPECT_THAT(owners(), ::testing::ElementsAre(now));
    finished += now == to ? 1 : 0;
    reversed += now == from ? 1 : 0;
    ASSERT_EQ(platform.voicectl_json({"status"})["pending"].size(), 0U);
    if (HasFailure()) {
      break;
    }
  }

  // Otherwise this has shown nothing.
  EXPECT_GT(point, 10);
  EXPECT_LT(point, kMostPoints);
  EXPECT_GT(finished, 0);
  EXPECT_GT(reversed, 0);
  RecordProperty("points", point - 1);
  fmt::print("died at {} points: {} moves were finished, {} had not begun or came back\n",
             point - 1, finished, reversed);
  expect_whole(callers->finish(), kConnections);
}

}  // namespace
}  // namespace voicectl::e2e
