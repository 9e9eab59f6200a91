// SPDX-License-Identifier: Apache-2.0
// In which order the daemon moves tenants, what keeps it from it, and what it remembers of that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "tests/sim/provisioner/daemon/monitor_world.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// One instance for two: the one whose name comes first waits, the other one has it.
class BudgetSim : public MonitorSim {
 protected:
  BudgetSim() {
    DesiredState desired = a_platform({"aaa", "zzz"});
    desired.platform.monitor.max_promoted = 1;
    desired.platform.hooks.before_promotion = {{.command = {"/bin/ask"}, .timeout = 60s}};
    machine.processes.on_spawn = [this, others = machine.processes.on_spawn](
                                     const LaunchSpec& spec, const ProcessIdentity& who) {
      others(spec, who);
      if (spec.argv.front() == "/bin/ask") {
        hook_ = who;
      }
    };
    apply(desired);
    set_sessions("zzz", 25);
    watch_over(90s);
    EXPECT_THAT(holders("zzz"), ElementsAre("dedicated-zzz"));
    set_sessions("aaa", 30);
    set_sessions("zzz", 2);
  }

  /// Answers the hook, and looks every second whether more than one is promoted.
  void watch_over(Duration length) {
    for (Duration passed{0}; passed < length; passed += 1s) {
      machine.sim.advance(1s);
      if (hook_) {
        const bool is_demotion =
            machine.hook_streams.inputs.back().find(R"("kind":"demote")") != std::string::npos;
        machine.processes.end(*std::exchange(hook_, std::nullopt),
                              FakeProcesses::exited(is_demotion && refuses_demotions ? 1 : 0));
      }
      ASSERT_LE(wishes(), 1U);
      ASSERT_LE(holders("aaa").size() + holders("zzz").size(), 2U);
      ASSERT_FALSE(machine.instances.is_running("dedicated-aaa") &&
                   machine.instances.is_running("dedicated-zzz"))
          << "each costs a process";
    }
  }

  bool refuses_demotions = false;

 private:
  std::optional<ProcessIdentity> hook_;
};

TEST_F(BudgetSim, TheDemotionGoesFirstAndMakesRoom) {
  watch_over(360s);

  EXPECT_THAT(holders("zzz"), ElementsAre(HasSubstr("shared-")));
  EXPECT_THAT(holders("aaa"), ElementsAre("dedicated-aaa"));
}

TEST_F(BudgetSim, ADemotionThatItsHookRefusesMakesNone) {
  refuses_demotions = true;
  watch_over(400s);

  EXPECT_GE(told("monitor.not_moved"), 1U);
  EXPECT_THAT(holders("zzz"), ElementsAre("dedicated-zzz"));
  EXPECT_THAT(holders("aaa"), ElementsAre(HasSubstr("shared-")));
  EXPECT_EQ(rule_of("aaa"), PromotionRule::kBudget);

  refuses_demotions = false;
  watch_over(600s);
  EXPECT_THAT(holders("aaa"), ElementsAre("dedicated-aaa"));
}

TEST_F(BudgetSim, ADemotionThatFailsMakesNone) {
  // The pool's instance does not take it.
  machine.instances.on_request =
      [](const std::string& instance,
         const control::Message& question) -> std::optional<Result<std::string>> {
    const bool is_taken_in =
        instance.starts_with("shared-") &&
        (question.type == control::request::kReceive || question.type == control::request::kLend);
    return is_taken_in ? std::optional<Result<std::string>>(
                             Error(ErrorCode::kResourceExhausted, "cannot take it: it is full"))
                       : std::nullopt;
  };
  watch_over(400s);

  EXPECT_EQ(told("monitor.demotes"), 1U);
  EXPECT_EQ(told("monitor.promotes"), 1U) << "that of zzz";
  EXPECT_THAT(holders("aaa"), ElementsAre(HasSubstr("shared-")));
}

TEST_F(MonitorSim, TheDearerPlanGoesFirst) {
  DesiredState desired = a_platform({"aaa", "zzz"});
  desired.tenants[1].plan = PricePlan::kEnterprise;
  desired.platform.monitor.enterprise = desired.platform.monitor.starter;
  desired.platform.monitor.max_promoted = 1;
  apply(desired);
  set_sessions("aaa", 90);
  set_sessions("zzz", 25);

  machine.sim.advance(90s);

  EXPECT_THAT(holders("zzz"), ElementsAre("dedicated-zzz"));
  EXPECT_THAT(holders("aaa"), ElementsAre(HasSubstr("shared-")));
}

