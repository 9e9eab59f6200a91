// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/effect_forecaster.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "provisioner/apply/executor.h"
#include "provisioner/apply/simulated_run.h"
#include "provisioner/plan/rollout.h"
#include "tests/support/plan/apply_model.h"
#include "tests/support/plan/plan_builders.h"
#include "tests/support/plan/plan_generator.h"
#include "tests/support/plan/schema_check.h"
#include "tests/support/random_seed.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

/// A settled platform of these tenants, and what its instances told of them.
class EffectForecasterTest : public ::testing::Test {
 protected:
  void settle(const DesiredState& desired) {
    snapshot = settled(desired);
    for (const auto& [name, tenant] : snapshot.tenants) {
      load.tenants[name] = {.sessions = 3, .websockets = 2, .cpu_milli = 40};
    }
    for (const auto& [name, instance] : snapshot.instances) {
      load.memory[name] = Bytes{20U << 20};
    }
  }
  /// Of what changes it to `desired`.
  EffectForecast forecast(const DesiredState& desired, const PlanInputs& inputs = plan_inputs()) {
    plan = plan_of(desired, snapshot, inputs);
    return forecast_effect(plan, ForecastInputs{.desired = desired,
                                                .snapshot = snapshot,
                                                .planner = inputs,
                                                .load = load,
                                                .times = times,
                                                .limit = limit,
                                                .linger = 2h,
                                                .now = kNoon,
                                                .moves_at_once = kActionsInFlight});
  }

  Snapshot snapshot;
  LiveLoad load;
  ActionTimes times;
  OrderLimit limit{"the authority"};
  Plan plan;
};

TEST_F(EffectForecasterTest, ATenantThatIsPromotedMovesWithItsSessions) {
  settle(a_desired_state({a_tenant("acme"), a_tenant("beta")}));
  times.note("lend_listener", {12ms, 3ms});

  const EffectForecast seen =
      forecast(a_desired_state({a_dedicated_tenant("acme"), a_tenant("beta")}));

  ASSERT_THAT(seen.tenants, SizeIs(1));
  EXPECT_EQ(seen.tenants[0].tenant, tenant_id("acme"));
  EXPECT_EQ(seen.tenants[0].fate, SessionFate::kMove);
  EXPECT_EQ(seen.tenants[0].to, instance_id("dedicated-acme"));
  EXPECT_EQ(seen.sessions.at(SessionFate::kMove), 3U);
  EXPECT_EQ(seen.sessions.at(SessionFate::kStay), 3U);
  EXPECT_EQ(seen.quantities.at(Quantity::kProcessesStarted), 1);
  EXPECT_EQ(seen.quantities.at(Quantity::kTenantsMoved), 1);
  EXPECT_EQ(seen.quantities.at(Quantity::kWebsocketsMoved), 2);
  EXPECT_EQ(seen.quantities.at(Quantity::kEdgeReloads), 0);
  EXPECT_EQ(seen.quantities.at(Quantity::kLongestPause), 3000);
  EXPECT_EQ(seen.pause.samples, 1U);
  EXPECT_EQ(seen.memory_before, Bytes{20U << 20});
  EXPECT_EQ(seen.memory_after, Bytes{40U << 20});
  EXPECT_EQ(seen.cpu_before, 80U);
  EXPECT_EQ(seen.cpu_after, 80U);
  EXPECT_EQ(seen.left, 0U);
  EXPECT_THAT(seen.irrevocable, IsEmpty());
  EXPECT_THAT(seen.assumed, AllOf(Contains("start_instance"), Not(Contains("lend_listener"))));
}

TEST_F(EffectForecasterTest, ATenantThatIsDeletedDropsItsSessionsForGood) {
  settle(a_desired_state({a_tenant("acme"), a_tenant("beta")}));

  const EffectForecast seen = forecast(a_desired_state({a_tenant("beta")}));

  ASSERT_THAT(seen.tenants, SizeIs(1));
  EXPECT_EQ(seen.tenants[0].fate, SessionFate::kDrop);
  EXPECT_EQ(seen.quantities.at(Quantity::kPortsReleased), 1);
  EXPECT_EQ(seen.sockets_released, 1U);
  EXPECT_EQ(seen.cpu_after, 40U);
  EXPECT_THAT(seen.irrevocable,
              AllOf(Contains(Field(&Irrevocable::why, HasSubstr("API keys"))),
                    Contains(Field(&Irrevocable::why, HasSubstr("sessions end"))),
                    Contains(Field(&Irrevocable::why, HasSubstr("ten minutes")))));
}

