// SPDX-License-Identifier: Apache-2.0
// Other programs are rolled through the instances while callers go on, through real nginx.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tests/e2e/callers.h"

namespace voicectl::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class UpgradeE2e : public CallersE2e {
 protected:
  static constexpr std::size_t kConnections = 60;

  void SetUp() override {
    platform.set_pool_size(2);
    CallersE2e::SetUp();
  }

  /// The same program with other bytes.
  std::string another_program(const std::string& name) const {
    const std::string path = platform.path(name);
    fs::copy_file(Platform::bin("voice-runtime"), path, fs::copy_options::overwrite_existing);
    std::ofstream(path, std::ios::app) << "\n# " << name << "\n";
    return path;
  }
  /// A program that says it is the real one and then does as `body` (sh) says.
  std::string script(const std::string& name, const std::string& body) const {
    const std::string path = platform.path(name);
    std::ofstream(path) << fmt::format(
        "#!/bin/sh\ncase \"$1\" in --describe|--version) exec {} \"$1\";; esac\n{}\n",
        Platform::bin("voice-runtime"), body);
    EXPECT_EQ(::chmod(path.c_str(), 0755), 0);
    return path;
  }
  /// The real program, whose health nobody answers: its admin socket is another one.
  std::string unwell_program() const {
    const std::string path = platform.path("unwell.py");
    std::ofstream(path) << fmt::format(R"(#!/usr/bin/python3
import os, socket, sys
real = "{}"
if "--describe" not in sys.argv:
    nowhere = socket.socket()
    nowhere.bind(("127.0.0.1", 0))
    nowhere.listen()
    os.dup2(4, 9)
    os.dup2(nowhere.fileno(), 4)
os.execv(real, [real] + sys.argv[1:])
)",
                                       Platform::bin("voice-runtime"));
    EXPECT_EQ(::chmod(path.c_str(), 0755), 0);
    return path;
  }

  json instances() const {
    const json answer = platform.voicectl_json({"ps"});
    return answer.is_object() && answer.contains("instances") ? answer["instances"] : answer;
  }
  /// Processes of instances, and the folders of the programs that they run.
  std::set<int> pids() const {
    std::set<int> out;
    for (const json& one : instances()) {
      out.insert(one.value("pid", -1));
    }
    return out;
  }
  std::set<std::string> programs_running() const {
    std::set<std::string> out;
    for (const int pid : pids()) {
      std::error_code problem;
      out.insert(fs::read_symlink(fmt::format("/proc/{}/exe", pid), problem).parent_path());
    }
    return out;
  }
  json status() const { return platform.voicectl_json({"upgrade", "status"}); }
  std::size_t copies() const {
    std::size_t out = 0;
    for ([[maybe_unused]] const auto& each :
         fs::directory_iterator(platform.workspace() + "/state/programs")) {
      ++out;
    }
    return out;
  }
  std::vector<std::string> upgrade_to(const std::string& program) const {
    return {"upgrade", "--runtime", program, "--watch", "2s", "--yes"};
  }
};

TEST_F(UpgradeE2e, AnotherProgramIsRolledThroughAndBackUnderTraffic) {
  const std::set<int> before = pids();
  const std::set<std::string> old_program = programs_running();
  const json edge = platform.voicectl_json({"status"})["edge"];
  Running callers(load(kConnections, 25, 200));
  ASSERT_TRUE(callers.wait_for_err("ready"));

  const Finished upgraded = platform.voicectl(upgrade_to(another_program("next")));
  ASSERT_EQ(upgraded.code, 0) << upgraded.out << upgraded.err;
  const std::set<std::string> new_program = programs_running();
  expect_ok({"upgrade", "--rollback", "--watch", "1s", "--yes"});

  expect_whole(callers.finish(), kConnections);
  EXPECT_EQ(new_program.size(), 1U);
  EXPECT_NE(new_program, old_program);
  EXPECT_EQ(programs_running(), old_program);
  for (const int pid : before) {
    EXPECT_FALSE(is_alive(pid)) << pid;
  }
  EXPECT_EQ(copies(), 2U);
  EXPECT_EQ(status()["last"]["result"], "finished");
  EXPECT_EQ(platform.voicectl_json({"status"})["edge"]["reloads"], edge["reloads"]);
  EXPECT_THAT(platform.voicectl({"events"}).out,
              ::testing::Not(HasSubstr("tenant.not_handed_over")));
}

