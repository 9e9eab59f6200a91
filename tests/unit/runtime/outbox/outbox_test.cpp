// SPDX-License-Identifier: Apache-2.0
#include "runtime/outbox/outbox.h"

#include <set>

#include "runtime/outbox/retry_schedule.h"
#include "tests/unit/runtime/outbox/outbox_fixture.h"

namespace voicectl::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using Verdict = DeliveryOutcome::Verdict;

TEST_F(OutboxTest, DeliversOnlyWhatIsDurable) {
  decide("a");
  EXPECT_THAT(side_.tries, IsEmpty());

  world_.settle();

  EXPECT_THAT(keys_tried(), ElementsAre("a"));
  EXPECT_THAT(disk_.outbox, IsEmpty());
  EXPECT_EQ(process_->outbox->pending(), 0U);
}

TEST_F(OutboxTest, DeliversNothingWhoseDecisionWasLost) {
  process_->store.fail_next_commit(Error(ErrorCode::kUnavailable, "cannot write"));
  decide("a");
  world_.advance(10min);

  EXPECT_THAT(side_.tries, IsEmpty());
  ASSERT_THAT(outcomes_, SizeIs(1));
  EXPECT_TRUE(outcomes_[0].has_error());
}

TEST_F(OutboxTest, TakesAnEffectAgainWhoseKeyADeadEntryHas) {
  side_.answer = [](const OutboxEntry&) { return failed(Verdict::kRefused, "no"); };
  decide("a");
  world_.settle();
  ASSERT_EQ(on_disk(1).state, OutboxEntry::State::kDead);
  side_.answer = [](const OutboxEntry&) { return failed(Verdict::kAgain); };

  decide("a");
  world_.settle();
  kill();
  start();
  world_.settle();
  // Still of one effect: it waits already.
  decide("a");
  world_.settle();

  ASSERT_EQ(disk_.outbox.size(), 2U);
  EXPECT_EQ(on_disk(1).idempotency_key, "a");
  EXPECT_EQ(on_disk(2).idempotency_key, "a#2");
  EXPECT_EQ(effect_key(on_disk(2)), "a");
  ASSERT_NE(process_->outbox->find_pending("a"), nullptr);
  EXPECT_EQ(process_->outbox->find_pending("a")->id, 2U);
  for (const Status& outcome : outcomes_) {
    EXPECT_FALSE(outcome.has_error());
  }
}

TEST_F(OutboxTest, ADeadKeyIsKnownToTheNextProcessToo) {
  side_.answer = [](const OutboxEntry&) { return failed(Verdict::kRefused, "no"); };
  decide("a");
  world_.settle();
  kill();
  start();
  world_.settle();

  decide("a");
  world_.settle();

  EXPECT_EQ(on_disk(2).idempotency_key, "a#2");
}

TEST_F(OutboxTest, KeepsTheOrderWithinASession) {
  side_.takes = 100ms;
  for (const char* key : {"1", "2", "3"}) {
    decide(key, "acme_0123456789abcdef");
  }
  world_.advance(10s);

  EXPECT_THAT(keys_tried(), ElementsAre("1", "2", "3"));
  EXPECT_EQ(side_.most_in_flight, 1U);
}

TEST_F(OutboxTest, KeepsTheOrderWithinASessionWhenTheFirstFails) {
  side_.answer = [this](const OutboxEntry& entry) {
    const bool fails = entry.idempotency_key == "1" && side_.tries.size() < 3;
    return fails ? failed(Verdict::kAgain) : DeliveryOutcome{};
  };
  decide("1", "acme_0123456789abcdef");
  decide("2", "acme_0123456789abcdef");
  world_.advance(6min);

  EXPECT_THAT(keys_tried(), ElementsAre("1", "1", "1", "2"));
}

TEST_F(OutboxTest, LetsSessionsAndOtherSidesPassAFailure) {
  side_.answer = [](const OutboxEntry& entry) {
    return entry.session == "a" ? failed(Verdict::kAgain) : DeliveryOutcome{};
  };
  decide("1", "a");
  decide("2", "b");
  decide("3", "a", "uv.hang_up");
  world_.settle();

  EXPECT_THAT(side_.effects, UnorderedElementsAre(std::pair("2", 1)));
  EXPECT_THAT(other_side_.effects, UnorderedElementsAre(std::pair("3", 1)));
}

