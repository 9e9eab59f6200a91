// SPDX-License-Identifier: Apache-2.0
// Tenants are moved within the pool, and the daemon dies at every call of it.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "provisioner/plan/pool_moves.h"
#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;

class MoveSim : public DaemonWorld {
 protected:
  std::vector<std::string> holders(const std::string& tenant) {
    return machine.instances.holders(*TenantId::parse(tenant));
  }
  std::string other_than(const std::string& instance) {
    return instance == "shared-0" ? "shared-1" : "shared-0";
  }
  api::ApplyOutcome carry_out(const std::vector<PoolMove>& moves) {
    auto outcome = std::make_shared<api::ApplyOutcome>();
    const Status begun = daemon().daemon->loop().carry_out(
        *plan_moves(daemon().daemon->loop().snapshot(), moves),
        {[](const Plan&) {}, [](const api::StepProgress&) {},
         [outcome](const api::ApplyOutcome& ended) { *outcome = ended; }});
    EXPECT_THAT(begun, IsOk());
    machine.sim.advance(120s);
    return *outcome;
  }
  PoolMove move(const std::string& tenant, const std::string& to) {
    const auto chosen = choose_move(daemon().daemon->loop().snapshot(), *TenantId::parse(tenant),
                                    *InstanceId::parse(to));
    EXPECT_THAT(chosen, IsOk());
    return **chosen;
  }
};

TEST_F(MoveSim, AMovedTenantIsHandedOverAndStaysAtTheNextApply) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);
  const std::string target = other_than(holders("alpha").front());

  EXPECT_EQ(carry_out({move("alpha", target)}).done, 1U);

  EXPECT_THAT(holders("alpha"), ElementsAre(target));
  EXPECT_THAT(machine.log_lines, ::testing::Contains(::testing::HasSubstr("tenant.handed_over")));
  apply(desired);
  kill_daemon();
  start_daemon();
  EXPECT_THAT(holders("alpha"), ElementsAre(target));
  expect_converged(desired);
}

TEST_F(MoveSim, WhoeverFollowsAMoveHearsHowFarItIsAndWhatCameOfIt) {
  apply(platform_with({"alpha", "beta"}));
  const std::string target = other_than(holders("alpha").front());
  std::vector<api::StepProgress> told;
  const Status begun = daemon().daemon->loop().carry_out(
      *plan_moves(daemon().daemon->loop().snapshot(), {move("alpha", target)}),
      {[](const Plan&) {},
       [&told](const api::StepProgress& progress) {
         if (progress.move) {
           told.push_back(progress);
         }
       },
       [](const api::ApplyOutcome&) {}});
  ASSERT_THAT(begun, IsOk());
  machine.sim.advance(120s);

  std::vector<std::string> phases;
  for (const api::StepProgress& progress : told) {
    EXPECT_EQ(progress.subject, "tenant/alpha");
    phases.push_back(progress.move->phase);
  }
  EXPECT_THAT(phases, ElementsAre("offering", "copying", "quiescing", "releasing", "opening",
                                  "catching up", "moved", "moved"));
  EXPECT_EQ(told[1].move->connections, 10U);
  EXPECT_EQ(told[1].move->percent, 45);
  EXPECT_EQ(told.back().state, api::StepState::kDone);
  EXPECT_EQ(told.back().move->percent, 100);
}

/// What a daemon finds out when it starts is so, also if it cannot write it down.
TEST_F(MoveSim, AMoveThatTheNextDaemonCannotRecordAtOnceLeavesOneOwner) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);
  const std::string home = holders("alpha").front();
  const std::string target = other_than(home);
  machine.instances.on_hand_over_step = [this](FakeInstances::HandOverStep step, const std::string&,
                                               const std::string&) {
    if (step == FakeInstances::HandOverStep::kTold) {
      machine.instances.on_hand_over_step = nullptr;
      kill_daemon();
    }
  };
  ASSERT_THAT(
      daemon().daemon->loop().carry_out(
          *plan_moves(daemon().daemon->loop().snapshot(), {move("alpha", target)}),
          {[](const Plan&) {}, [](const api::StepProgress&) {}, [](const api::ApplyOutcome&) {}}),
      IsOk());
  machine.sim.advance(1s);
  ASSERT_THAT(holders("alpha"), ElementsAre(target));

  lose_close(1);
  start_daemon();

  EXPECT_THAT(machine.log_lines, ::testing::Contains(::testing::HasSubstr("not_recorded")));
  EXPECT_THAT(holders("alpha"), ElementsAre(target));
  apply(desired);
  EXPECT_THAT(holders("alpha"), ElementsAre(target));
  expect_all_recorded();
  expect_converged(desired);
  kill_daemon();
  start_daemon();
  EXPECT_THAT(holders("alpha"), ElementsAre(target));
}

TEST_F(MoveSim, ARestartThatCouldNotBeRecordedYetIsCarriedOut) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);
  const std::string home = holders("alpha").front();
  Status noted = Error();
  lose_close(1);

  ASSERT_THAT(daemon().daemon->loop().run_single(RetireInstance{*InstanceId::parse(home)}, "asked",
                                                 [&noted](const Status& done) { noted = done; }),
              IsOk());
  machine.sim.advance(1s);

  EXPECT_THAT(noted, IsOk()) << "whoever asked goes on with it";
  EXPECT_TRUE(daemon().daemon->loop().has_unrecorded());
  EXPECT_EQ(apply(desired).outcome.failed, 0U);
  EXPECT_NE(holders("alpha").front(), home);
  expect_all_recorded();
  expect_converged(desired);
}