TEST_F(MonitorSim, APlanWithoutADwellIsPromotedAtOnce) {
  DesiredState desired = a_platform();
  desired.platform.monitor.starter.high_dwell = 0s;
  apply(desired);
  machine.sim.advance(30s);
  set_sessions("alpha", 25);

  machine.sim.advance(12s);

  EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));
}

TEST_F(MonitorSim, LeavesThePoolWhatIsKeptForIt) {
  apply(a_platform());
  host().usage.memory_free = Bytes{100 << 20};
  machine.sim.advance(60s);
  const std::size_t idle = host().looks;
  EXPECT_LE(idle, 5U) << "once a minute for its history, and never for anybody who is not busy";

  set_sessions("alpha", 25);
  machine.sim.advance(180s);
  EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
  EXPECT_EQ(rule_of("alpha"), PromotionRule::kReserve);
  EXPECT_GT(host().looks, idle + 10);
  EXPECT_LE(host().looks, idle + 33) << "once a round, since the dwell was over";
  EXPECT_THAT(metrics(), HasSubstr("voicectl_monitor_decisions{rule=\"reserve\"} 1\n"));

  host().usage.memory_free = Bytes{1 << 30};
  machine.sim.advance(20s);
  EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));
}

TEST_F(MonitorSim, AMonitorThatOnlyLooksTellsNoPromotionThatTheHostHasNoRoomFor) {
  apply(a_platform({"alpha", "beta"}, PromotionMode::kObserve));
  host().usage.memory_free = Bytes{100 << 20};
  set_sessions("alpha", 25);

  machine.sim.advance(120s);
  EXPECT_EQ(told("monitor.would_promote"), 0U);

  host().usage.memory_free = Bytes{1 << 30};
  machine.sim.advance(20s);
  EXPECT_EQ(told("monitor.would_promote"), 1U);
}

/// Dwells that are much shorter than the cooldown, so that it is the cooldown that holds.
class CooldownSim : public MonitorSim {
 protected:
  CooldownSim() {
    desired.platform.monitor.starter.high_dwell = 10s;
    desired.platform.monitor.low_dwell = 10s;
    desired.platform.monitor.cooldown = 600s;
    apply(desired);
    set_sessions("alpha", 25);
    machine.sim.advance(30s);
    EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));
    set_sessions("alpha", 0);
  }
  DesiredState desired = a_platform();
};

TEST_F(CooldownSim, GoesOnInTheNextDaemonAfterAPromotion) {
  restart_daemon();  // which takes a minute

  machine.sim.advance(480s);
  EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));
  EXPECT_EQ(rule_of("alpha"), PromotionRule::kCooldown);
  machine.sim.advance(90s);
  EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
}

TEST_F(CooldownSim, GoesOnInTheNextDaemonAfterADemotion) {
  machine.sim.advance(640s);
  ASSERT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
  set_sessions("alpha", 25);
  restart_daemon();  // which takes a minute

  machine.sim.advance(480s);
  EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
  machine.sim.advance(140s);
  EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));
}

TEST_F(CooldownSim, LastsNoLongerThanOneWhateverTheClockSays) {
  machine.wall.jump(-std::chrono::hours(2));
  restart_daemon();

  machine.sim.advance(580s);
  EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));
  machine.sim.advance(50s);
  EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
}

TEST_F(MonitorSim, AClockThatIsSetChangesNoDecision) {
  apply(a_platform());
  set_sessions("alpha", 25);
  for (int i = 0; i < 11; ++i) {
    machine.sim.advance(5s);
    machine.wall.jump(i % 2 == 0 ? std::chrono::hours(30) : -std::chrono::hours(31));
  }
  EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
  machine.sim.advance(30s);
  EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));

  set_sessions("alpha", 2);
  for (int i = 0; i < 29; ++i) {
    machine.sim.advance(10s);
    machine.wall.jump(i % 2 == 0 ? std::chrono::hours(30) : -std::chrono::hours(31));
  }
  EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));
  machine.sim.advance(40s);
  EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
}

}  // namespace
}  // namespace voicectl
