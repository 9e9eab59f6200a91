// SPDX-License-Identifier: Apache-2.0
// The monitor evens out the pool and keeps instances waiting, and the daemon dies meanwhile.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/provisioner/daemon/monitor_world.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(MonitorSim, EvensOutThePoolAfterADwellAndAtItsPace) {
  const std::vector<std::string> names = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta"};
  DesiredState desired = a_platform(names);
  desired.platform.pool_size = 2;
  desired.platform.monitor.balance = {.spread = {300}, .dwell = 120s};
  apply(desired);
  const std::vector<std::string> busy = tenants_on("shared-0");
  ASSERT_EQ(busy.size(), 3U);
  for (const std::string& tenant : names) {
    use_processor(tenant, is_on("shared-0", tenant) ? 250 : 10);
  }

  machine.sim.advance(120s);
  EXPECT_EQ(told("monitor.rebalances"), 0U) << "shorter than the dwell";
  machine.sim.advance(60s);

  EXPECT_EQ(told("monitor.rebalances"), 1U) << "the second one would only trade places";
  EXPECT_EQ(tenants_on("shared-0").size(), 2U);
  EXPECT_EQ(told("tenant.handed_over"), 1U);
  machine.sim.advance(3600s);
  EXPECT_EQ(told("monitor.rebalances"), 1U);
  EXPECT_TRUE(plan(desired).empty()) << "it stays where it was put";
}

TEST_F(MonitorSim, NobodyIsMovedOntoAnotherProgramToEvenOutThePool) {
  a_crowded_pool();
  Programs programs = daemon().daemon->recorded().snapshot().programs;
  programs.upgrade.emplace();
  programs.upgrade->target = programs.upgrade->from = programs.current;
  EXPECT_THAT(
      daemon().daemon->loop().run_single(SetPrograms{programs, {}}, "a test", [](const Status&) {}),
      IsOk());

  machine.sim.advance(600s);
  EXPECT_EQ(told("monitor.rebalances"), 0U);

  programs.upgrade.reset();
  EXPECT_THAT(
      daemon().daemon->loop().run_single(SetPrograms{programs, {}}, "a test", [](const Status&) {}),
      IsOk());
  machine.sim.advance(60s);
  EXPECT_EQ(told("monitor.rebalances"), 1U);
}

TEST_F(MonitorSim, OnlyTellsOfARebalanceWhenItObserves) {
  DesiredState desired = a_platform({"alpha", "beta", "gamma"}, PromotionMode::kObserve);
  desired.platform.pool_size = 2;
  apply(desired);
  for (const std::string& tenant : tenants_on("shared-0")) {
    use_processor(tenant, 400);
  }

  machine.sim.advance(1200s);

  EXPECT_EQ(told("monitor.would_rebalance"), 1U);
  EXPECT_EQ(told("tenant.handed_over"), 0U);
}

TEST_F(MonitorSim, ANewTenantGoesToTheLeastLoadedInstance) {
  DesiredState desired = a_platform({"alpha", "beta", "gamma"});
  desired.platform.pool_size = 2;
  apply(desired);
  // shared-0 has two tenants, shared-1 one, and that one works.
  ASSERT_EQ(tenants_on("shared-0").size(), 2U);
  for (const char* const tenant : {"alpha", "beta", "gamma"}) {
    use_processor(tenant, is_on("shared-1", tenant) ? 400 : 20);
  }
  machine.sim.advance(400s);

  const DesiredState more = with_one_more(desired, "omega");
  const Plan shown = plan(more);
  machine.sim.advance(60s);
  EXPECT_EQ(plan(more).id, shown.id) << "the same load, the same plan";
  apply(more);

  EXPECT_THAT(holders("omega"), ElementsAre("shared-0"));
}

TEST_F(MonitorSim, APromotionTakesTheInstanceThatWaitsAndTheNextOneIsStarted) {
  DesiredState desired = a_platform();
  desired.platform.monitor.spare = 1;
  apply(desired);
  ASSERT_TRUE(machine.instances.is_running("spare-0"));
  machine.instances.script("spare-1", {.ready_after = 10s});
  set_sessions("alpha", 25);

  machine.sim.advance(85s);

  EXPECT_THAT(holders("alpha"), ElementsAre("spare-0")) << "whatever the next one takes to start";
  machine.sim.advance(30s);
  EXPECT_TRUE(machine.instances.is_running("spare-1"));
  EXPECT_FALSE(machine.instances.is_running("dedicated-alpha"));
  expect_converged(desired);

  std::optional<InstanceFate> fate;
  machine.instances.on_request =
      [&](const std::string& name,
          const control::Message& question) -> std::optional<Result<std::string>> {
    if (name == "spare-0" && question.type == control::request::kStop) {
      fate = daemon().daemon->recorded().find_instance(*InstanceId::parse(name))->fate;
    }
    return std::nullopt;
  };
  set_sessions("alpha", 0);
  machine.sim.advance(600s);
  EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
  EXPECT_EQ(fate, InstanceFate::kRetired) << "also if it could not be stopped";
  EXPECT_FALSE(machine.instances.is_running("spare-0")) << "it has served somebody";
  EXPECT_TRUE(machine.instances.is_running("spare-1"));
  expect_converged(desired);
}

