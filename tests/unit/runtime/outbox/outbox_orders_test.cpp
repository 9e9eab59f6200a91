// SPDX-License-Identifier: Apache-2.0
#include "runtime/outbox/outbox.h"
#include "tests/unit/runtime/outbox/outbox_fixture.h"

namespace voicectl::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::SizeIs;
using Verdict = DeliveryOutcome::Verdict;

class OutboxOrdersTest : public OutboxTest {
 protected:
  void with_dead(int count) {
    side_.answer = [](const OutboxEntry&) { return failed(Verdict::kRefused); };
    for (int i = 0; i < count; ++i) {
      decide("key-" + std::to_string(i));
    }
    world_.settle();
    side_.answer = [](const OutboxEntry&) { return DeliveryOutcome{}; };
    side_.tries.clear();
  }

  Completion<OutboxEntry> keep_outcome() {
    return [this](const Result<OutboxEntry>& outcome) {
      codes_.push_back(outcome.has_error() ? std::string(name_of(outcome.error().code())) : "ok");
    };
  }

  std::vector<std::string> codes_;
};

TEST_F(OutboxOrdersTest, DeliversADeadEntryThatIsRetried) {
  with_dead(1);

  process_->outbox->retry(1, keep_outcome());
  world_.settle();

  EXPECT_THAT(codes_, ElementsAre("ok"));
  EXPECT_THAT(keys_tried(), ElementsAre("key-0"));
  EXPECT_EQ(side_.tries[0].attempt, Attempt::kRepeated);
  EXPECT_THAT(disk_.outbox, IsEmpty());
}

TEST_F(OutboxOrdersTest, KnowsWhatIsDeadAlsoAfterARestart) {
  with_dead(250);
  EXPECT_TRUE(process_->outbox->is_dead("key-7"));

  kill();
  start();

  EXPECT_TRUE(process_->outbox->is_dead("key-7"));
  EXPECT_FALSE(process_->outbox->is_dead("key-999"));
  EXPECT_EQ(process_->outbox->figures()[0].dead, 250U);
  process_->outbox->drop(8, keep_outcome());
  process_->outbox->retry(9, keep_outcome());
  world_.settle();
  EXPECT_FALSE(process_->outbox->is_dead("key-7"));
  EXPECT_FALSE(process_->outbox->is_dead("key-8"));
  EXPECT_EQ(process_->outbox->figures()[0].dead, 248U);
}

TEST_F(OutboxOrdersTest, CountsWhatEachSideIsOwedAndWhatCameOfIt) {
  side_.answer = [](const OutboxEntry& entry) {
    if (entry.idempotency_key == "refused") {
      return failed(Verdict::kRefused);
    }
    return entry.idempotency_key == "again" ? failed(Verdict::kAgain) : DeliveryOutcome{};
  };
  other_side_.answer = [](const OutboxEntry&) { return failed(Verdict::kUnreachable); };
  decide("done");
  decide("again");
  decide("refused");
  decide("away", "", "uv.do");
  world_.settle();
  world_.advance(1s);

  const std::vector<SideFigures> figures = process_->outbox->figures();

  ASSERT_THAT(figures, SizeIs(2));
  const SideFigures& erpnext = figures[0];
  EXPECT_EQ(erpnext.side, "erpnext");
  EXPECT_EQ(erpnext.delivered, 1U);
  EXPECT_GE(erpnext.failed, 1U);
  EXPECT_EQ(erpnext.refused, 1U);
  EXPECT_EQ(erpnext.given_up, 1U);
  EXPECT_EQ(erpnext.dead, 1U);
  EXPECT_EQ(erpnext.pending, 1U);
  EXPECT_FALSE(erpnext.is_paused);
  const SideFigures& away = figures[1];
  EXPECT_EQ(away.side, "ultravox");
  EXPECT_EQ(away.pending, 1U);
  EXPECT_GE(away.unreachable, 1U);
  EXPECT_EQ(away.oldest, Duration(1s));
}

TEST_F(OutboxOrdersTest, CountsOnWhereAnotherProcessEnded) {
  decide("done");
  world_.settle();
  const OutboxCounts counts = process_->outbox->counts();
  const auto sides = process_->outbox->side_counts();
  kill();
  start();

  process_->outbox->count_from(counts, sides);
  decide("more");
  world_.settle();

  EXPECT_EQ(process_->outbox->counts().delivered, 2U);
  EXPECT_EQ(process_->outbox->figures()[0].delivered, 2U);
}

