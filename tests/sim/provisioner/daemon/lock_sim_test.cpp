// SPDX-License-Identifier: Apache-2.0
// The lock that changes are made under: who gets it, who loses it, and what that stops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;

class LockSim : public DaemonWorld {
 protected:
  struct Taken {
    std::optional<Result<HeldLock>> answer;
    bool has() const { return answer && answer->has_value(); }
    FencingToken token() const { return (*answer)->token; }
  };
  ApplyLock& lock() { return daemon().daemon->lock(); }
  std::shared_ptr<Taken> take(const std::string& holder,
                              Duration patience = 0s,
                              std::chrono::seconds life = kLockLife) {
    auto taken = std::make_shared<Taken>();
    lock().take({holder, "a test", life}, patience,
                [taken](const Result<HeldLock>& answer) { taken->answer = answer; });
    machine.sim.settle();
    return taken;
  }
  void start_slowly() {
    InstanceScript slow;
    slow.ready_after = 12s;
    machine.instances.script("shared-0", slow);
  }
  /// Applies under the lock, as the control API does.
  std::shared_ptr<Applied> apply_under(FencingToken token, const DesiredState& desired) {
    auto applied = std::make_shared<Applied>();
    EXPECT_THAT(lock().begin_run(token, {}), IsOk());
    EXPECT_THAT(daemon().daemon->loop().apply(
                    {.desired = desired, .plan_id = {}, .who = "ann"},
                    {[](const Plan&) {},
                     [applied](const api::StepProgress& step) { applied->steps[step.text] = step; },
                     [this, token, applied](const api::ApplyOutcome& outcome) {
                       lock().end_run(token);
                       applied->is_finished = true;
                       applied->outcome = outcome;
                     }}),
                IsOk());
    return applied;
  }
};

TEST_F(LockSim, OneHolderAtATimeAndTheNextInOrderOfArrival) {
  const auto first = take("ann");
  const auto second = take("ben", 1min);
  const auto third = take("cat", 1min);
  ASSERT_TRUE(first->has());
  EXPECT_FALSE(second->answer);

  ASSERT_THAT(lock().release(first->token()), IsOk());
  machine.sim.settle();

  ASSERT_TRUE(second->has());
  EXPECT_FALSE(third->answer);
  EXPECT_GT(second->token(), first->token());
  ASSERT_THAT(lock().release(second->token()), IsOk());
  machine.sim.settle();
  EXPECT_TRUE(third->has());
}

TEST_F(LockSim, NothingElseIsCarriedOutUnderTheTokenOfWhatRuns) {
  const auto ann = take("ann");
  start_slowly();
  const auto applied = apply_under(ann->token(), platform_with({"alpha"}));
  machine.sim.advance(1s);
  ASSERT_FALSE(applied->is_finished);

  const auto second = lock().begin_run(ann->token(), {});

  ASSERT_THAT(second, FailsWith(ErrorCode::kConflict));
  EXPECT_TRUE(lock().held()->is_applying) << "the end of the second would free the first's lock";
  machine.sim.advance(1min);
  EXPECT_TRUE(applied->is_finished);
  EXPECT_FALSE(lock().held());
}

