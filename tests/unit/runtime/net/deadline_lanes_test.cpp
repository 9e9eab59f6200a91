// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/deadline_lanes.h"

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <vector>

#include "tests/support/sim_reactor.h"

namespace voicectl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

/// Notes when its deadline was told.
class Entry final : public DeadlineEntry {
 public:
  Entry(int number, std::vector<int>& told) : number_(number), told_(told) {}

  void on_deadline(Lane) override { told_.push_back(number_); }

 private:
  int number_;
  std::vector<int>& told_;
};

class DeadlineLanesTest : public testing::Test {
 protected:
  static DeadlineLanes::Lengths lengths() {
    DeadlineLanes::Lengths lengths{};
    lengths.fill(seconds(60));
    lengths[static_cast<std::size_t>(Lane::kRequest)] = seconds(30);
    return lengths;
  }

  SimReactor sim_;
  DeadlineLanes lanes_{sim_, lengths()};
  std::vector<int> told_;
};

TEST_F(DeadlineLanesTest, MeetsADeadlineAtMostASecondLate) {
  Entry entry(1, told_);
  lanes_.arm(entry, Lane::kRequest);

  sim_.advance(seconds(30) - milliseconds(1));
  EXPECT_THAT(told_, IsEmpty());
  sim_.advance(seconds(1));

  EXPECT_THAT(told_, ElementsAre(1));
}

TEST_F(DeadlineLanesTest, AWaitThatBeganElsewhereEndsWhenItWouldHave) {
  Entry fresh(1, told_);
  Entry older(2, told_);
  Entry oldest(3, told_);
  Entry too_long(4, told_);
  lanes_.arm(fresh, Lane::kRequest);
  lanes_.arm_until(older, Lane::kRequest, sim_.now() + seconds(20));
  lanes_.arm_until(oldest, Lane::kRequest, sim_.now() + seconds(10));
  lanes_.arm_until(too_long, Lane::kRequest, sim_.now() + seconds(1000));
  EXPECT_EQ(DeadlineLanes::deadline_of(older), sim_.now() + seconds(20));

  sim_.advance(seconds(11));
  EXPECT_THAT(told_, ElementsAre(3));
  sim_.advance(seconds(20));

  EXPECT_THAT(told_, ElementsAre(3, 2, 1, 4));
}

TEST_F(DeadlineLanesTest, AnotherObjectForTheSameWaitTakesItsPlace) {
  const MonoTime then = sim_.now() + seconds(20);
  auto first = std::make_unique<Entry>(1, told_);
  Entry second(2, told_);
  Entry third(3, told_);
  lanes_.arm_until(*first, Lane::kRequest, then);
  lanes_.arm_until(second, Lane::kRequest, then);
  lanes_.arm_until(third, Lane::kRequest, then);

  lanes_.keep_place_of(*first);
  first.reset();
  Entry instead(4, told_);
  lanes_.arm_until(instead, Lane::kRequest, then);
  lanes_.forget_place();
  sim_.advance(seconds(21));

  EXPECT_THAT(told_, ElementsAre(4, 2, 3));
}

TEST_F(DeadlineLanesTest, APlaceServesNoOtherWait) {
  Entry early(1, told_);
  Entry late(2, told_);
  Entry other_lane(3, told_);
  lanes_.arm_until(early, Lane::kRequest, sim_.now() + seconds(10));
  lanes_.keep_place_of(early);
  lanes_.arm_until(late, Lane::kRequest, sim_.now() + seconds(20));
  lanes_.arm_until(other_lane, Lane::kPing, sim_.now() + seconds(10));
  lanes_.forget_place();

  sim_.advance(seconds(11));
  EXPECT_THAT(told_, testing::UnorderedElementsAre(1, 3));
  sim_.advance(seconds(10));
  EXPECT_EQ(told_.back(), 2);
}

TEST_F(DeadlineLanesTest, ArmingAgainStartsOver) {
  Entry again(1, told_);
  Entry once(2, told_);
  lanes_.arm(again, Lane::kRequest);
  lanes_.arm(once, Lane::kRequest);

  sim_.advance(seconds(20));
  lanes_.arm(again, Lane::kRequest);
  sim_.advance(seconds(12));

  EXPECT_THAT(told_, ElementsAre(2));
}

TEST_F(DeadlineLanesTest, AnEntryWaitsInOneLaneOnly) {
  Entry entry(1, told_);
  lanes_.arm(entry, Lane::kRequest);

  lanes_.arm(entry, Lane::kIdle);
  sim_.advance(seconds(40));
  EXPECT_THAT(told_, IsEmpty());
  sim_.advance(seconds(21));

  EXPECT_THAT(told_, ElementsAre(1));
}

TEST_F(DeadlineLanesTest, TellsNothingToTheDisarmedAndTheDead) {
  Entry disarmed(1, told_);
  auto dead = std::make_unique<Entry>(2, told_);
  lanes_.arm(disarmed, Lane::kRequest);
  lanes_.arm(*dead, Lane::kRequest);

  DeadlineLanes::disarm(disarmed);
  dead.reset();
  sim_.advance(seconds(60));

  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(DeadlineLanesTest, CostsOneTimerHoweverManyWait) {
  std::vector<std::unique_ptr<Entry>> entries;
  for (int i = 0; i < 1000; ++i) {
    entries.push_back(std::make_unique<Entry>(i, told_));
    lanes_.arm(*entries.back(), Lane::kIdle);
  }

  EXPECT_EQ(sim_.pending(), 1U);
}

TEST_F(DeadlineLanesTest, RestsWhenNobodyWaits) {
  Entry entry(1, told_);
  lanes_.arm(entry, Lane::kRequest);

  sim_.advance(seconds(120));

  EXPECT_EQ(sim_.pending(), 0U);
}

TEST_F(DeadlineLanesTest, ExpiresTheLongestWaitingFirst) {
  Entry first(1, told_);
  Entry second(2, told_);
  Entry fresh(3, told_);
  lanes_.arm(first, Lane::kIdle);
  lanes_.arm(second, Lane::kIdle);
  sim_.advance(seconds(5));
  lanes_.arm(fresh, Lane::kIdle);

  lanes_.expire(Lane::kIdle, 1, seconds(1));
  EXPECT_THAT(told_, ElementsAre(1));
  lanes_.expire(Lane::kIdle, 10, seconds(1));

  EXPECT_THAT(told_, ElementsAre(1, 2));
}

}  // namespace
}  // namespace voicectl
