// SPDX-License-Identifier: Apache-2.0
// The monitor watches simulated load and moves tenants, and the daemon dies at every call of it.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/provisioner/daemon/daemon_world.h"
#include "tests/sim/provisioner/daemon/sim_watch.h"

namespace voicectl {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class MonitorSim : public DaemonWorld {
 protected:
  MonitorSim() { watch(); }
  ~MonitorSim() override { watch_.reset(); }

  static DesiredState a_platform(const std::vector<std::string>& tenants = {"alpha", "beta"},
                                 PromotionMode mode = PromotionMode::kOn) {
    DesiredState desired = platform_with(tenants);
    PromotionPolicy& policy = desired.platform.monitor;
    policy.mode = mode;
    policy.starter = {.high_sessions = 20, .low_sessions = 5, .high_dwell = 60s};
    policy.low_dwell = 300s;
    policy.cooldown = 120s;
    return desired;
  }

  void watch() {
    watch_ = std::make_unique<SimWatch>(daemon());
    watch_->feed.start();
  }
  void restart_daemon() {
    watch_.reset();
    kill_daemon();
    start_daemon();
    watch();
  }
  void set_sessions(const std::string& tenant, std::uint64_t count) {
    machine.instances.sessions[*TenantId::parse(tenant)] = count;
  }
  std::vector<std::string> holders(const std::string& tenant) {
    return machine.instances.holders(*TenantId::parse(tenant));
  }
  const RecordedTenant& recorded(const std::string& tenant) {
    return *daemon().daemon->recorded().find_tenant(*TenantId::parse(tenant));
  }
  std::size_t told(const std::string& event) {
    return static_cast<std::size_t>(
        std::count_if(machine.log_lines.begin(), machine.log_lines.end(),
                      [&](const std::string& line) { return line.find(event) != line.npos; }));
  }

 private:
  std::unique_ptr<SimWatch> watch_;
};

TEST_F(MonitorSim, ABusyTenantGetsItsOwnInstanceAndComesBackWhenItIsQuiet) {
  apply(a_platform());
  set_sessions("alpha", 25);

  machine.sim.advance(55s);
  EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
  machine.sim.advance(30s);

  EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));
  EXPECT_THAT(holders("beta"), ElementsAre(HasSubstr("shared-")));
  EXPECT_THAT(recorded("alpha").wish->reason, HasSubstr("25 live sessions"));
  EXPECT_EQ(told("tenant.handed_over"), 1U);

  set_sessions("alpha", 2);
  machine.sim.advance(290s);
  EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));
  machine.sim.advance(40s);

  EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
  EXPECT_FALSE(machine.instances.is_running("dedicated-alpha"));
  EXPECT_EQ(told("monitor.promotes"), 1U);
  EXPECT_EQ(told("monitor.demotes"), 1U);
}

TEST_F(MonitorSim, AnApplyLeavesAPromotedTenantWhereItIs) {
  const DesiredState desired = a_platform();
  apply(desired);
  set_sessions("alpha", 25);
  machine.sim.advance(90s);
  ASSERT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));

  EXPECT_TRUE(plan(desired).empty());
  restart_daemon();

  EXPECT_TRUE(plan(desired).empty());
  EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));
}

TEST_F(MonitorSim, ATierThatSaysWhereTheTenantRunsEndsTheWish) {
  DesiredState desired = a_platform();
  apply(desired);
  set_sessions("alpha", 25);
  machine.sim.advance(90s);

  set_sessions("alpha", 0);
  desired.tenants[0].tier = Tier::kPooled;
  apply(desired);
  EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
  EXPECT_FALSE(recorded("alpha").wish);

  desired.tenants[0].tier = Tier::kAuto;
  apply(desired);
  EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
}

TEST_F(MonitorSim, OnlyTellsWhenItObserves) {
  apply(a_platform({"alpha", "beta"}, PromotionMode::kObserve));
  set_sessions("alpha", 25);

  machine.sim.advance(300s);

  EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
  EXPECT_EQ(told("monitor.would_promote"), 1U);
  EXPECT_EQ(told("monitor.promotes"), 0U);
}

TEST_F(MonitorSim, SwitchedOffItMovesNobodyAndNobodyMovesBack) {
  DesiredState desired = a_platform();
  apply(desired);
  set_sessions("alpha", 25);
  machine.sim.advance(90s);

  desired.platform.monitor.mode = PromotionMode::kOff;
  apply(desired);
  set_sessions("alpha", 0);
  set_sessions("beta", 99);
  machine.sim.advance(1000s);

  EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));
  EXPECT_THAT(holders("beta"), ElementsAre(HasSubstr("shared-")));
}

TEST_F(MonitorSim, KeepsToTheBudget) {
  DesiredState desired = a_platform({"alpha", "beta", "gamma"});
  desired.platform.monitor.max_promoted = 1;
  apply(desired);
  set_sessions("alpha", 25);
  set_sessions("beta", 70);
  set_sessions("gamma", 30);

  machine.sim.advance(600s);

  EXPECT_THAT(holders("beta"), ElementsAre("dedicated-beta"));
  EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
  EXPECT_THAT(holders("gamma"), ElementsAre(HasSubstr("shared-")));
}

TEST_F(MonitorSim, ATenantWhoseInstanceDoesNotStartStaysAndIsTriedAgain) {
  apply(a_platform());
  machine.instances.script("dedicated-alpha", {.ready_after = std::nullopt});
  set_sessions("alpha", 25);

  machine.sim.advance(180s);
  EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("monitor.not_moved")));

  machine.instances.script("dedicated-alpha", {});
  machine.sim.advance(600s);
  EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));
}

TEST_F(MonitorSim, ADaemonThatDiesAnywhereInAPromotionLeavesOneOwnerInTheEnd) {
  const DesiredState desired = a_platform();
  apply(desired);
  std::size_t points = 0;
  for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
    for (std::size_t n = 1;; ++n) {
      SCOPED_TRACE(fmt::format("killed {} call {}",
                               point == KillPoint::kBeforeEffect ? "before" : "after", n));
      set_sessions("alpha", 25);
      machine.sim.advance(55s);
      daemon().plan.kill_at(daemon().plan.calls() + n, point);
      bool died = false;
      try {
        machine.sim.advance(60s);
      } catch (const DaemonKilled&) {
        died = true;
      }
      EXPECT_EQ(holders("alpha").size(), 1U);
      restart_daemon();
      machine.sim.advance(200s);
      EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));
      set_sessions("alpha", 0);
      machine.sim.advance(600s);
      EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
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
