// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "provisioner/apply/step_order.h"
#include "tests/support/matchers.h"
#include "tests/support/registry/memory_registry.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TenantId tenant(const std::string& name) {
  return *TenantId::parse(name);
}

/// Effects that end when the test says so.
class ScriptedRunner final : public ActionRunner {
 public:
  explicit ScriptedRunner(Reactor& reactor) : reactor_(reactor) {}

  void perform(const Action& action, OnActionDone done) override {
    const std::string what = describe(action);
    begun.push_back(what);
    running.insert(what);
    most_running = std::max(most_running, running.size());
    reactor_.call_after(std::chrono::milliseconds(10), [this, what, done = std::move(done)] {
      running.erase(what);
      const auto failure = failures.find(what);
      done(ActionOutcome{failure == failures.end() ? ok_status() : Status(failure->second), {}});
    });
  }

  std::map<std::string, Error> failures;
  std::vector<std::string> begun;
  std::set<std::string> running;
  std::size_t most_running = 0;

 private:
  Reactor& reactor_;
};

class ExecutorTest : public ::testing::Test {
 protected:
  static Step step(std::size_t number, Action action, std::vector<std::size_t> needs = {}) {
    return Step{number, std::move(action), "because", std::move(needs),
                "key-" + std::to_string(number)};
  }
  static Action retire(const std::string& name) { return RetireTenantData{tenant(name)}; }
  static Action withdraw(const std::string& name) { return WithdrawRoute{tenant(name)}; }
  static Action forget(const std::string& name) { return DeleteTenant{tenant(name)}; }

  static Action move(const std::string& name) {
    return LendListener{tenant(name), *InstanceId::parse("shared-1"),
                        *InstanceId::parse("shared-0")};
  }

  void run(std::vector<Step> steps, std::size_t moves_at_once = kActionsInFlight) {
    Plan plan;
    plan.id = "plan";
    plan.steps = std::move(steps);
    executor.run(
        std::move(plan),
        [this](const api::StepProgress& progress) {
          last[progress.text] = progress;
          if (progress.move) {
            moves.push_back(progress);
          }
        },
        [this](const api::ApplyOutcome& finished) { outcome = finished; }, moves_at_once);
    sim.advance(std::chrono::seconds(10));
    ASSERT_TRUE(outcome.has_value());
  }

  SimReactor sim;
  SimOffload offload{sim};
  SimWallClock wall{sim};
  std::shared_ptr<RegistryStore> store = std::make_shared<RegistryStore>();
  std::unique_ptr<Registry> registry = open_memory_registry(store);
  RegistryQueue queue{*registry, offload};
  RecordedState recorded{[this] {
    Snapshot snapshot = *registry->load();
    snapshot.epoch = registry->epoch();
    return snapshot;
  }()};
  ScriptedRunner runner{sim};
  RegistryJournal journal{queue};
  std::vector<std::pair<std::string, ActionTime>> times;
  Executor executor{Executor::Deps{sim, journal, recorded, runner, wall,
                                   [this](const Action& action, const ActionTime& time) {
                                     times.emplace_back(kind_of(action), time);
                                   }}};
  std::map<std::string, api::StepProgress> last;
  std::vector<api::StepProgress> moves;
  std::optional<api::ApplyOutcome> outcome;
};

TEST_F(ExecutorTest, PerformsAStepOnlyAfterWhatItNeeds) {
  run({step(0, withdraw("a")), step(1, retire("a"), {0}), step(2, forget("a"), {1})});

  EXPECT_THAT(runner.begun,
              ElementsAre(describe(withdraw("a")), describe(retire("a")), describe(forget("a"))));
  EXPECT_EQ(outcome->done, 3U);
}

TEST_F(ExecutorTest, PerformsWhatDoesNotNeedEachOtherSideBySide) {
  run({step(0, withdraw("a")), step(1, withdraw("b")), step(2, withdraw("c"))});

  EXPECT_EQ(runner.most_running, 3U);
}

TEST_F(ExecutorTest, NeverPerformsTwoActionsOfOneSubjectAtOnce) {
  run({step(0, withdraw("a")), step(1, retire("a"))});

  EXPECT_EQ(runner.most_running, 1U);
  EXPECT_EQ(outcome->done, 2U);
}

TEST_F(ExecutorTest, NoMoreTenantsAreOnTheirWayThanWasSaid) {
  run({step(0, move("a")), step(1, move("b")), step(2, move("c"))}, 1);
  EXPECT_EQ(runner.most_running, 1U);
  EXPECT_EQ(outcome->done, 3U);

  run({step(0, move("a")), step(1, move("b")), step(2, move("c"))}, 2);
  EXPECT_EQ(runner.most_running, 2U);

  run({step(0, move("a")), step(1, move("b")), step(2, move("c"))});
  EXPECT_EQ(runner.most_running, 3U);
}