TEST_F(MoveSim, TenantsOfARetiredInstanceMoveOneByOneIfAskedTo) {
  DesiredState desired = platform_with({"alpha", "beta", "gamma", "delta"});
  desired.platform.pool_size = 1;
  apply(desired);
  std::size_t under_way = 0;
  std::size_t most = 0;
  std::size_t moved = 0;
  machine.instances.on_hand_over_step = [&](FakeInstances::HandOverStep step, const std::string&,
                                            const std::string&) {
    if (step == FakeInstances::HandOverStep::kOffered) {
      most = std::max(most, ++under_way);
    } else if (step == FakeInstances::HandOverStep::kTold) {
      --under_way;
      ++moved;
    }
  };
  const auto restart = [&](std::size_t moves_at_once) {
    const std::string home = holders("alpha").front();
    Status noted = Error();
    ASSERT_THAT(
        daemon().daemon->loop().run_single(RetireInstance{*InstanceId::parse(home)}, "asked",
                                           [&noted](const Status& done) { noted = done; }),
        IsOk());
    machine.sim.advance(1s);
    ASSERT_THAT(noted, IsOk());
    ReconcileLoop::ApplyRequest request{desired, std::nullopt, "ann"};
    request.moves_at_once = moves_at_once;
    ASSERT_THAT(daemon().daemon->loop().apply(std::move(request),
                                              {[](const Plan&) {}, [](const api::StepProgress&) {},
                                               [](const api::ApplyOutcome&) {}}),
                IsOk());
    machine.sim.advance(120s);
    EXPECT_NE(holders("alpha").front(), home);
    EXPECT_FALSE(machine.instances.is_running(home));
  };

  restart(1);
  EXPECT_EQ(moved, 4U);
  EXPECT_EQ(most, 1U);
  restart(kActionsInFlight);
  EXPECT_EQ(moved, 8U);
  EXPECT_EQ(most, 4U);
}

TEST_F(MoveSim, WhatReplacingAnInstanceDoesIsToldBeforeAnythingIsRecorded) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);
  const InstanceId home = *InstanceId::parse(holders("alpha").front());
  const Generation before = daemon().daemon->recorded().snapshot().generation;

  const auto preview = daemon().daemon->loop().preview_of_replacing(home, 1);

  ASSERT_THAT(preview, IsOk());
  EXPECT_EQ(daemon().daemon->recorded().snapshot().generation, before);
  EXPECT_FALSE(daemon().daemon->loop().has_unrecorded());
  ASSERT_THAT(
      daemon().daemon->loop().run_single(RetireInstance{home}, "asked", [](const Status&) {}),
      IsOk());
  machine.sim.advance(1s);
  std::vector<std::string> told;
  for (const ::voicectl::Step& step : preview->plan.steps) {
    told.push_back(describe(step.action));
  }
  std::vector<std::string> planned;
  const Plan again = *daemon().daemon->loop().plan(desired);
  for (const ::voicectl::Step& step : again.steps) {
    planned.push_back(describe(step.action));
  }
  EXPECT_EQ(told, planned);
  EXPECT_EQ(preview->forecast.quantities.at(Quantity::kProcessesStarted), 1);
  EXPECT_EQ(preview->forecast.quantities.at(Quantity::kProcessesStopped), 1);
  EXPECT_EQ(preview->forecast.left, 0U);
}

TEST_F(MoveSim, AMoveOfAnEarlierGenerationIsRefused) {
  apply(platform_with({"alpha"}));
  const std::string target = other_than(holders("alpha").front());
  const Plan plan = *plan_moves(daemon().daemon->loop().snapshot(), {move("alpha", target)});
  apply(platform_with({"alpha", "beta"}));

  EXPECT_THAT(daemon().daemon->loop().carry_out(plan, {}), FailsWith(ErrorCode::kConflict));
}

class PoolMoveCrashPoints : public MoveSim {
 protected:
  PoolMoveCrashPoints() { count_transactions(); }
};

TEST_F(PoolMoveCrashPoints, LeaveOneOwnerWhereverTheDaemonDies) {
  const DesiredState desired = platform_with({"alpha", "beta", "gamma"});
  apply(desired);
  std::size_t points = 0;
  for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
    for (std::size_t n = 1;; ++n) {
      SCOPED_TRACE(fmt::format("killed {} call {}",
                               point == KillPoint::kBeforeEffect ? "before" : "after", n));
      const PoolMove planned = move("alpha", other_than(holders("alpha").front()));
      daemon().plan.kill_at(daemon().plan.calls() + n, point);
      bool died = false;
      try {
        carry_out({planned});
      } catch (const DaemonKilled&) {
        died = true;
      }
      EXPECT_EQ(holders("alpha").size(), 1U);
      kill_daemon();
      start_daemon();
      expect_converged(desired);
      if (!died || HasFailure()) {
        break;
      }
      ++points;
    }
  }
  EXPECT_GT(points, 5U);
}

}  // namespace
}  // namespace voicectl