TEST_F(EffectForecasterTest, AProgramThatTakesNoConnectionsOverDropsWebSockets) {
  settle(a_desired_state({a_tenant("acme")}));
  snapshot.programs.known["program-1"] = {"program-1", "1.0", "layout-1", {}};
  snapshot.programs.known["program-2"] = {"program-2", "2.0", "layout-2", {}};
  PlanInputs inputs = plan_inputs();
  inputs.instance_fingerprint = "program-2";

  const EffectForecast seen = forecast(a_desired_state({a_dedicated_tenant("acme")}), inputs);

  ASSERT_THAT(seen.tenants, SizeIs(1));
  EXPECT_EQ(seen.tenants[0].fate, SessionFate::kDrop);
  EXPECT_EQ(seen.quantities.at(Quantity::kWebsocketsDropped), 2);
  EXPECT_EQ(seen.quantities.at(Quantity::kWebsocketsMoved), 0);
}

TEST_F(EffectForecasterTest, AReloadStrandsEveryWebSocketUntilTheDeadline) {
  const DesiredState desired = a_desired_state({a_tenant("acme"), a_tenant("beta")});
  settle(desired);
  load.tenants[tenant_id("beta")].websockets = 0;
  PlanInputs inputs = plan_inputs();
  inputs.edge_fingerprint = "edge-2";

  const EffectForecast seen = forecast(desired, inputs);

  EXPECT_EQ(seen.quantities.at(Quantity::kEdgeReloads), 1);
  EXPECT_EQ(seen.stranded, 2U);
  EXPECT_EQ(seen.sessions.at(SessionFate::kDrain), 3U);
  EXPECT_EQ(seen.sessions.at(SessionFate::kStay), 3U);
  EXPECT_THAT(seen.irrevocable, Contains(Field(&Irrevocable::subject, "edge")));
}

TEST_F(EffectForecasterTest, WhatWasNotSampledIsSaidToBeUnknown) {
  settle(a_desired_state({a_tenant("acme"), a_tenant("beta")}));
  load = LiveLoad{};

  const EffectForecast seen =
      forecast(a_desired_state({a_dedicated_tenant("acme"), a_tenant("beta")}));

  EXPECT_EQ(seen.unsampled, 2U);
  EXPECT_EQ(seen.memory_before, std::nullopt);
  EXPECT_EQ(seen.cpu_before, std::nullopt);
  EXPECT_FALSE(seen.quantities.contains(Quantity::kWebsocketsMoved));
  EXPECT_THAT(seen.unknown, AllOf(Contains(HasSubstr("live sessions of 2 tenants")),
                                  Contains(HasSubstr("memory"))));
}

TEST_F(EffectForecasterTest, AnAuthoritysLimitIsToldWithTheOrders) {
  limit = {"a public authority", 50, 168h};

  const EffectForecast seen = forecast(a_desired_state({a_tenant("acme")}));

  EXPECT_THAT(seen.orders, ElementsAre(HasSubstr("*.")));
  EXPECT_EQ(seen.quantities.at(Quantity::kCertificatesOrdered), 1);
  EXPECT_THAT(seen.irrevocable,
              Contains(Field(&Irrevocable::why, HasSubstr("a public authority"))));
}

TEST_F(EffectForecasterTest, WhatAShorterRetentionErasesCannotBeUndone) {
  settle(a_desired_state({a_tenant("acme"), a_tenant("beta")}));
  DesiredState desired = a_desired_state({a_tenant("acme"), a_tenant("beta")});
  desired.tenants[0].retention.event_days = 7;
  desired.tenants[1].retention.session_days += 1;

  const EffectForecast seen = forecast(desired);

  ASSERT_THAT(seen.irrevocable, SizeIs(1));
  EXPECT_EQ(seen.irrevocable[0].subject, "tenant/acme");
  EXPECT_EQ(seen.irrevocable[0].why, "events older than 7 days are erased");
}