TEST_F(OutboxOrdersTest, GivesARetriedEntryAllItsAttemptsAgain) {
  with_dead(1);
  side_.answer = [](const OutboxEntry&) { return failed(Verdict::kAgain); };

  process_->outbox->retry(1, keep_outcome());
  world_.advance(200h);

  EXPECT_THAT(side_.tries, SizeIs(10));
}

TEST_F(OutboxOrdersTest, RetriesEveryDeadEntry) {
  with_dead(250);
  std::uint64_t count = 0;

  process_->outbox->retry_dead(
      [&count](const Result<std::uint64_t>& outcome) { count = *outcome; });
  world_.settle();

  EXPECT_EQ(count, 250U);
  EXPECT_THAT(side_.effects, SizeIs(250));
}

TEST_F(OutboxOrdersTest, TriesAWaitingEntryNow) {
  side_.answer = [this](const OutboxEntry&) {
    return side_.tries.size() == 1 ? failed(Verdict::kUnreachable, "cannot: busy", 1h)
                                   : DeliveryOutcome{};
  };
  decide("a");
  world_.settle();

  process_->outbox->retry(1, keep_outcome());
  world_.settle();

  EXPECT_THAT(codes_, ElementsAre("ok"));
  EXPECT_THAT(side_.effects, SizeIs(1));
}

TEST_F(OutboxOrdersTest, ForgetsADroppedEntryAndLetsTheNextOnePass) {
  side_.answer = [](const OutboxEntry& entry) {
    return entry.idempotency_key == "a" ? failed(Verdict::kAgain) : DeliveryOutcome{};
  };
  decide("a", "session");
  decide("b", "session");
  world_.settle();

  process_->outbox->drop(1, keep_outcome());
  world_.settle();

  EXPECT_THAT(codes_, ElementsAre("ok"));
  EXPECT_THAT(keys_tried(), ElementsAre("a", "b"));
  EXPECT_THAT(disk_.outbox, IsEmpty());
}

TEST_F(OutboxOrdersTest, DropsADeadEntry) {
  with_dead(1);

  process_->outbox->drop(1, keep_outcome());
  world_.settle();

  EXPECT_THAT(codes_, ElementsAre("ok"));
  EXPECT_THAT(disk_.outbox, IsEmpty());
}

TEST_F(OutboxOrdersTest, OrdersDoNotWakeAnOutboxThatRests) {
  with_dead(2);
  decide("waits");
  side_.answer = [](const OutboxEntry&) { return failed(Verdict::kAgain); };
  world_.settle();
  const std::size_t before = side_.tries.size();
  side_.answer = [](const OutboxEntry&) { return DeliveryOutcome{}; };

  process_->outbox->rest();
  process_->outbox->retry(1, keep_outcome());
  process_->outbox->drop(2, keep_outcome());
  world_.advance(100h);

  EXPECT_THAT(codes_, ElementsAre("ok", "ok"));
  EXPECT_TRUE(process_->outbox->is_at_rest());
  EXPECT_THAT(side_.tries, SizeIs(before));
  process_->outbox->wake();
  world_.settle();
  EXPECT_THAT(side_.effects, Contains(Key("waits")));
  EXPECT_THAT(disk_.outbox, IsEmpty());
}

TEST_F(OutboxOrdersTest, RefusesToTouchWhatIsBeingDelivered) {
  side_.takes = 1s;
  decide("a");
  world_.settle();

  process_->outbox->retry(1, keep_outcome());
  process_->outbox->drop(1, keep_outcome());
  world_.settle();

  EXPECT_THAT(codes_, ElementsAre("conflict", "conflict"));
}

TEST_F(OutboxOrdersTest, SaysThatThereIsNoSuchEntry) {
  process_->outbox->retry(99, keep_outcome());
  process_->outbox->drop(99, keep_outcome());
  world_.settle();

  EXPECT_THAT(codes_, ElementsAre("not_found", "not_found"));
}

}  // namespace
}  // namespace voicectl::runtime
