// SPDX-License-Identifier: Apache-2.0
// The built programs with their sessions on a real redis-server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/e2e/platform.h"
#include "tests/support/redis/redis_server.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;

class RedisStoreE2e : public ::testing::Test {
 protected:
  RedisStoreE2e() {
    const std::string keys = platform.workspace() + "/state/keys";
    std::filesystem::create_directories(keys);
    std::ofstream(keys + "/redis.password") << kPassword << "\n";
    platform.set_platform_line("store: { kind: redis, redis_url: \"" + server.url() + "\" }");
  }

  static constexpr const char* kPassword = "correct-horse-battery";

  RedisServer server{
      {"--appendonly", "yes", "--appendfsync", "always", "--requirepass", kPassword}};
  Platform platform;
};

TEST_F(RedisStoreE2e, ServesCallsAndLosesNothingWhenTheInstanceIsKilled) {
  platform.up();
  const json first = platform.call("mario-pizza");
  const int instance = platform.pid_of_instance("shared-0");

  ASSERT_EQ(::kill(instance, SIGKILL), 0);
  ASSERT_TRUE(wait_for_end(instance));
  // A request waits for the replacement; a new key does not.
  const Finished served = run(platform.load_command("mario-pizza", 0.1, {"--parallel", "1"}));
  EXPECT_EQ(served.code, 0) << served.out << served.err;
  const json second = platform.call("mario-pizza");

  EXPECT_TRUE(first.value("numbers_are_whole", false)) << first.dump();
  EXPECT_TRUE(second.value("numbers_are_whole", false)) << second.dump();
  const Finished listed = platform.voicectl({"session", "list", "-o", "json"});
  const Finished shown =
      platform.voicectl({"session", "show", first.value("session_id", ""), "-o", "json"});
  EXPECT_EQ(shown.code, 0) << shown.out << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("completed"));
  EXPECT_THAT(shown.out, HasSubstr("order.created")) << listed.out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(platform.workspace())) {
    EXPECT_NE(entry.path().filename(), "tenant.db") << "sessions are in the embedded store";
  }
}

TEST_F(RedisStoreE2e, SurvivesTheServersRestart) {
  platform.up();
  const json first = platform.call("mario-pizza");
  server.kill();
  server.start();

  const json second = platform.call("mario-pizza");

  EXPECT_TRUE(second.value("numbers_are_whole", false)) << second.dump();
  const Finished shown =
      platform.voicectl({"session", "show", first.value("session_id", ""), "-o", "json"});
  EXPECT_EQ(shown.code, 0) << shown.out << shown.err;
}

TEST_F(RedisStoreE2e, TellsThePasswordToNoLog) {
  platform.up();
  platform.call("mario-pizza");
  server.kill();
  platform.voicectl({"session", "list"});

  std::size_t files = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(platform.workspace() + "/log")) {
    if (entry.is_regular_file()) {
      ++files;
      std::ifstream file(entry.path());
      const std::string text((std::istreambuf_iterator<char>(file)), {});
      EXPECT_EQ(text.find(kPassword), std::string::npos) << entry.path();
    }
  }
  EXPECT_GT(files, 1U);
}

}  // namespace
}  // namespace voicectl::e2e
