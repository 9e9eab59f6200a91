// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/token_bucket.h"

#include <gmock/gmock.h>

#include <deque>

#include "tests/support/random_seed.h"

namespace voicectl::runtime {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time

constexpr MonoTime kStart{std::chrono::hours(100)};
constexpr Rate kTenInASecond{10, 1s};

bool takes(TokenBucket& bucket, const Rate& rate, MonoTime now) {
  if (bucket.wait(rate, now)) {
    return false;
  }
  bucket.take(rate, now);
  return true;
}

std::uint32_t drain(TokenBucket& bucket, const Rate& rate, MonoTime now) {
  std::uint32_t taken = 0;
  while (takes(bucket, rate, now)) {
    ++taken;
  }
  return taken;
}

TEST(TokenBucketTest, IsFullAtFirstAndHoldsNoMoreThanItsCount) {
  TokenBucket bucket;

  EXPECT_EQ(drain(bucket, kTenInASecond, kStart), 10U);
  EXPECT_EQ(drain(bucket, kTenInASecond, kStart + 1h), 10U);
}

TEST(TokenBucketTest, ATokenComesAfterItsInterval) {
  TokenBucket bucket;
  drain(bucket, kTenInASecond, kStart);

  EXPECT_EQ(bucket.wait(kTenInASecond, kStart), Duration(100ms));
  EXPECT_EQ(bucket.wait(kTenInASecond, kStart + 100ms - 1ns), Duration(1ns));
  EXPECT_EQ(bucket.wait(kTenInASecond, kStart + 100ms), std::nullopt);
  EXPECT_EQ(drain(bucket, kTenInASecond, kStart + 350ms), 3U);
}

TEST(TokenBucketTest, AClockThatJumpsForwardFillsItOnce) {
  TokenBucket bucket;
  drain(bucket, kTenInASecond, kStart);

  EXPECT_EQ(drain(bucket, kTenInASecond, kStart + 24h * 3650), 10U);
}

TEST(TokenBucketTest, AClockThatJumpsBackwardLocksNobodyOut) {
  TokenBucket bucket;
  drain(bucket, kTenInASecond, kStart);

  const MonoTime earlier = kStart - 50h;
  EXPECT_EQ(bucket.wait(kTenInASecond, earlier), Duration(100ms));
  EXPECT_EQ(drain(bucket, kTenInASecond, earlier + 1s), 10U);
}

TEST(TokenBucketTest, AnotherRateCountsFromTheNextToken) {
  TokenBucket bucket;
  drain(bucket, Rate{10, 10h}, kStart);

  EXPECT_EQ(bucket.wait(kTenInASecond, kStart), Duration(100ms));
  EXPECT_EQ(drain(bucket, kTenInASecond, kStart + 500ms), 5U);
}

TEST(TokenBucketTest, KeepsToAnOddRateToTheNanosecond) {
  TokenBucket bucket;
  const Rate rate{3, 10s};
  std::uint32_t taken = 0;
  for (MonoTime now = kStart; now <= kStart + 1000s; now += 50ms) {
    taken += takes(bucket, rate, now) ? 1 : 0;
  }

  EXPECT_LE(taken, 303U);
  EXPECT_GE(taken, 302U);
}

// Over any span between two requests that were let through: never more than its share and a bucket.
TEST(TokenBucketTest, NeverLetsThroughMoreThanRateTimesTimeAndABucket) {
  SeededRandom random = make_test_random();
  for (int turn = 0; turn < 50; ++turn) {
    const Rate rate{static_cast<std::uint32_t>(1 + random.below(50)),
                    Duration(1 + random.below(5'000'000'000))};
    TokenBucket bucket;
    MonoTime now = kStart;
    std::vector<MonoTime> admitted;
    for (int request = 0; request < 200; ++request) {
      const std::uint64_t longest = random.below(8) == 0
                                        ? static_cast<std::uint64_t>(rate.window.count()) * 2
                                        : static_cast<std::uint64_t>(rate.window.count()) / 40 + 1;
      now += Duration(random.below(longest));
      if (takes(bucket, rate, now)) {
        admitted.push_back(now);
      }
    }
    for (std::size_t first = 0; first < admitted.size(); ++first) {
      for (std::size_t last = first; last < admitted.size(); ++last) {
        const auto span = static_cast<double>((admitted[last] - admitted[first]).count());
        const double most =
            rate.count + span * rate.count / static_cast<double>(rate.window.count());
        ASSERT_LE(static_cast<double>(last - first + 1), most + 1e-6)
            << rate.count << " per " << rate.window.count() << " ns";
      }
    }
    ASSERT_FALSE(admitted.empty());
  }
}

}  // namespace
}  // namespace voicectl::runtime