TEST_F(OutboxTest, BoundsWhatIsUnderWayAtOnce) {
  side_.takes = 1s;
  for (int i = 0; i < 100; ++i) {
    decide(std::to_string(i));
  }
  world_.advance(60s);

  EXPECT_EQ(side_.most_in_flight, 8U);
  EXPECT_THAT(side_.effects, SizeIs(100));
}

TEST_F(OutboxTest, MakesFailuresDurable) {
  side_.answer = [](const OutboxEntry&) { return failed(Verdict::kAgain, "cannot: busy"); };
  decide("a");
  world_.settle();

  EXPECT_EQ(on_disk(1).attempts, 1U);
  EXPECT_EQ(on_disk(1).last_error, "cannot: busy");
  EXPECT_GE(on_disk(1).next_attempt, clock_.now());
}

TEST_F(OutboxTest, WaitsAsLongAsTheOtherSideAsks) {
  side_.answer = [this](const OutboxEntry&) {
    return side_.tries.size() == 1 ? failed(Verdict::kAgain, "cannot: busy", 1h)
                                   : DeliveryOutcome{};
  };
  decide("a");
  world_.advance(1h - 1s);
  EXPECT_THAT(side_.tries, SizeIs(1));

  world_.advance(1s);

  EXPECT_THAT(side_.tries, SizeIs(2));
}

TEST_F(OutboxTest, GivesUpAtOnceWhatWillNeverSucceed) {
  side_.answer = [](const OutboxEntry&) { return failed(Verdict::kRefused, "cannot: no such"); };
  decide("a");
  world_.advance(100h);

  EXPECT_THAT(side_.tries, SizeIs(1));
  EXPECT_EQ(on_disk(1).state, OutboxEntry::State::kDead);
  EXPECT_EQ(on_disk(1).last_error, "cannot: no such");
  EXPECT_THAT(side_.given_up, ElementsAre(1));
  EXPECT_EQ(process_->outbox->pending(), 0U);
}

TEST_F(OutboxTest, TellsOfADeadOneOnceAndCountsThoseThatAreThere) {
  side_.answer = [](const OutboxEntry&) { return failed(Verdict::kRefused); };
  decide("a");
  decide("b", "", "erp.other");
  world_.advance(1h);

  EXPECT_THAT(told_dead_, ElementsAre(1, 2));
  DeadEffects dead = process_->outbox->dead();
  EXPECT_EQ(dead.count, 2U);
  EXPECT_EQ(dead.newest, 2U);
  EXPECT_EQ(dead.kind, "erp.other");
  EXPECT_EQ(dead.given_up, 2U);
  kill();
  start();
  dead = process_->outbox->dead();
  EXPECT_EQ(dead.count, 2U);
  EXPECT_EQ(dead.given_up, 0U);
  EXPECT_THAT(told_dead_, ElementsAre(1, 2)) << "told of what was known before";
}

TEST_F(OutboxTest, TellsNobodyOfADeathThatIsNotOnDisk) {
  side_.answer = [](const OutboxEntry&) { return failed(Verdict::kRefused); };
  side_.takes = 1s;
  decide("a");
  world_.settle();
  process_->store.fail_next_commit(Error(ErrorCode::kUnavailable, "cannot write"));
  world_.advance(1s);

  EXPECT_THAT(told_dead_, IsEmpty());
  EXPECT_EQ(process_->outbox->dead().count, 0U);
}

TEST_F(OutboxTest, LetsTheNextOfASessionPassADeadOne) {
  side_.answer = [](const OutboxEntry& entry) {
    return entry.idempotency_key == "1" ? failed(Verdict::kRefused) : DeliveryOutcome{};
  };
  decide("1", "a");
  decide("2", "a");
  world_.settle();

  EXPECT_THAT(keys_tried(), ElementsAre("1", "2"));
}

TEST_F(OutboxTest, GoesOnAfterAKillWithWhatWasNotDelivered) {
  side_.takes = 1s;
  decide("1", "a");
  decide("2", "a");
  world_.advance(500ms);
  kill();
  side_.in_flight = 0;
  start();
  world_.advance(10s);

  EXPECT_THAT(keys_tried(), ElementsAre("1", "1", "2"));
  EXPECT_EQ(side_.tries[0].attempt, Attempt::kFirst);
  EXPECT_EQ(side_.tries[1].attempt, Attempt::kRepeated);
  EXPECT_THAT(disk_.outbox, IsEmpty());
}

