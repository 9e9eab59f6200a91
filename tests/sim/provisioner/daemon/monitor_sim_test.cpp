// SPDX-License-Identifier: Apache-2.0
// The monitor watches simulated load and promotes, and the daemon dies at every call of it.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/provisioner/daemon/monitor_world.h"

namespace voicectl {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

/// A hook that ends at once with that code.
void end_hooks_with(SimMachine& machine, const std::string& program, int code) {
  machine.processes.on_spawn = [&machine, program, code, others = machine.processes.on_spawn](
                                   const LaunchSpec& spec, const ProcessIdentity& who) {
    others(spec, who);
    if (spec.argv.front() == program) {
      machine.processes.end(who, FakeProcesses::exited(code));
    }
  };
}

TEST_F(MonitorSim, HooksHearOfAPromotionBeforeAndAfterIt) {
  DesiredState desired = a_platform();
  desired.platform.hooks.before_promotion = {{.command = {"/bin/ask"}}};
  desired.platform.hooks.after_promotion = {{.command = {"/bin/tell"}}};
  end_hooks_with(machine, "/bin/ask", 0);
  end_hooks_with(machine, "/bin/tell", 1);
  apply(desired);
  set_sessions("alpha", 25);

  machine.sim.advance(90s);

  EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));
  ASSERT_EQ(machine.hook_streams.inputs.size(), 2U);
  EXPECT_THAT(machine.hook_streams.inputs[0], HasSubstr(R"("hook":"before_promotion")"));
  EXPECT_THAT(machine.hook_streams.inputs[0], HasSubstr(R"("tenant":"alpha")"));
  EXPECT_THAT(machine.hook_streams.inputs[1], HasSubstr(R"("moved":true)"));
  EXPECT_EQ(told("hook.failed"), 1U) << "that of the one behind it, which takes nothing back";
}

TEST_F(MonitorSim, AHookThatRefusesAPromotionLeavesTheTenantWhereItIs) {
  DesiredState desired = a_platform();
  desired.platform.hooks.before_promotion = {{.command = {"/bin/ask"}}};
  end_hooks_with(machine, "/bin/ask", 1);
  apply(desired);
  set_sessions("alpha", 25);

  machine.sim.advance(90s);

  EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
  EXPECT_FALSE(recorded("alpha").wish);
  EXPECT_GE(told("monitor.not_moved"), 1U);
  EXPECT_EQ(told("monitor.promotes"), 0U);
  EXPECT_THAT(metrics(), HasSubstr("voicectl_monitor_moves_failed_total 0\n")) << "nothing failed";
}

/// Promotions wait for a hook that ends when the test says so.
class PromotionHookSim : public MonitorSim {
 protected:
  PromotionHookSim() {
    desired.platform.hooks.before_promotion = {{.command = {"/bin/ask"}, .timeout = 300s}};
    machine.processes.on_spawn = [this, others = machine.processes.on_spawn](
                                     const LaunchSpec& spec, const ProcessIdentity& who) {
      others(spec, who);
      if (spec.argv.front() == "/bin/ask") {
        hook = who;
      }
    };
    apply(desired);
    set_sessions("alpha", 25);
    machine.sim.advance(90s);
  }
  void expect_that_nobody_moves(const std::string& why) {
    ASSERT_TRUE(hook.has_value());
    machine.processes.end(*hook, FakeProcesses::exited(0));
    machine.sim.advance(20s);

    EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
    EXPECT_FALSE(recorded("alpha").wish);
    EXPECT_THAT(machine.log_lines, Contains(AllOf(HasSubstr("monitor.not_moved"), HasSubstr(why))));
    EXPECT_THAT(metrics(), HasSubstr("voicectl_monitor_moves_failed_total 0\n"));
    EXPECT_EQ(told("monitor.promotes"), 0U);
  }

  DesiredState desired = a_platform();
  std::optional<ProcessIdentity> hook;
};

