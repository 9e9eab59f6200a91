// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_index.h"

#include <gtest/gtest.h>

#include <string>

namespace voicectl::runtime {
namespace {

/// As many as are remembered after their end.
constexpr int kMany = 20'000;

Session session_number(int number, SessionStatus status) {
  Session session(
      SessionId::parse("acme_" + std::to_string(1'000'000'000'000'000'000 + number)).value(),
      TenantId::parse("acme").value());
  session.status = status;
  session.created_at = WallTime(std::chrono::milliseconds(number));
  return session;
}

class RedisIndexTest : public ::testing::Test {
 protected:
  void learn(int from, int to, SessionStatus status) {
    for (int number = from; number < to; ++number) {
      index_.learn(session_number(number, status));
    }
  }

  bool knows(int number) {
    return index_.find(session_number(number, SessionStatus::kActive).session) != nullptr;
  }

  RedisIndex index_;
};

TEST_F(RedisIndexTest, RemembersSessionsThatAreOverUntilThereAreMany) {
  learn(0, kMany - 1, SessionStatus::kCompleted);
  index_.trim();
  EXPECT_TRUE(knows(0));

  learn(kMany - 1, kMany, SessionStatus::kCompleted);
  index_.trim();

  EXPECT_FALSE(knows(0));
  EXPECT_FALSE(knows(kMany - 1));
}

TEST_F(RedisIndexTest, AsksForOneThatItHasForgottenAndNotForANewOne) {
  learn(0, kMany, SessionStatus::kCompleted);
  index_.trim();

  EXPECT_TRUE(index_.must_ask(session_number(5, SessionStatus::kActive)));
  EXPECT_FALSE(index_.must_ask(session_number(kMany + 5, SessionStatus::kActive)));
}

TEST_F(RedisIndexTest, NeverForgetsOneThatLives) {
  learn(0, 3 * kMany, SessionStatus::kActive);
  index_.trim();

  EXPECT_TRUE(knows(0));
  EXPECT_EQ(index_.live().size(), 3U * kMany);
}

TEST_F(RedisIndexTest, LooksForThoseThatAreOverAgainWhenItHasGrownToTwiceThoseThatLive) {
  learn(0, kMany, SessionStatus::kActive);
  index_.trim();
  learn(kMany, 2 * kMany - 1, SessionStatus::kCompleted);
  index_.trim();
  EXPECT_TRUE(knows(kMany));

  learn(2 * kMany - 1, 2 * kMany, SessionStatus::kCompleted);
  index_.trim();

  EXPECT_FALSE(knows(kMany));
  EXPECT_TRUE(knows(0));
}

}  // namespace
}  // namespace voicectl::runtime