TEST_F(OutboxTest, StopsWithTheStoreAndResumesWithIt) {
  side_.takes = 10s;
  decide("1", "a");
  world_.settle();
  process_->store.fail_next_commit(Error(ErrorCode::kUnavailable, "cannot write"));
  decide("2", "b");
  world_.settle();
  EXPECT_EQ(process_->outbox->pending(), 0U);

  world_.advance(60s);

  EXPECT_THAT(keys_tried(), ElementsAre("1", "1"));
  EXPECT_THAT(disk_.outbox, IsEmpty());
}

TEST_F(OutboxTest, MakesWhatADeliveryChangesDurableWithItsOutcome) {
  side_.answer = [](const OutboxEntry& entry) {
    DeliveryOutcome delivery;
    delivery.change.response = StoredResponse{"request", 200, entry.idempotency_key, {}};
    delivery.follow_ups = {{"uv.next", entry.session, "b", "{}"}};
    return delivery;
  };
  decide("a");
  world_.settle();

  ASSERT_THAT(disk_.responses, SizeIs(1));
  EXPECT_EQ(disk_.responses[0].body, "a");
  EXPECT_THAT(other_side_.effects, UnorderedElementsAre(std::pair("b", 1)));
}

TEST_F(OutboxTest, RunsWhatComesAfterwardsOnlyWhenTheOutcomeIsDurable) {
  int ran = 0;
  side_.answer = [this, &ran](const OutboxEntry&) {
    if (side_.tries.size() == 1) {
      process_->store.fail_next_commit(Error(ErrorCode::kUnavailable, "cannot write"));
    }
    DeliveryOutcome delivery;
    delivery.afterwards = [&ran] { ++ran; };
    return delivery;
  };
  decide("a");
  world_.settle();
  EXPECT_EQ(ran, 0);

  world_.advance(60s);

  EXPECT_EQ(ran, 1);
}

TEST_F(OutboxTest, KeepsKindsThatOnlyAnotherVersionKnows) {
  decide("a", "", "later.invention");
  world_.advance(100h);

  EXPECT_EQ(on_disk(1).state, OutboxEntry::State::kPending);
}

TEST_F(OutboxTest, RecordsAnEffectOnceWhileItsKeyWaits) {
  side_.takes = 1s;
  decide("a");
  world_.settle();
  decide("a");
  world_.advance(1min);

  EXPECT_THAT(outcomes_, SizeIs(2));
  EXPECT_THAT(side_.effects, UnorderedElementsAre(std::pair("a", 1)));
}

TEST_F(OutboxTest, RecordsAnEffectOnceThatIsDecidedTwiceWithinOneCommit) {
  decide("a");
  decide("a");
  world_.advance(1min);

  EXPECT_THAT(outcomes_, ElementsAre(IsOk(), IsOk()));
  EXPECT_THAT(side_.effects, UnorderedElementsAre(std::pair("a", 1)));
  decide("a");
  world_.advance(1min);
  EXPECT_THAT(side_.effects, UnorderedElementsAre(std::pair("a", 2)));
}

TEST_F(OutboxTest, AKeyWhoseDecisionWasLostIsFree) {
  process_->store.fail_next_commit(Error(ErrorCode::kUnavailable, "cannot write"));
  decide("a");
  world_.advance(1min);
  decide("a");
  world_.advance(1min);

  EXPECT_THAT(side_.effects, UnorderedElementsAre(std::pair("a", 1)));
}

TEST_F(OutboxTest, FindsWhatWaitsByItsKey) {
  side_.takes = 1s;
  decide("a");
  world_.settle();

  ASSERT_NE(process_->outbox->find_pending("a"), nullptr);
  EXPECT_EQ(process_->outbox->find_pending("a")->id, 1U);
  EXPECT_EQ(process_->outbox->find_pending("b"), nullptr);
  world_.advance(2s);
  EXPECT_EQ(process_->outbox->find_pending("a"), nullptr);
}

}  // namespace
}  // namespace voicectl::runtime
