// SPDX-License-Identifier: Apache-2.0
// The monitor watches simulated load and moves tenants, and the daemon dies at every call of it.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/provisioner/daemon/daemon_world.h"
#include "tests/sim/provisioner/daemon/sim_watch.h"

namespace voicectl {
namespace {

using ::testing::AllOf;
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
    watch_->watch.feed().start();
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
  void use_processor(const std::string& tenant, std::uint32_t milli) {
    machine.instances.use_processor(*TenantId::parse(tenant), MilliCpu{milli});
  }
  std::vector<std::string> tenants_on(const std::string& instance) {
    std::vector<std::string> out;
    for (const auto& [name, record] : daemon().daemon->recorded().snapshot().tenants) {
      if (record.placement && record.placement->str() == instance) {
        out.push_back(name.str());
      }
    }
    return out;
  }
  bool is_on(const std::string& instance, const std::string& tenant) {
    return recorded(tenant).placement->str() == instance;
  }
  static DesiredState with_one_more(const DesiredState& desired, const std::string& tenant) {
    DesiredState out = desired;
    out.tenants.push_back(platform_with({tenant}).tenants.front());
    return out;
  }
  const RecordedTenant& recorded(const std::string& tenant) {
    return *daemon().daemon->recorded().find_tenant(*TenantId::parse(tenant));
  }
  std::size_t told(const std::string& event) {
    return static_cast<std::size_t>(
        std::count_if(machine.log_lines.begin(), machine.log_lines.end(),
                      [&](const std::string& line) { return line.find(event) != line.npos; }));
  }

  /// A pool whose shared-0 has all the work.
  DesiredState a_crowded_pool() {
    DesiredState desired = a_platform({"alpha", "beta", "gamma", "delta", "epsilon", "zeta"});
    desired.platform.pool_size = 2;
    desired.platform.monitor.balance = {.spread = {300}, .dwell = 60s};
    apply(desired);
    for (const std::string& tenant : tenants_on("shared-0")) {
      use_processor(tenant, 250);
    }
    return desired;
  }
  std::string metrics() { return watch_->watch.metrics(); }
  Watch& eye() { return watch_->watch; }

  /// Promotes "alpha" again and again, with the daemon killed at one call after the other, and each
  /// time it is quiet again afterwards.
  void die_anywhere_in_a_promotion(const DesiredState& desired,
                                   const ::testing::Matcher<std::string>& own_instance) {
    std::size_t points = 0;
    for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
      for (std::size_t n = 1; dies_at(n, point, desired, own_instance); ++n) {
        ++points;
      }
    }
    EXPECT_GT(points, 0U);
  }
  /// One promotion of those. False if it had come to its end by then, or something is wrong.
  bool dies_at(std::size_t n,
               KillPoint point,
               const DesiredState& desired,
               const ::testing::Matcher<std::string>& own_instance) {
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
    EXPECT_THAT(holders("alpha"), ElementsAre(own_instance));
    expect_converged(desired);
    set_sessions("alpha", 0);
    machine.sim.advance(600s);
    EXPECT_THAT(holders("alpha"), ElementsAre(HasSubstr("shared-")));
    expect_converged(desired);
    return died && !HasFailure();
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

TEST_F(MonitorSim, ADaemonThatDiesAnywhereInAPromotionLeavesOneOwnerInTheEnd) {
  const DesiredState desired = a_platform();
  apply(desired);

  die_anywhere_in_a_promotion(desired, "dedicated-alpha");
}

}  // namespace
}  // namespace voicectl
