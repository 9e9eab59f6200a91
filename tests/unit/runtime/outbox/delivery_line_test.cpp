// SPDX-License-Identifier: Apache-2.0
#include "runtime/outbox/delivery_line.h"

#include <gtest/gtest.h>

namespace voicectl::runtime {
namespace {

using namespace std::chrono_literals;
using Kind = DeliveryLine::Kind;

constexpr MonoTime kNow{1000s};

class DeliveryLineTest : public ::testing::Test {
 protected:
  void wait_in_line(Kind kind, int count) {
    for (int i = 0; i < count; ++i) {
      line_.join(kind, {kNow, ++last_});
    }
  }

  std::pair<int, int> take_all(MonoTime now = kNow) {
    std::pair<int, int> taken;
    while (const auto turn = line_.take_next(now)) {
      ++(turn->kind == Kind::kFirstAttempt ? taken.first : taken.second);
    }
    return taken;
  }

  SeededRandom random_{1};
  std::uint64_t last_ = 0;
  DeliveryLine line_{LinePolicy{}};
};

TEST_F(DeliveryLineTest, BoundsWhatIsUnderWayAtOnce) {
  wait_in_line(Kind::kFirstAttempt, 100);

  EXPECT_EQ(take_all(), std::pair(8, 0));
}

TEST_F(DeliveryLineTest, KeepsRoomForFirstAttemptsInABacklog) {
  wait_in_line(Kind::kBacklog, 100);
  EXPECT_EQ(take_all(), std::pair(0, 6));

  wait_in_line(Kind::kFirstAttempt, 10);

  EXPECT_EQ(take_all(), std::pair(2, 0));
}

TEST_F(DeliveryLineTest, ServesTheBacklogHoweverBusyItIs) {
  wait_in_line(Kind::kFirstAttempt, 100);
  wait_in_line(Kind::kBacklog, 100);

  EXPECT_EQ(take_all(), std::pair(7, 1));
}

TEST_F(DeliveryLineTest, LetsOneAloneFindOutWhetherTheOtherSideIsBack) {
  wait_in_line(Kind::kBacklog, 100);
  (void)line_.take_next(kNow);  // the one that fails
  line_.not_reached(Kind::kBacklog, kNow, std::nullopt, random_);

  EXPECT_EQ(take_all(), std::pair(0, 0));
  EXPECT_EQ(take_all(line_.paused_until()), std::pair(0, 1));
}

TEST_F(DeliveryLineTest, DoublesWhatGoesAtOnceWithEachSuccessAfterAnOutage) {
  wait_in_line(Kind::kBacklog, 100);
  (void)line_.take_next(kNow);  // the one that fails
  line_.not_reached(Kind::kBacklog, kNow, std::nullopt, random_);
  const MonoTime later = line_.paused_until();

  EXPECT_EQ(take_all(later), std::pair(0, 1));
  line_.reached(Kind::kBacklog);
  EXPECT_EQ(take_all(later), std::pair(0, 2));
  line_.reached(Kind::kBacklog);
  EXPECT_EQ(take_all(later), std::pair(0, 3));
}

TEST_F(DeliveryLineTest, PausesForAsLongAsItIsAsked) {
  wait_in_line(Kind::kFirstAttempt, 1);
  (void)line_.take_next(kNow);  // the one that fails
  line_.not_reached(Kind::kFirstAttempt, kNow, 1h, random_);

  EXPECT_EQ(line_.paused_until(), kNow + 1h);
}

TEST_F(DeliveryLineTest, IsNotParkedForGood) {
  wait_in_line(Kind::kFirstAttempt, 1);
  (void)line_.take_next(kNow);  // the one that fails
  line_.not_reached(Kind::kFirstAttempt, kNow, std::chrono::hours(100'000), random_);

  EXPECT_EQ(line_.paused_until(), kNow + 24h);
}

TEST_F(DeliveryLineTest, TakesPausedOnesOnlyDuringAPause) {
  wait_in_line(Kind::kFirstAttempt, 2);
  EXPECT_FALSE(line_.take_paused(kNow));
  (void)line_.take_next(kNow);  // the one that fails
  line_.not_reached(Kind::kFirstAttempt, kNow, std::nullopt, random_);

  EXPECT_TRUE(line_.take_paused(kNow));
  EXPECT_FALSE(line_.take_paused(kNow));
}

}  // namespace
}  // namespace voicectl::runtime