TEST_F(PromotionHookSim, WhoStaysBusyIsPromotedWhenTheHookEnds) {
  machine.sim.advance(60s);
  ASSERT_TRUE(hook.has_value());
  machine.processes.end(*hook, FakeProcesses::exited(0));
  machine.sim.advance(20s);

  EXPECT_THAT(holders("alpha"), ElementsAre("dedicated-alpha"));
}

TEST_F(PromotionHookSim, WhoIsNotBusyAnyMoreIsNotPromoted) {
  set_sessions("alpha", 2);
  machine.sim.advance(20s);

  expect_that_nobody_moves("what is decided about it changed while its hooks ran");
}

TEST_F(PromotionHookSim, NobodyIsPromotedUnderALockThatWasTakenMeanwhile) {
  daemon().daemon->lock().take({"ann", "a test", 10min}, 0s, [](const Result<HeldLock>&) {});
  machine.sim.advance(5s);

  expect_that_nobody_moves("was locked while its hooks ran");
}

TEST_F(PromotionHookSim, NobodyIsPromotedByAMonitorThatOnlyLooksByNow) {
  desired.platform.monitor.mode = PromotionMode::kObserve;
  apply(desired);

  expect_that_nobody_moves("the mode of the monitor changed while its hooks ran");
}

TEST_F(MonitorSim, TurnsThePagesOfASample) {
  machine.instances.sample_page = 1;
  apply(a_platform({"alpha", "beta", "gamma"}));
  set_sessions("gamma", 25);

  machine.sim.advance(90s);

  EXPECT_THAT(holders("gamma"), ElementsAre("dedicated-gamma"));
}

TEST_F(MonitorSim, AnInstanceWhoseLoadHasNoEndIsAskedInVainAndNotForEver) {
  DesiredState desired = a_platform();
  desired.platform.pool_size = 1;
  apply(desired);
  std::size_t asked = 0;
  std::string page = R"({"tenants":[{"tenant":"alpha"}],"next":"alpha"})";
  machine.instances.on_request =
      [&](const std::string&,
          const control::Message& question) -> std::optional<Result<std::string>> {
    if (question.type != control::request::kStats) {
      return std::nullopt;
    }
    // One that answers so for ever would keep the test, too.
    return ++asked < 1000 ? Result<std::string>(page) : Result<std::string>("{}");
  };

  machine.sim.advance(5s);
  EXPECT_LE(asked, 2U) << "it leads back to itself";

  asked = 0;
  machine.instances.on_request = [&, inner = machine.instances.on_request](
                                     const std::string& name, const control::Message& question) {
    page = fmt::format(R"({{"tenants":[{{"tenant":"a{0:04}"}}],"next":"a{0:04}"}})", asked);
    return inner(name, question);
  };
  machine.sim.advance(5s);
  EXPECT_LE(asked, 12U) << "it tells of ever others";

  EXPECT_EQ(eye().monitor().tenants().count(*TenantId::parse("a0001")), 0U);
  EXPECT_GT(eye().feed().failures(), 0U);
}

TEST_F(MonitorSim, AnInstanceIsNotBelievedOfTenantsThatItDoesNotHave) {
  apply(a_platform());
  machine.instances.on_request =
      [&](const std::string&,
          const control::Message& question) -> std::optional<Result<std::string>> {
    return question.type == control::request::kStats
               ? std::optional(Result<std::string>(R"({"tenants":[{"tenant":"alpha","sessions":3},)"
                                                   R"({"tenant":"strange","sessions":900}]})"))
               : std::nullopt;
  };

  machine.sim.advance(10s);

  const auto& seen = eye().monitor().tenants();
  EXPECT_EQ(seen.at(*TenantId::parse("alpha")).stats.sessions, 3U);
  EXPECT_EQ(seen.count(*TenantId::parse("strange")), 0U);
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

  die_anywhere_in_a_promotion(desired, "dedicated-alpha");
}

}  // namespace
}  // namespace voicectl