TEST_F(MonitorSim, AnInstanceThatWaitsAndDiesIsStartedAgain) {
  DesiredState desired = a_platform();
  desired.platform.monitor.spare = 1;
  apply(desired);

  machine.instances.crash("spare-0");
  machine.sim.advance(60s);

  EXPECT_TRUE(machine.instances.is_running("spare-0"));
  desired.platform.monitor.spare = 0;
  apply(desired);
  EXPECT_FALSE(machine.instances.is_running("spare-0"));
}

TEST_F(MonitorSim, ADaemonThatDiesAnywhereWhileTheOneThatWaitsIsTakenLeavesOneOwner) {
  DesiredState desired = a_platform();
  desired.platform.monitor.spare = 1;
  apply(desired);

  die_anywhere_in_a_promotion(desired, HasSubstr("spare-"));
}

TEST_F(MonitorSim, WhoeverWasServedIsNotFollowedByAnotherWhereverTheDaemonDies) {
  DesiredState desired = a_platform();
  desired.platform.monitor.spare = 1;
  apply(desired);
  std::size_t points = 0;
  for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
    for (std::size_t n = 1;; ++n) {
      SCOPED_TRACE(fmt::format("killed at call {}", n));
      set_sessions("alpha", 25);
      machine.sim.advance(130s);
      ASSERT_THAT(holders("alpha"), ElementsAre(HasSubstr("spare-")));
      const std::optional<ProcessIdentity> served =
          machine.instances.identity(holders("alpha").front());
      set_sessions("alpha", 0);
      machine.sim.advance(290s);
      daemon().plan.kill_at(daemon().plan.calls() + n, point);
      bool died = false;
      try {
        machine.sim.advance(60s);
      } catch (const DaemonKilled&) {
        died = true;
      }
      restart_daemon();
      set_sessions("beta", 25);
      machine.sim.advance(600s);

      EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
      ASSERT_THAT(holders("beta"), ElementsAre(HasSubstr("spare-")));
      EXPECT_NE(machine.instances.identity(holders("beta").front()), served);
      expect_converged(desired);
      set_sessions("beta", 0);
      machine.sim.advance(700s);
      EXPECT_THAT(holders("beta"), ElementsAre(HasSubstr("shared-")));
      if (!died || HasFailure()) {
        break;
      }
      ++points;
    }
  }
  EXPECT_GT(points, 10U);
}

TEST_F(MonitorSim, ADaemonThatDiesAnywhereInARebalanceLeavesOneOwner) {
  DesiredState desired = a_platform({"alpha", "beta", "gamma"});
  desired.platform.pool_size = 2;
  desired.platform.monitor.balance = {.spread = {300}, .dwell = 60s};
  desired.platform.monitor.cooldown = 0s;
  desired.platform.monitor.moves_per_minute = 60;
  apply(desired);
  std::size_t points = 0;
  for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
    for (std::size_t n = 1;; ++n) {
      SCOPED_TRACE(fmt::format("killed at call {}", n));
      const std::string crowded = tenants_on("shared-0").size() == 2 ? "shared-0" : "shared-1";
      for (const char* const tenant : {"alpha", "beta", "gamma"}) {
        use_processor(tenant, is_on(crowded, tenant) ? 250 : 10);
      }
      machine.sim.advance(55s);
      daemon().plan.kill_at(daemon().plan.calls() + n, point);
      bool died = false;
      try {
        machine.sim.advance(60s);
      } catch (const DaemonKilled&) {
        died = true;
      }
      restart_daemon();
      machine.sim.advance(300s);
      for (const char* tenant : {"alpha", "beta", "gamma"}) {
        EXPECT_EQ(holders(tenant).size(), 1U);
      }
      EXPECT_EQ(tenants_on(crowded).size(), 1U);
      expect_converged(desired);
      if (!died || HasFailure()) {
        break;
      }
      ++points;
    }
  }
  EXPECT_GT(points, 0U);
}

}  // namespace
}  // namespace voicectl
