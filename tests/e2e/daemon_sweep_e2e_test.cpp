// SPDX-License-Identifier: Apache-2.0
// voicectld dies at the messages that it says or hears and at the records that it makes while a
// tenant is moved, created, promoted, deleted, or another program is rolled out, and callers go on.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "tests/e2e/callers.h"

namespace voicectl::e2e {
namespace {

/// Exit code of who was too early.
constexpr int kConflict = 4;

class DaemonSweepE2e : public CallersE2e {
 protected:
  static constexpr std::size_t kConnections = 30;
  static constexpr int kMostPoints = 400;

  /// A tenant that comes and goes leaves a port behind that rests for ten minutes.
  DaemonSweepE2e() : CallersE2e(300) {}

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
  /// A file of the platform, with that more in its tenants.
  std::string file_with(const std::string& name, const std::string& more) const {
    const std::string path = platform.path(name);
    std::filesystem::rename(platform.write_file(busy_tenant() + more), path);
    return path;
  }

  struct Scenario {
    /// What the daemon dies in.
    std::vector<std::string> act;
    /// Brings back how it was before.
    std::function<void()> undo;
    /// What somebody does who finds that the daemon had died; it has to work.
    std::function<void()> go_on;
    /// How it is in the end.
    std::function<void()> check;
    /// Every so many-th point.
    int stride = 1;
  };
  /// Has the daemon die in it at one point after the other, while callers go on and see nothing of
  /// it; how many times it died.
  void sweep(const Scenario& scenario, int& deaths) {
    ASSERT_NO_FATAL_FAILURE(start_daemon(1));
    std::unique_ptr<Running> callers;
    bool has_ended = false;
    for (int point = 1; point < kMostPoints; point += scenario.stride) {
      SCOPED_TRACE(fmt::format("died at point {}", point));
      ASSERT_NO_FATAL_FAILURE(keep_calling(callers, kConnections));
      std::ofstream(armed).flush();
      const Finished done = platform.voicectl(scenario.act);
      if (done.code == 0 && is_alive(daemon->pid())) {
        has_ended = true;
        break;  // it has fewer points than that
      }
      ASSERT_TRUE(wait_for_end(daemon->pid())) << done.out << done.err;
      ++deaths;
      ASSERT_NO_FATAL_FAILURE(start_daemon(point + scenario.stride));
      scenario.go_on();
      scenario.check();
      ASSERT_EQ(platform.voicectl_json({"status"})["pending"].size(), 0U);
      scenario.undo();
      if (HasFailure()) {
        break;
      }
    }
    expect_whole(callers->finish(), kConnections);
    EXPECT_TRUE(has_ended) << "it has more points than were tried";
    fmt::print("died {} times\n", deaths);
    RecordProperty("deaths", deaths);
  }
  /// Of those that run now, all that serve `tenant`.
  std::vector<std::string> owners_now(const std::string& tenant) const {
    std::vector<std::string> out;
    const json seen = platform.voicectl_json({"ps"});
    for (const json& one : seen["instances"]) {
      const std::string metrics = metrics_at(one.value("port", 0));
      if (metrics.find(fmt::format("voicectl_connections{{tenant=\"{}\"}}", tenant)) !=
          std::string::npos) {
        out.push_back(one.value("instance", ""));
      }
    }
    return out;
  }
  void expect_nothing_left_to_do(const std::string& file) const {
    const Finished plan = platform.voicectl({"plan", "-f", file, "--detailed-exitcode"});
    EXPECT_EQ(plan.code, 0) << plan.out << plan.err;
  }

  const std::string armed = platform.path("armed");
  std::map<std::string, int> admin_ports;
  std::vector<std::string> command;
  std::unique_ptr<Running> daemon;
};

TEST_F(DaemonSweepE2e, ADaemonThatDiesAtAnyPointOfAHandOverLeavesOneOwner) {
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

TEST_F(DaemonSweepE2e, ADaemonThatDiesAnywhereInACreationOrADeletionBringsItToItsEnd) {
  const std::string with = file_with("with.yaml", Platform::small_restaurant("extra"));
  const std::string without = file_with("without.yaml", "");
  const auto create = [&] { expect_ok({"apply", "-f", with, "--yes", "--lock-timeout", "60s"}); };
  const auto remove = [&] {
    expect_ok({"apply", "-f", without, "--yes", "--allow-delete=1", "--lock-timeout", "60s"});
  };
  int created = 0;
  int deleted = 0;

  sweep({.act = {"apply", "-f", with, "--yes"},
         .undo = remove,
         .go_on = create,
         .check =
             [&] {
               EXPECT_EQ(owners_now("extra").size(), 1U);
               expect_nothing_left_to_do(with);
             },
         .stride = 2},
        created);
  sweep({.act = {"apply", "-f", without, "--yes", "--allow-delete=1"},
         .undo = create,
         .go_on = remove,
         .check =
             [&] {
               EXPECT_THAT(owners_now("extra"), ::testing::IsEmpty());
               expect_nothing_left_to_do(without);
             },
         .stride = 2},
        deleted);

  EXPECT_GT(created, 5);
  EXPECT_GT(deleted, 5);
}

TEST_F(DaemonSweepE2e, ADaemonThatDiesAnywhereInAPromotionLeavesOneOwner) {
  int deaths = 0;

  sweep(
      {.act = {"tenant", "promote", "busy", "--yes"},
       .undo = [&] { demote(); },
       .go_on = [&] { promote(); },
       .check = [&] { EXPECT_THAT(owners_now("busy"), ::testing::ElementsAre("dedicated-busy")); },
       .stride = 3},
      deaths);

  EXPECT_GT(deaths, 5);
}

TEST_F(DaemonSweepE2e, ADaemonThatDiesAnywhereInAnUpgradeEndsWithOneProgram) {
  int deaths = 0;
  int number = 0;
  const auto another_program = [&] {
    const std::string path = platform.path(fmt::format("runtime-{}", number++ % 2));
    std::filesystem::copy_file(Platform::bin("voice-runtime"), path,
                               std::filesystem::copy_options::overwrite_existing);
    std::ofstream(path, std::ios::app) << "\n# " << path << "\n";
    return path;
  };
  Scenario scenario{.act = {}, .undo = {}, .go_on = {}, .check = {}, .stride = 12};
  const auto choose = [&] {
    scenario.act = {"upgrade", "--runtime", another_program(), "--watch", "1s", "--yes"};
  };
  choose();
  scenario.go_on = [&] {
    (void)platform.voicectl(scenario.act);  // it may be the one that goes on by itself
    while (platform.voicectl_json({"upgrade", "status"})["upgrade"].is_object()) {
      // Each answer takes its time, and the test has one limit for all.
    }
  };
  scenario.check = [&] {
    std::set<std::string> programs;
    const json seen = platform.voicectl_json({"ps"});
    for (const json& one : seen["instances"]) {
      std::error_code problem;
      programs.insert(
          std::filesystem::read_symlink(fmt::format("/proc/{}/exe", one.value("pid", -1)), problem)
              .parent_path());
    }
    EXPECT_EQ(programs.size(), 1U);
    EXPECT_EQ(owners_now("busy").size(), 1U);
  };
  scenario.undo = choose;

  sweep(scenario, deaths);

  EXPECT_GT(deaths, 5);
}

}  // namespace
}  // namespace voicectl::e2e