TEST_F(ExecutorTest, WhatIsNoMoveDoesNotWaitForMoves) {
  run({step(0, move("a")), step(1, move("b")), step(2, withdraw("c"))}, 1);

  EXPECT_EQ(runner.most_running, 2U);
  EXPECT_EQ(outcome->done, 3U);
}

TEST_F(ExecutorTest, TellsHowAMoveStandsWhileItIsUnderWayAndAtItsEnd) {
  const api::MoveProgress half{.phase = "copying", .percent = 45, .connections = 9};
  // Nothing is under way: nobody is told.
  executor.tell_move(tenant("a"), half);
  sim.call_after(std::chrono::milliseconds(5), [&] {
    executor.tell_move(tenant("b"), half);
    executor.tell_move(tenant("a"), half);
  });

  run({step(0, move("a")), step(1, withdraw("b"))});

  ASSERT_EQ(moves.size(), 2U);
  EXPECT_EQ(moves[0].state, api::StepState::kRunning);
  EXPECT_EQ(moves[0].subject, "tenant/a");
  EXPECT_EQ(moves[1].state, api::StepState::kDone);
  EXPECT_EQ(moves[1].move, half);
}

TEST_F(ExecutorTest, AFailureTakesAlongOnlyWhatNeedsIt) {
  runner.failures.emplace(describe(withdraw("a")), Error(ErrorCode::kInternal, "cannot do it"));

  run({step(0, withdraw("a")), step(1, retire("a"), {0}), step(2, withdraw("b"))});

  EXPECT_EQ(outcome->done, 1U);
  EXPECT_EQ(outcome->failed, 1U);
  EXPECT_EQ(outcome->skipped, 1U);
  EXPECT_EQ(last[describe(withdraw("a"))].error, "cannot do it");
  EXPECT_EQ(last[describe(retire("a"))].state, api::StepState::kSkipped);
  EXPECT_THAT(outcome->remedy, HasSubstr("voicectl apply"));
}

TEST_F(ExecutorTest, JournalsEveryIntentAndClosesIt) {
  runner.failures.emplace(describe(withdraw("b")), Error(ErrorCode::kInternal, "cannot do it"));

  run({step(0, withdraw("a")), step(1, withdraw("b"))});

  ASSERT_EQ(store->journal.size(), 2U);
  EXPECT_EQ(store->journal[0].state, JournalState::kDone);
  EXPECT_EQ(store->journal[1].state, JournalState::kFailed);
  EXPECT_EQ(store->journal[1].outcome, "cannot do it");
}

TEST_F(ExecutorTest, PerformsNothingThatCannotBeJournaled) {
  store->failure = Error(ErrorCode::kResourceExhausted, "cannot write: the disk is full");

  run({step(0, withdraw("a")), step(1, withdraw("b"), {0})});

  EXPECT_TRUE(runner.begun.empty());
  EXPECT_EQ(outcome->failed, 1U);
  EXPECT_EQ(outcome->skipped, 1U);
}

TEST_F(ExecutorTest, GoesOnToNothingElseWhenAnOutcomeCannotBeRecorded) {
  sim.call_after(std::chrono::milliseconds(5), [this] {
    store->failure = Error(ErrorCode::kResourceExhausted, "cannot write: the disk is full");
  });

  const std::uint64_t version = recorded.version();
  const Generation generation = recorded.snapshot().generation;

  run({step(0, withdraw("a")), step(1, retire("a"), {0})});

  EXPECT_THAT(runner.begun, ElementsAre(describe(withdraw("a"))));
  EXPECT_NE(recorded.version(), version) << "it is believed, and whoever compares looks again";
  EXPECT_EQ(recorded.snapshot().generation, generation);
  EXPECT_EQ(outcome->failed, 1U);
  EXPECT_EQ(store->journal[0].state, JournalState::kIntent);
}

TEST_F(ExecutorTest, RecordsBeforeAnythingElseWhatItCouldNotRecord) {
  sim.call_after(std::chrono::milliseconds(5), [this] {
    store->failure = Error(ErrorCode::kResourceExhausted, "cannot write: the disk is full");
  });
  run({step(0, withdraw("a"))});

  run({step(0, withdraw("b"))});
  EXPECT_THAT(runner.begun, ElementsAre(describe(withdraw("a"))));
  EXPECT_EQ(outcome->skipped, 1U);

  store->failure.reset();
  run({step(0, withdraw("c"))});
  EXPECT_THAT(runner.begun, ElementsAre(describe(withdraw("a")), describe(withdraw("c"))));
  EXPECT_EQ(outcome->done, 1U);
  EXPECT_THAT(*registry->open_intents(), ::testing::IsEmpty());
}

