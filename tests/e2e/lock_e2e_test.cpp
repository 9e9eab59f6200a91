// SPDX-License-Identifier: Apache-2.0
// Several programs that change one platform at once, and holders that die: with real processes.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "tests/e2e/platform.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;

class LockE2e : public ::testing::Test {
 protected:
  std::vector<std::string> command(std::vector<std::string> words) const {
    words.insert(words.begin(), {Platform::bin("voicectl"), "--socket",
                                 platform.run_folder() + "/control.sock", "--no-input"});
    return words;
  }
  /// Takes the lock as a program does that dies with it.
  std::string take_lock(const std::string& holder, int life) const {
    return platform.post("/v1/lock", {{"holder", holder}, {"purpose", "to die"}, {"life_s", life}});
  }

  Platform platform;
};

TEST_F(LockE2e, JobsAtOnceDoNoHarmAndNoneIsLost) {
  platform.up();
  const std::vector<std::string> names = {"shop-a", "shop-b", "shop-c", "shop-d"};
  std::vector<std::unique_ptr<Running>> jobs;
  for (const std::string& name : names) {
    jobs.push_back(std::make_unique<Running>(command(
        {"tenant", "create", name, "--yes", "--lock-timeout", "60s", "-m", "job of " + name})));
  }

  for (const auto& job : jobs) {
    const Finished finished = job->finish();
    EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  }

  for (const std::string& name : names) {
    EXPECT_EQ(platform.voicectl_json({"tenant", "show", name})["phase"], "serving") << name;
  }
  const json history = platform.voicectl_json({"history"});
  EXPECT_EQ(history["revisions"].size(), names.size() + 1) << history.dump(2);
  for (const json& revision : history["revisions"]) {
    EXPECT_EQ(revision["outcome"], "done") << revision.dump();
  }
  EXPECT_TRUE(platform.voicectl_json({"lock", "show"})["lock"].is_null());
}

TEST_F(LockE2e, ASecondDaemonOfTheSamePlatformDoesNotStartAndTheFirstServesOn) {
  platform.up();
  const int first = platform.pid_of_daemon();
  std::ifstream file(fmt::format("/proc/{}/cmdline", first));
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) {
    words.push_back(word);
  }
  std::vector<std::string> elsewhere = words;
  for (std::string& word : elsewhere) {
    word = word == platform.run_folder() ? platform.path("run2") : word;
  }
  ASSERT_NE(elsewhere, words);

  for (const std::vector<std::string>& daemon : {words, elsewhere}) {
    const Finished second = run(daemon);
    EXPECT_EQ(second.code, 1) << second.out << second.err;
  }

  EXPECT_EQ(platform.pid_of_daemon(), first);
  EXPECT_TRUE(is_alive(first));
  const Finished created = platform.voicectl({"tenant", "create", "shop-a", "--yes"});
  EXPECT_EQ(created.code, 0) << created.out << created.err;
  EXPECT_EQ(platform.voicectl_json({"status"})["pending"].size(), 0U);
}

TEST_F(LockE2e, AHolderThatDiesLosesItAndOneThatIsStuckIsRobbed) {
  platform.up();
  EXPECT_THAT(take_lock("gone@elsewhere:1", 2), HasSubstr("\"lock\":{"));

  const Finished refused = run(command({"tenant", "create", "shop-a", "--yes"}));
  const Finished waited =
      run(command({"tenant", "create", "shop-a", "--yes", "--lock-timeout", "30s"}));

  EXPECT_EQ(refused.code, 4) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("gone@elsewhere:1 holds the lock since"));
  EXPECT_EQ(waited.code, 0) << waited.out << waited.err;
  EXPECT_THAT(waited.err, HasSubstr("Waiting for the lock: gone@elsewhere:1"));

  take_lock("stuck@elsewhere:2", 600);
  const Finished shown = run(command({"lock", "show"}));
  const Finished wrong = run(command({"lock", "steal", "--confirm=gone@elsewhere:1"}));
  const Finished stolen = run(command({"lock", "steal", "--confirm=stuck@elsewhere:2"}));
  const Finished after = run(command({"tenant", "create", "shop-b", "--yes"}));

  EXPECT_THAT(shown.out, HasSubstr("stuck@elsewhere:2"));
  EXPECT_EQ(wrong.code, 1) << wrong.err;
  EXPECT_EQ(stolen.code, 0) << stolen.err;
  EXPECT_EQ(after.code, 0) << after.out << after.err;
}

}  // namespace
}  // namespace voicectl::e2e