TEST_F(EffectForecasterTest, HowLongHooksTakeIsNotKnown) {
  settle(a_desired_state({a_tenant("acme")}));
  DesiredState desired = a_desired_state({a_tenant("acme"), a_tenant("beta")});
  desired.platform.hooks.before_apply = {{{"/bin/true"}, 30s}, {{"/bin/true"}, 45s}};
  desired.platform.hooks.after_apply = {{{"/bin/true"}, 10s}};

  EXPECT_THAT(forecast(desired).unknown,
              AllOf(Contains(HasSubstr("2 hooks before it take: at most 1m15s")),
                    Contains(HasSubstr("1 hook after it takes: at most 10s"))));
}

TEST_F(EffectForecasterTest, BatchesTakeTheirPausesToo) {
  settle(a_desired_state({a_tenant("acme")}));
  const EffectForecast side_by_side =
      forecast(a_desired_state({a_tenant("acme"), a_tenant("beta"), a_tenant("gamma")}));

  const EffectForecast seen = rolled_out(side_by_side, 3, RolloutSpec{.batch = 1, .pause = 60s});

  EXPECT_EQ(seen.duration.typical, side_by_side.duration.typical + 2min);
  EXPECT_EQ(seen.duration.at_most, side_by_side.duration.at_most + 2min);
  EXPECT_EQ(seen.quantities.at(Quantity::kDuration), microseconds_of(seen.duration.typical));
  EXPECT_THAT(seen.unknown, Contains(HasSubstr("3 batches")));
  EXPECT_EQ(rolled_out(side_by_side, 1, RolloutSpec{.pause = 60s}).duration.typical,
            side_by_side.duration.typical);
}

TEST_F(EffectForecasterTest, AStrayThatIsEndedIsCounted) {
  settle(a_desired_state({a_tenant("acme")}));
  const DesiredState desired = a_desired_state({a_tenant("acme")});
  Plan ending;
  ending.steps.push_back(Step{0, EndProcess{4242, 17}, "it belongs to nobody", {}, "stray"});

  const EffectForecast seen = forecast_effect(ending, ForecastInputs{.desired = desired,
                                                                     .snapshot = snapshot,
                                                                     .planner = plan_inputs(),
                                                                     .load = load,
                                                                     .times = times,
                                                                     .now = kNoon});

  EXPECT_EQ(seen.strays_ended, 1U);
  EXPECT_THAT(seen.processes, IsEmpty());
}

TEST_F(EffectForecasterTest, AnInstanceThatTakesTheTenantsOfOneThatStopsReplacesIt) {
  const DesiredState desired = a_desired_state({a_tenant("acme")});
  settle(desired);
  snapshot.instances.begin()->second.fate = InstanceFate::kRetired;

  const EffectForecast seen = forecast(desired);

  EXPECT_EQ(seen.quantities.at(Quantity::kProcessesStarted), 1);
  EXPECT_EQ(seen.quantities.at(Quantity::kProcessesStopped), 1);
  EXPECT_THAT(seen.processes,
              Contains(Field(&ProcessForecast::replaces, snapshot.instances.begin()->first)));
  EXPECT_GT(seen.memory_peak, seen.memory_after);
}

TEST_F(EffectForecasterTest, StepsThatGoSideBySideTakeAsLongAsTheExecutorNeeds) {
  std::vector<TenantSpec> many;
  for (std::size_t i = 0; i < 2 * kActionsInFlight; ++i) {
    many.push_back(a_tenant("tenant-" + std::to_string(i)));
  }
  const Plan made = plan_of(a_desired_state(many), Snapshot{});
  const auto only_creations = [](const Action& action) {
    return std::holds_alternative<CreateTenant>(action) ? Duration(1s) : Duration(0);
  };

  const SimulatedRun run = simulate_run(made, Snapshot{}, kNoon, only_creations, 1);

  EXPECT_EQ(std::chrono::round<std::chrono::seconds>(run.took), 2s);
  EXPECT_THAT(run.after.tenants, SizeIs(many.size()));
}