TEST_F(ExecutorTest, ARunWithoutStepsRecordsWhatCouldNotBeOrFails) {
  sim.call_after(std::chrono::milliseconds(5), [this] {
    store->failure = Error(ErrorCode::kResourceExhausted, "cannot write: the disk is full");
  });
  run({step(0, withdraw("a"))});
  EXPECT_EQ(outcome->unrecorded, 1U);
  EXPECT_TRUE(executor.has_unrecorded());

  run({});
  EXPECT_EQ(outcome->failed, 1U);
  EXPECT_THAT(outcome->remedy, HasSubstr("the disk is full"));

  store->failure.reset();
  run({});
  EXPECT_EQ(outcome->failed, 0U);
  EXPECT_FALSE(executor.has_unrecorded());
  EXPECT_THAT(*registry->open_intents(), ::testing::IsEmpty());
}

TEST_F(ExecutorTest, WhatFailedIsNotTakenForDoneBecauseItCouldNotBeRecorded) {
  runner.failures.emplace(describe(withdraw("a")), Error(ErrorCode::kInternal, "cannot do it"));
  sim.call_after(std::chrono::milliseconds(5), [this] {
    store->failure = Error(ErrorCode::kResourceExhausted, "cannot write: the disk is full");
  });

  run({step(0, withdraw("a"))});

  EXPECT_EQ(outcome->failed, 1U);
  EXPECT_EQ(outcome->unrecorded, 0U);
}

TEST_F(ExecutorTest, BelievesWhatIsFoundAndOpensAndClosesItLater) {
  RecordedChange change;
  change.edge_fingerprint = "found";
  JournalEntry entry;
  entry.kind = "recover";

  executor.believe(ClosedAction{0, JournalState::kDone, "", change}, entry);
  EXPECT_EQ(recorded.snapshot().edge_fingerprint, "found");
  EXPECT_NE(registry->load()->edge_fingerprint, "found");
  store->failure = Error(ErrorCode::kResourceExhausted, "cannot write: the disk is full");
  run({step(0, withdraw("a"))});
  EXPECT_TRUE(runner.begun.empty());

  store->failure.reset();
  run({});
  EXPECT_EQ(registry->load()->edge_fingerprint, "found");
  ASSERT_EQ(store->journal.size(), 1U);
  EXPECT_EQ(store->journal[0].kind, "recover");
  EXPECT_EQ(store->journal[0].state, JournalState::kDone);
}

TEST_F(ExecutorTest, StopsADedicatedInstanceWhoseTenantCouldNotBeLent) {
  const InstanceId instance = *InstanceId::parse("dedicated-a");
  const Action start =
      StartInstance{instance, InstanceKind::kDedicated, *Port::make(21000), "print"};
  const Action lend = LendListener{tenant("a"), instance, std::nullopt};
  runner.failures.emplace(describe(lend), Error(ErrorCode::kInternal, "cannot open the store"));

  run({step(0, start), step(1, lend, {0})});

  EXPECT_THAT(runner.begun,
              ElementsAre(describe(start), describe(lend), describe(StopInstance{instance})));
  EXPECT_EQ(outcome->undone, 1U);
  EXPECT_EQ(outcome->done, 0U);
}

TEST_F(ExecutorTest, AnEmptyPlanFinishesAtOnce) {
  run({});

  EXPECT_EQ(outcome->done, 0U);
  EXPECT_FALSE(executor.is_running());
}

TEST_F(ExecutorTest, TellsAndJournalsHowLongEachStepTook) {
  runner.failures.emplace(describe(retire("b")), Error(ErrorCode::kUnavailable, "cannot"));

  run({step(0, withdraw("a")), step(1, retire("b"))});

  ASSERT_EQ(times.size(), 1U);
  EXPECT_EQ(times[0].first, "withdraw_route");
  EXPECT_EQ(times[0].second, (ActionTime{std::chrono::milliseconds(10), std::nullopt}));
  EXPECT_EQ(store->times, (std::vector<TimedAction>{{"withdraw_route", times[0].second}}));
}

TEST(StepOrderTest, BeginsWhatNeedsNothingAndOneOfEachSubject) {
  const auto on = [](std::size_t number, const std::string& name, std::vector<std::size_t> needs) {
    return Step{number, WithdrawRoute{tenant(name)}, "", std::move(needs), ""};
  };
  StepOrder order({on(0, "a", {}), on(1, "a", {}), on(2, "b", {0}), on(3, "c", {1})});

  EXPECT_THAT(order.begin(32, 32), ElementsAre(0));
  order.end(0, StepOrder::End::kDone);
  EXPECT_THAT(order.begin(1, 32), ElementsAre(1));
  EXPECT_THAT(order.begin(32, 32), ElementsAre(2));
  order.end(1, StepOrder::End::kFailed);
  order.end(2, StepOrder::End::kDone);
  EXPECT_THAT(order.begin(32, 32), ::testing::IsEmpty());
  EXPECT_EQ(order.under_way(), 0U);
}

}  // namespace
}  // namespace voicectl
