// SPDX-License-Identifier: Apache-2.0
// What the daemon says that plans will do, and what it counts afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "provisioner/daemon/live_load.h"
#include "tests/sim/provisioner/daemon/daemon_world.h"
#include "tests/sim/provisioner/daemon/sim_watch.h"
#include "tests/support/prometheus_text.h"

namespace voicectl {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ForecastSim : public DaemonWorld {
 protected:
  ~ForecastSim() override { watch.reset(); }

  EffectForecast forecast(const DesiredState& desired) {
    const Result<EffectForecast> made = daemon().daemon->loop().forecast(plan(desired), desired);
    EXPECT_THAT(made, IsOk());
    return made.has_value() ? *made : EffectForecast{};
  }
  std::vector<ForecastRecord> kept() {
    return *daemon().registry->read_forecasts(std::numeric_limits<std::int64_t>::max(), 100);
  }
  /// Instances are asked for their load from now on.
  void watch_load() {
    watch = std::make_unique<SimWatch>(daemon());
    watch->watch.feed().start();
    machine.sim.advance(1s);
  }
  static DesiredState with_dedicated(DesiredState desired, std::size_t tenant) {
    desired.tenants[tenant].tier = Tier::kDedicated;
    return desired;
  }

  std::unique_ptr<SimWatch> watch;
};

TEST_F(ForecastSim, APromotionDoesWhatItsForecastSaid) {
  const DesiredState before = platform_with({"alpha", "beta"});
  apply(before);
  machine.instances.sessions[*TenantId::parse("alpha")] = 5;
  watch_load();
  const DesiredState desired = with_dedicated(before, 0);

  const EffectForecast seen = forecast(desired);
  const Applied applied = apply(desired);

  EXPECT_EQ(seen.sessions.at(SessionFate::kMove), 5U);
  EXPECT_EQ(seen.quantities.at(Quantity::kTenantsMoved), 1);
  EXPECT_EQ(seen.left, 0U);
  EXPECT_THAT(applied.outcome.compared, AllOf(Contains(api::Compared{"processes_started", 1, 1}),
                                              Contains(api::Compared{"tenants_moved", 1, 1}),
                                              Contains(api::Compared{"ports_bound", 1, 1}),
                                              Contains(api::Compared{"edge_reloads", 0, 0})));
  watch.reset();
}

TEST_F(ForecastSim, AForecastChangesNothing) {
  const DesiredState before = platform_with({"alpha"});
  apply(before);
  const Snapshot seen = daemon().daemon->loop().snapshot();
  const std::size_t entries = machine.registry->journal.size();

  (void)forecast(platform_with({"beta"}));
  machine.sim.settle();

  EXPECT_EQ(daemon().daemon->loop().snapshot().generation, seen.generation);
  EXPECT_EQ(machine.registry->journal.size(), entries);
  expect_converged(before);
}

TEST_F(ForecastSim, EachPlanIsKeptBesideItsOutcomeAcrossARestart) {
  apply(platform_with({"alpha"}));
  apply(platform_with({"alpha", "beta"}));

  kill_daemon();
  start_daemon();

  ASSERT_THAT(kept(), SizeIs(2));
  EXPECT_EQ(kept()[0].revision, 2);
  EXPECT_TRUE(kept()[0].is_complete);
  EXPECT_EQ(parse_quantities(kept()[0].outcome).at(Quantity::kPortsBound), 1);
}

TEST_F(ForecastSim, WhatWasMeasuredIsExpectedNextTimeAlsoByTheNextDaemon) {
  apply(platform_with({"alpha"}));
  EXPECT_THAT(forecast(platform_with({"alpha", "beta"})).assumed, IsEmpty());

  kill_daemon();
  start_daemon();

  EXPECT_THAT(forecast(platform_with({"alpha", "beta"})).assumed, IsEmpty());
  EXPECT_THAT(forecast(platform_with({})).assumed, Contains("delete_tenant"));
}

TEST_F(ForecastSim, APlanThatFailsIsComparedAndNotJudged) {
  apply(platform_with({"alpha"}));
  refuse_to_take_tenants();

  const Applied applied = apply(platform_with({"alpha", "beta"}));

  EXPECT_GT(applied.outcome.failed, 0U);
  EXPECT_THAT(applied.outcome.compared, Not(IsEmpty()));
  EXPECT_FALSE(kept().front().is_complete);
  const std::string metrics = daemon().daemon->metrics();
  EXPECT_THAT(problems_of_metrics(metrics), IsEmpty());
  EXPECT_THAT(metrics, AllOf(HasSubstr("voicectl_forecasts_total{result=\"right\"} 1\n"),
                             HasSubstr("voicectl_forecasts_total{result=\"failed\"} 1\n")));
}

TEST_F(ForecastSim, AnInstanceThatComesBackByItselfIsNotStartedByThePlan) {
  const DesiredState before = platform_with({"alpha"});
  apply(before);
  machine.instances.script("dedicated-alpha", InstanceScript{.ready_after = 5s});
  machine.instances.crash("shared-1");
  machine.sim.settle();

  const Applied applied = apply(with_dedicated(before, 0));

  EXPECT_EQ(machine.instances.starts("shared-1"), 2);
  EXPECT_THAT(applied.outcome.compared, Contains(api::Compared{"processes_started", 1, 1}));
}

TEST_F(ForecastSim, AnInstanceThatDiesBeforeThePlanEndsWasStartedByIt) {
  const DesiredState before = platform_with({"alpha", "beta"});
  apply(before);
  machine.instances.script("dedicated-beta", InstanceScript{.ready_after = 5s});
  machine.sim.call_after(2s, [this] {
    machine.instances.script("dedicated-alpha", InstanceScript{.ready_after = 10s});
    machine.instances.crash("dedicated-alpha");
  });

  const Applied applied = apply(with_dedicated(with_dedicated(before, 0), 1));

  EXPECT_EQ(machine.instances.starts("dedicated-alpha"), 2);
  EXPECT_THAT(applied.outcome.compared, Contains(api::Compared{"processes_started", 2, 2}));
}

TEST_F(ForecastSim, ALookThatFindsNothingToDoIsNoForecast) {
  apply(platform_with({"alpha"}));
  apply(platform_with({"alpha"}));

  EXPECT_THAT(kept(), SizeIs(1));
}

}  // namespace
}  // namespace voicectl
