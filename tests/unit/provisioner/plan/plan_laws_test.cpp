// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/support/matchers.h"
#include "tests/support/plan/apply_model.h"
#include "tests/support/plan/plan_builders.h"
#include "tests/support/plan/plan_generator.h"
#include "tests/support/plan/plan_laws.h"
#include "tests/support/random_seed.h"

namespace voicectl {
namespace {

using ::testing::IsEmpty;

constexpr int kWorlds = 15;
constexpr int kTurns = 8;

/// A world that has gone through wishes, partial plans and mishaps.
class PlanLawsTest : public ::testing::Test {
 protected:
  /// Runs `check` on many plans, each made on a world that earlier turns have left behind.
  template <typename Check>
  void on_many_plans(const Check& check) {
    SeededRandom random = make_test_random();
    PlanGenerator generator(random);
    for (int world = 0; world < kWorlds; ++world) {
      Snapshot snapshot;
      WallTime now = kNoon;
      for (int turn = 0; turn < kTurns; ++turn) {
        const DesiredState desired = generator.desired_state();
        const PlanInputs inputs = generator.inputs(desired);
        const Result<Plan> plan = make_plan(desired, snapshot, inputs, now);
        ASSERT_THAT(plan, IsOk()) << "world " << world << " turn " << turn;
        check(desired, inputs, snapshot, *plan, now);
        if (HasFailure()) {
          FAIL() << "world " << world << " turn " << turn;
        }
        apply_steps(snapshot, *plan, generator.some_steps(*plan), now);
        generator.disturb(snapshot);
        now += std::chrono::minutes(random.below(8));
      }
    }
  }
};

std::vector<std::string> what_is_left(const DesiredState& desired,
                                      const PlanInputs& inputs,
                                      const Snapshot& snapshot,
                                      WallTime now) {
  const Result<Plan> plan = make_plan(desired, snapshot, inputs, now);
  return plan.has_value() ? texts(*plan) : std::vector<std::string>{plan.error().text()};
}

/// An instance that restarts by itself is waited for, not planned for.
void finish_restarts(Snapshot& snapshot) {
  for (ObservedInstance& instance : snapshot.observed.instances) {
    instance.ready = !instance.failed;
  }
}

TEST_F(PlanLawsTest, AnAppliedPlanLeavesAnEmptyPlan) {
  on_many_plans([](const DesiredState& desired, const PlanInputs& inputs, Snapshot world,
                   const Plan& plan, WallTime now) {
    apply_plan(world, plan, now);

    EXPECT_THAT(what_is_left(desired, inputs, world, now), IsEmpty());
  });
}

TEST_F(PlanLawsTest, APartlyAppliedPlanIsFinishedByTheNext) {
  SeededRandom random = make_test_random(1);
  PlanGenerator generator(random);
  on_many_plans([&](const DesiredState& desired, const PlanInputs& inputs, Snapshot world,
                    const Plan& plan, WallTime now) {
    apply_steps(world, plan, generator.some_steps(plan), now);
    finish_restarts(world);
    const Result<Plan> rest = make_plan(desired, world, inputs, now);
    ASSERT_THAT(rest, IsOk());
    apply_plan(world, *rest, now);

    EXPECT_THAT(what_is_left(desired, inputs, world, now), IsEmpty());
  });
}

TEST_F(PlanLawsTest, TheOrderFollowsFromTheNeeds) {
  on_many_plans([](const DesiredState&, const PlanInputs&, const Snapshot& world, const Plan& plan,
                   WallTime) { EXPECT_THAT(broken_orders(plan, world), IsEmpty()); });
}

TEST_F(PlanLawsTest, APortNeverHasTwoHolders) {
  on_many_plans(
      [](const DesiredState&, const PlanInputs&, Snapshot world, const Plan& plan, WallTime now) {
        EXPECT_THAT(hasty_leases(world, plan, now), IsEmpty());
        for (const Step& step : plan.steps) {
          apply_action(world, step.action, now);
          ASSERT_THAT(shared_ports(world), IsEmpty()) << describe(step.action);
        }
      });
}

TEST_F(PlanLawsTest, ATenantIsNeverWhereNothingRunsAndAHostNeverLeadsToTwo) {
  on_many_plans(
      [](const DesiredState&, const PlanInputs&, Snapshot world, const Plan& plan, WallTime now) {
        for (const Step& step : plan.steps) {
          apply_action(world, step.action, now);
          ASSERT_THAT(misplaced_tenants(world), IsEmpty()) << describe(step.action);
        }
      });
}

TEST_F(PlanLawsTest, TheSameInputsGiveTheSameBytes) {
  on_many_plans([](const DesiredState& desired, const PlanInputs& inputs, const Snapshot& world,
                   const Plan& plan, WallTime now) {
    const Snapshot copy = world;

    EXPECT_EQ(render_plan_json(*make_plan(desired, copy, inputs, now)), render_plan_json(plan));
  });
}

TEST_F(PlanLawsTest, EveryActionComesBackFromTheJournal) {
  on_many_plans(
      [](const DesiredState&, const PlanInputs&, const Snapshot&, const Plan& plan, WallTime) {
        for (const Step& step : plan.steps) {
          const std::string text = render_action(step.action);
          const Result<Action> back = parse_action(text);
          ASSERT_THAT(back, IsOk()) << text;
          EXPECT_EQ(render_action(*back), text);
        }
      });
}

}  // namespace
}  // namespace voicectl