TEST_F(LockSim, WhoeverWaitsTooLongIsToldWhoHasIt) {
  take("ann");
  const auto late = take("ben", 5s);

  machine.sim.advance(6s);

  ASSERT_TRUE(late->answer);
  ASSERT_THAT(*late->answer, FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(late->answer->error().text(), HasSubstr("ann holds the lock since"));
  EXPECT_THAT(late->answer->error().text(), HasSubstr("for 'a test'"));
}

TEST_F(LockSim, AHolderThatIsNotHeardOfLosesItWhenItsLifeIsOver) {
  const auto dead = take("ann");
  const auto next = take("ben", 5min);

  machine.sim.advance(kLockLife - 1s);
  EXPECT_FALSE(next->answer);
  machine.sim.advance(2s);

  EXPECT_TRUE(next->has());
  const Result<HeldLock> renewed = lock().renew(dead->token());
  ASSERT_THAT(renewed, FailsWith(ErrorCode::kFenced));
  EXPECT_THAT(lock().begin_run(dead->token(), {}), FailsWith(ErrorCode::kFenced));
}

TEST_F(LockSim, AHeartbeatKeepsIt) {
  const auto alive = take("ann");
  for (int i = 0; i < 10; ++i) {
    machine.sim.advance(10s);
    ASSERT_THAT(lock().renew(alive->token()), IsOk());
  }

  EXPECT_EQ(lock().held()->wish.holder, "ann");
}

TEST_F(LockSim, WhatIsBeingAppliedKeepsItWithoutItsHolder) {
  const auto held = take("ann", 0s, 5s);
  start_slowly();

  const auto applied = apply_under(held->token(), platform_with({"alpha"}));
  machine.sim.advance(10s);

  ASSERT_TRUE(lock().held());
  EXPECT_TRUE(lock().held()->is_applying);
  machine.sim.advance(60s);
  EXPECT_TRUE(applied->is_finished);
  EXPECT_FALSE(lock().held());
}

TEST_F(LockSim, AnApplyWhoseLockIsStolenBeginsNoFurtherStep) {
  const auto held = take("ann");
  start_slowly();
  const DesiredState desired = platform_with({"alpha", "beta"});
  const auto applied = apply_under(held->token(), desired);
  machine.sim.advance(5s);
  const std::size_t begun = applied->steps.size();
  ASSERT_GT(begun, 0U);
  const auto next = take("ben", 5min, 600s);

  ASSERT_THAT(lock().steal("ann", "ben"), IsOk());
  machine.sim.settle();
  EXPECT_FALSE(next->answer) << "steps of the thief's victim are still under way";
  machine.sim.advance(100s);

  EXPECT_TRUE(applied->is_finished);
  EXPECT_GT(applied->outcome.skipped, 0U);
  EXPECT_THAT(applied->steps.at("lend listener of alpha to shared-0").error,
              HasSubstr("the lock was stolen by ben"));
  ASSERT_TRUE(next->has());
  EXPECT_THAT(lock().renew(held->token()), FailsWith(ErrorCode::kFenced));
  const auto rest = apply_under(next->token(), desired);
  machine.sim.advance(200s);
  EXPECT_TRUE(rest->is_finished);
  expect_converged(desired);
}

TEST_F(LockSim, AnApplyThatIsRobbedBeforeItsFirstStepBeginsNone) {
  const auto held = take("ann");
  const auto applied = apply_under(held->token(), platform_with({"alpha"}));

  ASSERT_THAT(lock().steal("ann", "ben"), IsOk());
  machine.sim.advance(10s);

  EXPECT_TRUE(applied->is_finished);
  EXPECT_EQ(applied->outcome.done, 0U);
  EXPECT_THAT(applied->outcome.remedy, HasSubstr("the lock was stolen by ben"));
  EXPECT_TRUE(daemon().daemon->recorded().snapshot().tenants.empty());
}

TEST_F(LockSim, AnApplyThatIsRobbedWhileItFreesWhomARolloutHeldBackBeginsNone) {
  const DesiredState held = platform_with({"alpha", "beta"});
  ReconcileLoop::ApplyRequest request{held, std::nullopt, "test"};
  request.rollout = RolloutSpec{.batch = 1, .pause = 600s};
  ASSERT_THAT(daemon().daemon->loop().apply(std::move(request),
                                            {[](const Plan&) {}, [](const api::StepProgress&) {},
                                             [](const api::ApplyOutcome&) {}}),
              IsOk());
  machine.sim.advance(60s);
  daemon().daemon->loop().cut_short(Error(ErrorCode::kCancelled, "enough"));
  machine.sim.advance(10s);
  ASSERT_EQ(daemon().daemon->loop().rollout().held().size(), 1U);
  const auto ann = take("ann");
  machine.registry->on_note = [this](const std::string& name) {
    if (name == RolloutDriver::kNote) {
      EXPECT_THAT(lock().steal("ann", "ben"), IsOk());
      machine.registry->on_note = nullptr;
    }
    return ok_status();
  };

  const auto applied = apply_under(ann->token(), held);
  machine.sim.advance(60s);

  ASSERT_TRUE(applied->is_finished);
  EXPECT_THAT(applied->outcome.remedy, HasSubstr("the lock was stolen by ben"));
  EXPECT_EQ(daemon().daemon->recorded().snapshot().tenants.size(), 1U);
  const auto ben = take("ben");
  const auto next = apply_under(ben->token(), held);
  machine.sim.advance(60s);
  EXPECT_EQ(next->outcome.failed + next->outcome.skipped, 0U);
  expect_converged(held);
}

TEST_F(LockSim, WhatRunsUnderItCanAskWhetherItMayGoOn) {
  const auto held = take("ann");
  ASSERT_THAT(lock().begin_run(held->token(), {}), IsOk());
  EXPECT_THAT(lock().check_run(held->token()), IsOk());

  ASSERT_THAT(lock().steal("ann", "ben"), IsOk());

  const Status robbed = lock().check_run(held->token());
  ASSERT_THAT(robbed, FailsWith(ErrorCode::kFenced));
  EXPECT_THAT(robbed.error().text(), HasSubstr("because ben has stolen it"));
}

TEST_F(LockSim, OnlyTheHolderThatWasNamedIsRobbed) {
  take("ann");

  EXPECT_THAT(lock().steal("ben", "cat"), FailsWith(ErrorCode::kConflict));
  EXPECT_EQ(lock().held()->wish.holder, "ann");
}

TEST_F(LockSim, ADaemonThatDiesLeavesItToItsHolderForOneLifeAndNumbersGrow) {
  const auto before = take("ann");
  kill_daemon();
  start_daemon(5s);

  ASSERT_TRUE(lock().held());
  EXPECT_EQ(lock().held()->wish.holder, "ann");
  EXPECT_THAT(lock().renew(before->token()), IsOk());
  machine.sim.advance(kLockLife + 1s);
  EXPECT_FALSE(lock().held());
  const auto after = take("ben");
  ASSERT_TRUE(after->has());
  EXPECT_GT(after->token(), before->token());
}

TEST_F(LockSim, WhatWasBeingAppliedWhenTheDaemonDiedHoldsUpNobody) {
  const auto held = take("ann");
  start_slowly();
  apply_under(held->token(), platform_with({"alpha"}));
  machine.sim.advance(1s);
  kill_daemon();
  start_daemon();

  EXPECT_FALSE(lock().held());
  EXPECT_TRUE(take("ben")->has());
  expect_converged(platform_with({"alpha"}));
}

TEST_F(LockSim, OneThatCannotBeRecordedIsNotHeld) {
  machine.registry->failure = Error(ErrorCode::kResourceExhausted, "cannot write: disk is full");

  const auto taken = take("ann");

  ASSERT_TRUE(taken->answer);
  EXPECT_THAT(*taken->answer, FailsWith(ErrorCode::kResourceExhausted));
  machine.registry->failure.reset();
  EXPECT_FALSE(lock().held());
  EXPECT_TRUE(take("ben")->has());
}

TEST_F(LockSim, TheHourlyLookWaitsForIt) {
  apply(platform_with({"alpha"}));
  const auto held = take("ann");
  for (int i = 0; i < 400; ++i) {
    machine.sim.advance(10s);
    ASSERT_THAT(lock().renew(held->token()), IsOk());
    ASSERT_FALSE(daemon().daemon->loop().is_busy());
  }
}

TEST_F(LockSim, WhoeverAsksWithoutOneGetsOneForWhatIsCarriedOut) {
  const Result<FencingToken> run = lock().begin_run(std::nullopt, {"old client", "apply"});
  ASSERT_THAT(run, IsOk());
  EXPECT_TRUE(lock().held()->is_applying);
  EXPECT_THAT(lock().begin_run(std::nullopt, {"another", "apply"}),
              FailsWith(ErrorCode::kConflict));

  lock().end_run(*run);

  EXPECT_FALSE(lock().held());
}

}  // namespace
}  // namespace voicectl
