// SPDX-License-Identifier: Apache-2.0
#include "base/backoff.h"

#include <gmock/gmock.h>

#include <vector>

namespace voicectl {
namespace {

using namespace std::chrono_literals;

constexpr BackoffPolicy kPolicy{250ms, 10s, 0.2};

TEST(BackoffTest, DoublesFromTheFirstWaitToTheCap) {
  std::vector<Duration> waits;
  for (int attempt = 1; attempt <= 8; ++attempt) {
    waits.push_back(backoff_without_jitter(kPolicy, attempt));
  }

  EXPECT_THAT(waits, ::testing::ElementsAre(250ms, 500ms, 1s, 2s, 4s, 8s, 10s, 10s));
}

TEST(BackoffTest, StaysAtTheCapHoweverOftenItFailed) {
  EXPECT_EQ(backoff_without_jitter(kPolicy, 1'000'000'000), 10s);
}

TEST(BackoffTest, NeverWaitsLongerThanACapBelowTheFirstWait) {
  EXPECT_EQ(backoff_without_jitter({1s, 500ms, 0}, 1), 500ms);
}

TEST(BackoffTest, DrawsItsShareAtRandomBelowTheFullWait) {
  SeededRandom random(1);
  Duration shortest = 1h;
  Duration longest = 0s;
  for (int i = 0; i < 2000; ++i) {
    const Duration wait = backoff(kPolicy, 3, random);
    shortest = std::min(shortest, wait);
    longest = std::max(longest, wait);
  }

  EXPECT_GE(shortest, 800ms);
  EXPECT_LT(shortest, 805ms);
  EXPECT_LE(longest, 1s);
  EXPECT_GT(longest, 995ms);
}

TEST(BackoffTest, RepeatsExactlyWithTheSameSeed) {
  SeededRandom first(42);
  SeededRandom second(42);

  EXPECT_EQ(backoff(kPolicy, 5, first), backoff(kPolicy, 5, second));
}

TEST(BackoffTest, IsExactWithoutJitter) {
  SeededRandom random(1);

  EXPECT_EQ(backoff({1s, 60s, 0}, 4, random), 8s);
}

}  // namespace
}  // namespace voicectl
