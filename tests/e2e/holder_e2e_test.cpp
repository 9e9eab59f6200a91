// SPDX-License-Identifier: Apache-2.0
// What outlives the processes of the platform when they are killed, seen through real nginx.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/e2e/platform.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HolderE2e : public ::testing::Test {
 protected:
  int pid_of_holder() const {
    std::ifstream file(platform.run_folder() + "/holder.json");
    const json identity = json::parse(file, nullptr, false);
    return identity.is_object() ? identity.value("pid", -1) : -1;
  }
  static void kill_all(const std::vector<int>& pids) {
    for (const int pid : pids) {
      ASSERT_GT(pid, 0);
      ASSERT_EQ(::kill(pid, SIGKILL), 0);
    }
    for (const int pid : pids) {
      ASSERT_TRUE(wait_for_end(pid));
    }
  }
  /// A request through the edge is answered.
  void expect_served() const {
    const Finished served = run(platform.load_command("mario-pizza", 0.1, {"--parallel", "1"}));
    EXPECT_EQ(served.code, 0) << served.out << served.err;
  }

  Platform platform;
};

TEST_F(HolderE2e, KillingDaemonAndInstancesAtOnceRefusesNobody) {
  platform.up();
  const std::string key = platform.key_file("mario-pizza", "admin");
  Running reads(platform.load_command("mario-pizza", 6));
  Running sessions(platform.load_command(
      "mario-pizza", 6,
      {"--method", "GET", "--path", "/api/sessions", "--key-file", key, "--parallel", "4"}));

  for (int i = 0; i < 3; ++i) {
    kill_all({platform.pid_of_daemon(), platform.pid_of_instance("shared-0")});
    platform.restart_daemon();
    expect_served();
  }

  const Finished read = reads.finish();
  const Finished session = sessions.finish();
  EXPECT_EQ(read.code, 0) << read.out << read.err;
  EXPECT_EQ(session.code, 0) << session.out << session.err;
}

TEST_F(HolderE2e, AHolderThatIsKilledIsReplacedAndFilled) {
  platform.up();
  const int first = pid_of_holder();
  Running reads(platform.load_command("mario-pizza", 4));

  kill_all({first});
  int asked = 0;
  while (pid_of_holder() == first && ++asked < 1000) {
    (void)platform.voicectl({"status"});  // the daemon's loop turns meanwhile
  }
  EXPECT_NE(pid_of_holder(), first);
  expect_served();
  kill_all({platform.pid_of_daemon(), platform.pid_of_instance("shared-0")});
  platform.restart_daemon();
  expect_served();

  const Finished read = reads.finish();
  EXPECT_EQ(read.code, 0) << read.out << read.err;
}

TEST_F(HolderE2e, HolderAndDaemonKilledTogetherCostNothingWhileInstancesLive) {
  platform.up();
  const int instance = platform.pid_of_instance("shared-0");
  Running reads(platform.load_command("mario-pizza", 3));

  kill_all({pid_of_holder(), platform.pid_of_daemon()});
  platform.restart_daemon();

  EXPECT_EQ(platform.pid_of_instance("shared-0"), instance);
  const Finished read = reads.finish();
  EXPECT_EQ(read.code, 0) << read.out << read.err;
  expect_served();
}

TEST_F(HolderE2e, DownLeavesNoHolderBehind) {
  platform.up();
  const int holder = pid_of_holder();
  const std::string run = platform.run_folder();
  ASSERT_TRUE(is_alive(holder));

  ASSERT_EQ(platform.down().code, 0);

  EXPECT_FALSE(is_alive(holder));
  EXPECT_FALSE(std::filesystem::exists(run));
}

TEST_F(HolderE2e, NoInstanceAndNoEdgeHasTheHoldersSocket) {
  platform.up();
  for (const int pid : {platform.pid_of_instance("shared-0"),
                        platform.voicectl_json({"status"})["edge"].value("pid", -1)}) {
    std::ifstream links("/proc/" + std::to_string(pid) + "/environ");
    std::string environment((std::istreambuf_iterator<char>(links)), {});
    EXPECT_THAT(environment, Not(HasSubstr("NOTIFY_SOCKET")));
    EXPECT_THAT(environment, Not(HasSubstr("LISTEN_FDS")));
  }
}

}  // namespace
}  // namespace voicectl::e2e