TEST_F(EffectForecasterTest, MovesOneByOneTakeLonger) {
  settle(a_desired_state({a_tenant("acme"), a_tenant("beta")}));
  snapshot.instances.begin()->second.fate = InstanceFate::kRetired;
  plan = plan_of(a_desired_state({a_tenant("acme"), a_tenant("beta")}), snapshot);
  const auto moves = [](const Action& action) {
    return std::holds_alternative<LendListener>(action) ? Duration(1s) : Duration(0);
  };

  EXPECT_LT(simulate_run(plan, snapshot, kNoon, moves, 2).took, 1500ms);
  EXPECT_GT(simulate_run(plan, snapshot, kNoon, moves, 1).took, 1900ms);
}

TEST_F(EffectForecasterTest, IsOfItsSchemaForEveryPlanAndNeverRunsOutOfWorld) {
  SeededRandom random = make_test_random();
  PlanGenerator generator(random);
  for (int turn = 0; turn < 40; ++turn) {
    const DesiredState desired = generator.desired_state();
    const PlanInputs inputs = generator.inputs(desired);
    const EffectForecast seen = forecast(desired, inputs);
    Snapshot applied = snapshot;
    apply_plan(applied, plan, kNoon);

    SchemaCheck check("plan.schema.json");
    check.check(*parse_json(render_plan_json(plan, seen), JsonBudget{.bytes = 16U << 20}));
    ASSERT_THAT(check.problems, IsEmpty());
    // Side by side or one after the other: the effect is the same.
    for (const auto& [quantity, number] : changes_between(marks_of(snapshot), marks_of(applied))) {
      ASSERT_THAT(seen.quantities, Contains(Pair(quantity, number))) << name_of(quantity);
    }
    ASSERT_EQ(*seen.left, plan_of(desired, applied, inputs).steps.size());
    apply_steps(snapshot, plan, generator.some_steps(plan), kNoon);
    generator.disturb(snapshot);
  }
}

TEST(ActionTimesTest, AreAssumedUntilOneWasMeasured) {
  ActionTimes times;
  EXPECT_EQ(times.of("start_instance").samples, 0U);
  EXPECT_GT(times.of("start_instance").typical, times.of("create_tenant").typical);

  times.note("start_instance", {70ms, std::nullopt});

  EXPECT_EQ(times.of("start_instance").typical, 70ms);
  EXPECT_EQ(times.of("start_instance").samples, 1U);
  EXPECT_EQ(times.pause().samples, 0U);
}

TEST(ActionTimesTest, AreTheMiddleAndTheNinetiethOfTheNewest) {
  ActionTimes times;
  for (int i = 0; i < 10; ++i) {
    times.note("stop_instance", {9s, std::nullopt});
  }
  for (std::size_t i = 1; i <= kKeptTimes; ++i) {
    times.note("stop_instance", {std::chrono::milliseconds(i), std::nullopt});
  }

  EXPECT_EQ(times.of("stop_instance").typical, 32ms);
  EXPECT_EQ(times.of("stop_instance").at_most, 58ms);
  EXPECT_EQ(times.of("stop_instance").samples, kKeptTimes);
}

TEST(ActionTimesTest, BeginWithWhatTheJournalKnows) {
  std::vector<TimedAction> newest_first;
  for (int i = 0; i < 200; ++i) {
    newest_first.push_back({"publish_edge", {i < 64 ? 1ms : 1h, std::nullopt}});
  }
  newest_first.push_back({"lend_listener", {20ms, 2ms}});

  const ActionTimes times(newest_first);

  EXPECT_EQ(times.of("publish_edge").at_most, 1ms);
  EXPECT_EQ(times.pause().typical, 2ms);
}

TEST(QuantitiesTest, AreTheSameAfterATrip) {
  const Quantities numbers = {{Quantity::kTenantsMoved, 3}, {Quantity::kDuration, 1'500'000}};

  EXPECT_EQ(parse_quantities(render_quantities(numbers)), numbers);
  EXPECT_THAT(parse_quantities("[1]"), IsEmpty());
  EXPECT_THAT(parse_quantities(R"({"tenants_moved":"x","else":1})"), IsEmpty());
}

}  // namespace
}  // namespace voicectl
