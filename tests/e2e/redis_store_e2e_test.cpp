// SPDX-License-Identifier: Apache-2.0
// The built programs with their sessions on a real redis-server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/e2e/callers.h"
#include "tests/e2e/platform.h"
#include "tests/support/redis/redis_server.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;

constexpr const char* kPassword = "correct-horse-battery";

/// Outlives the platform that uses it.
struct WithRedis {
  void use_in(Platform& platform) const {
    const std::string keys = platform.workspace() + "/state/keys";
    std::filesystem::create_directories(keys);
    std::ofstream(keys + "/redis.password") << kPassword << "\n";
    platform.set_platform_line("store: { kind: redis, redis_url: \"" + server.url() + "\" }");
  }

  RedisServer server{
      {"--appendonly", "yes", "--appendfsync", "always", "--requirepass", kPassword}};
};

class RedisStoreE2e : protected WithRedis, public ::testing::Test {
 protected:
  RedisStoreE2e() { use_in(platform); }

  Platform platform;
};

class RedisHandOverE2e : protected WithRedis, public CallersE2e {
 protected:
  RedisHandOverE2e() { use_in(platform); }

  std::size_t count_sessions() const {
    return platform
        .voicectl_json({"session", "list", "--tenant", "busy", "--limit", "200"})["sessions"]
        .size();
  }
};

TEST_F(RedisHandOverE2e, PromotingAndDemotingUnderTrafficLosesNothing) {
  constexpr std::size_t kConnections = 100;
  Running callers(load(kConnections, 6, 400));
  ASSERT_TRUE(callers.wait_for_err("ready"));

  for (int i = 0; i < 3; ++i) {
    promote();
    demote();
  }

  const Finished finished = callers.finish();
  expect_whole(finished, kConnections);
  EXPECT_THAT(platform.voicectl({"events"}).out, ::testing::Not(HasSubstr("not_handed_over")));
  const std::size_t created = json::parse(finished.out, nullptr, false).value("requests", 0U);
  EXPECT_GE(count_sessions(), std::min<std::size_t>(created, 200));
}

TEST_F(RedisHandOverE2e, AnInstanceThatIsKilledAfterwardsHasLeftEverythingToTheStore) {
  constexpr std::size_t kConnections = 20;
  Running callers(load(kConnections, 2, 80));
  ASSERT_TRUE(callers.wait_for_err("ready"));
  promote();
  expect_whole(callers.finish(), kConnections);
  const std::size_t before = count_sessions();

  const int instance = platform.pid_of_instance("dedicated-busy");
  ASSERT_EQ(::kill(instance, SIGKILL), 0);
  ASSERT_TRUE(wait_for_end(instance));
  demote();

  EXPECT_GT(before, 0U);
  EXPECT_EQ(count_sessions(), before);
}

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