TEST_F(UpgradeE2e, AProgramThatDoesNotRunIsRefusedBeforeAnythingBegins) {
  const std::set<int> before = pids();
  const std::string broken = platform.path("broken");
  std::ofstream(broken) << "#!/bin/sh\necho no >&2\nexit 3\n";
  ASSERT_EQ(::chmod(broken.c_str(), 0755), 0);

  const Finished refused = platform.voicectl(upgrade_to(broken));

  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("exited with 3"));
  EXPECT_EQ(pids(), before);
  EXPECT_EQ(copies(), 1U);
}

TEST_F(UpgradeE2e, AProgramThatEndsAtOnceIsTurnedBack) {
  const std::set<int> before = pids();
  Running callers(load(kConnections, 8, 200));
  ASSERT_TRUE(callers.wait_for_err("ready"));

  const Finished reversed = platform.voicectl(upgrade_to(script("ends", "exit 7")));

  expect_whole(callers.finish(), kConnections);
  EXPECT_NE(reversed.code, 0);
  EXPECT_THAT(reversed.err, HasSubstr("the upgrade was reversed"));
  EXPECT_EQ(pids(), before) << "the old ones served all the time";
  EXPECT_EQ(status()["last"]["result"], "reversed");
}

TEST_F(UpgradeE2e, AProgramThatIsNotWellIsTurnedBackByHandOver) {
  Running callers(load(kConnections, 25, 200));
  ASSERT_TRUE(callers.wait_for_err("ready"));

  const Finished reversed = platform.voicectl({"upgrade", "--runtime", unwell_program(), "--canary",
                                               "tenant/busy", "--watch", "2s", "--yes"});

  expect_whole(callers.finish(), kConnections);
  EXPECT_NE(reversed.code, 0);
  EXPECT_THAT(reversed.err, HasSubstr("a probe failed"));
  EXPECT_THAT(reversed.out, HasSubstr("move busy from shared-2 to"));
  EXPECT_EQ(programs_running().size(), 1U);
  EXPECT_THAT(platform.voicectl({"events"}).out,
              ::testing::Not(HasSubstr("tenant.not_handed_over")));
}

TEST_F(UpgradeE2e, ProgramsThatCannotHandOverNeedLeaveToDrop) {
  const std::string strange = platform.path("strange");
  std::ofstream(strange) << fmt::format(
      "#!/bin/sh\n[ \"$1\" = --describe ] && echo '{{\"version\":\"9\",\"hand_over\":\"9-x\"}}' && "
      "exit\nexec {} \"$@\"\n",
      Platform::bin("voice-runtime"));
  ASSERT_EQ(::chmod(strange.c_str(), 0755), 0);

  const Finished refused = platform.voicectl(upgrade_to(strange));
  std::vector<std::string> allowed = upgrade_to(strange);
  allowed.emplace_back("--allow-drops");
  const Finished done = platform.voicectl(allowed);

  EXPECT_EQ(refused.code, 4) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("--allow-drops"));
  EXPECT_EQ(done.code, 0) << done.out << done.err;
}

TEST_F(UpgradeE2e, ADaemonThatIsKilledInTheMiddleFinishesItWhenItIsBack) {
  Running callers(load(kConnections, 30, 200));
  ASSERT_TRUE(callers.wait_for_err("ready"));
  std::vector<std::string> words = upgrade_to(another_program("next"));
  words.insert(words.begin(),
               {Platform::bin("voicectl"), "--socket", platform.run_folder() + "/control.sock"});
  const std::string old_program = status()["programs"][0].value("fingerprint", "");

  for (int i = 0; i < 3; ++i) {
    Running upgrade(words);
    const int daemon = platform.pid_of_daemon();
    // At another place each time: while it is taken in, in the watch, in the middle of a move.
    for (int asked = 0; asked < i * 4; ++asked) {
      (void)platform.voicectl({"upgrade", "status"});
    }
    ASSERT_EQ(::kill(daemon, SIGKILL), 0);
    ASSERT_TRUE(wait_for_end(daemon));
    (void)upgrade.finish();
    platform.restart_daemon();
  }
  Running last(words);
  (void)last.finish();
  while (status()["upgrade"].is_object()) {
    // Each answer takes its time, and the test has one limit for all.
  }

  expect_whole(callers.finish(), kConnections);
  EXPECT_EQ(programs_running().size(), 1U);
  EXPECT_EQ(status()["last"]["result"], "finished");
}

}  // namespace
}  // namespace voicectl::e2e
