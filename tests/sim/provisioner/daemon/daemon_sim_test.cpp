// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

TenantId tenant(const std::string& name) {
  return *TenantId::parse(name);
}

class DaemonSim : public DaemonWorld {};

TEST_F(DaemonSim, BringsThreeTenantsFromNothingToServing) {
  const DesiredState desired = platform_with({"alpha", "beta", "gamma"});

  const Applied applied = apply(desired);

  EXPECT_TRUE(applied.is_finished);
  EXPECT_EQ(applied.outcome.failed, 0U);
  expect_converged(desired);
}

TEST_F(DaemonSim, ASecondApplyChangesNothing) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);
  const std::uint64_t generation = daemon().daemon->recorded().snapshot().generation.value;

  const Applied again = apply(desired);

  EXPECT_TRUE(again.is_finished);
  EXPECT_EQ(again.outcome.done, 0U);
  EXPECT_EQ(daemon().daemon->recorded().snapshot().generation.value, generation);
}

TEST_F(DaemonSim, CreatingATenantReloadsNothing) {
  apply(platform_with({"alpha"}));
  const std::uint64_t reloads = machine.edge.reloads;
  const DesiredState more = platform_with({"alpha", "beta"});

  apply(more);

  EXPECT_EQ(machine.edge.reloads, reloads);
  expect_converged(more);
}

TEST_F(DaemonSim, DeletesATenantAndGivesEverythingBack) {
  apply(platform_with({"alpha", "beta"}));
  const Port port = *daemon().daemon->recorded().find_tenant(tenant("beta"))->port;
  const DesiredState fewer = platform_with({"alpha"});

  apply(fewer);

  expect_converged(fewer);
  EXPECT_FALSE(machine.network.is_held(port));
  EXPECT_THAT(machine.instances.holders(tenant("beta")), SizeIs(0));
  EXPECT_EQ(machine.files.find("/var/lib/voicectl/tenants/beta"), nullptr);
}

TEST_F(DaemonSim, ATenantMayTakeTheNameOfADeletedOne) {
  const DesiredState both = platform_with({"alpha", "beta"});
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    apply(both);
    expect_converged(both);
    apply(platform_with({"alpha"}));
    if (round == 1) {
      kill_daemon();
      start_daemon();
    }
  }
}

TEST_F(DaemonSim, LendsTheTenantsAgainToAnInstanceThatCrashed) {
  const DesiredState desired = platform_with({"alpha", "beta", "gamma"});
  apply(desired);
  const std::string victim =
      daemon().daemon->recorded().find_tenant(tenant("alpha"))->placement->str();

  machine.instances.crash(victim);
  machine.sim.advance(5s);

  EXPECT_EQ(machine.instances.starts(victim), 2);
  expect_converged(desired);
}

/// Makes every instance refuse to take `victim`.
void refuse_to_take(SimMachine& machine, const std::string& victim) {
  machine.instances.on_request =
      [victim](const std::string&,
               const control::Message& question) -> std::optional<Result<std::string>> {
    if (question.type == control::request::kLend &&
        question.body.find("\"" + victim + "\"") != std::string::npos) {
      return Result<std::string>(Error(ErrorCode::kCorrupt, "cannot read its configuration"));
    }
    return std::nullopt;
  };
}

TEST_F(DaemonSim, ATenantThatARestartedInstanceRefusesIsToldAndTriedAgain) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);
  const std::string home = machine.instances.holders(tenant("alpha")).front();
  refuse_to_take(machine, "alpha");

  machine.instances.crash(home);
  machine.sim.advance(30s);

  const Snapshot seen = daemon().daemon->loop().snapshot();
  ASSERT_TRUE(seen.observed.unserved.contains(tenant("alpha")));
  EXPECT_THAT(seen.observed.unserved.at(tenant("alpha")), HasSubstr("its configuration"));
  EXPECT_THAT(plan(desired).steps, SizeIs(2));
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("tenant.not_lent")));

  machine.instances.on_request = nullptr;
  machine.sim.advance(60s);

  EXPECT_THAT(machine.instances.holders(tenant("alpha")), SizeIs(1));
  expect_converged(desired);
}

TEST_F(DaemonSim, AnApplyWritesAnewWhatKeptATenantFromBeingTaken) {
  const DesiredState desired = platform_with({"alpha"});
  apply(desired);
  const std::string home = machine.instances.holders(tenant("alpha")).front();
  const std::string config = "/var/lib/voicectl/tenants/alpha/config.json";
  refuse_to_take(machine, "alpha");
  machine.instances.crash(home);
  machine.sim.advance(5s);
  ASSERT_THAT(machine.files.replace_atomically(config, "{", kPrivateFile), IsOk());
  machine.instances.on_request = nullptr;

  const Applied applied = apply(desired);

  EXPECT_EQ(applied.outcome.failed, 0U);
  EXPECT_THAT(machine.files.content_of(config), ::testing::Optional(HasSubstr("alpha")));
  expect_converged(desired);
}

TEST_F(DaemonSim, ListenersStayHeldWhileAnInstanceIsDown) {
  apply(platform_with({"alpha"}));
  const RecordedTenant alpha = *daemon().daemon->recorded().find_tenant(tenant("alpha"));
  InstanceScript never_ready;
  never_ready.ready_after = std::nullopt;
  machine.instances.script(alpha.placement->str(), never_ready);

  machine.instances.crash(alpha.placement->str());
  machine.sim.advance(5s);

  EXPECT_TRUE(machine.network.is_held(*alpha.port));
  EXPECT_TRUE(machine.network.is_reachable("/run/voicectl/tenants/alpha.sock"));
}

TEST_F(DaemonSim, AKilledDaemonTakesOverWhatRuns) {
  const DesiredState desired = platform_with({"alpha", "beta", "gamma"});
  apply(desired);
  const std::vector<ProcessIdentity> before = machine.processes.running();

  kill_daemon();
  start_daemon();

  EXPECT_EQ(machine.processes.running(), before);
  expect_converged(desired);
}

TEST_F(DaemonSim, ATenantThatAnInstanceOnlyClaimsIsTakenBackAndLentAnew) {
  DesiredState desired = platform_with({"alpha", "beta"});
  desired.tenants.edit()[1].tier = Tier::kDedicated;
  apply(desired);
  const TenantId alpha = *TenantId::parse("alpha");
  const FencingToken before = daemon().daemon->recorded().find_tenant(alpha)->token;
  kill_daemon();
  // What is recorded says that it is elsewhere, and no intent that it was on its way.
  machine.registry->recorded.tenants.at(alpha).placement = *InstanceId::parse("dedicated-beta");

  start_daemon();

  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("tenant.only_claimed")));
  EXPECT_THAT(machine.instances.holders(alpha), SizeIs(1));
  EXPECT_GT(daemon().daemon->recorded().find_tenant(alpha)->token, before);
  expect_converged(desired);
}

TEST_F(DaemonSim, BringsEverythingBackAfterTheMachineHasRebooted) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);
  lose_the_machine();

  start_daemon();

  expect_converged(desired);
}

TEST_F(DaemonSim, AProgramThatMerelyChangesOnDiskReplacesNobody) {
  const DesiredState desired = platform_with({"alpha", "beta", "gamma"});
  apply(desired);
  std::vector<ProcessIdentity> before = machine.processes.running();
  std::erase(before, machine.holder.identity());
  const std::string program = machine.instances.program_of("shared-0");
  kill_daemon();
  install(kProgram, "2.0 layout-1");

  start_daemon();

  expect_converged(desired);
  for (const ProcessIdentity& who : before) {
    EXPECT_TRUE(machine.processes.is_alive(who)) << who.pid;
  }
  machine.instances.crash("shared-0");
  machine.sim.advance(60s);
  EXPECT_EQ(machine.instances.program_of("shared-0"), program);
  EXPECT_NE(program, kProgram);
}

TEST_F(DaemonSim, WithoutTheCopyOfItsProgramNoInstanceIsStartedWithAnother) {
  apply(platform_with({"alpha"}));
  const std::string current = daemon().daemon->recorded().snapshot().programs.current;
  ASSERT_THAT(machine.files.remove("/var/lib/voicectl/programs/" + current), IsOk());
  kill_daemon();
  install(kProgram, "2.0 layout-1");
  start_daemon();
  DesiredState desired = platform_with({"alpha"});
  desired.tenants.edit()[0].tier = Tier::kDedicated;

  const Applied applied = apply(desired);

  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("program.lost")));
  EXPECT_GT(applied.outcome.failed, 0U);
  EXPECT_FALSE(machine.instances.is_running("dedicated-alpha"));
  EXPECT_THAT(machine.instances.holders(tenant("alpha")), SizeIs(1));
}

TEST_F(DaemonSim, ACopyThatWasLostIsMadeAnewOfTheSameProgram) {
  apply(platform_with({"alpha"}));
  const std::string current = daemon().daemon->recorded().snapshot().programs.current;
  ASSERT_THAT(machine.files.remove("/var/lib/voicectl/programs/" + current), IsOk());
  kill_daemon();
  start_daemon();
  DesiredState desired = platform_with({"alpha"});
  desired.tenants.edit()[0].tier = Tier::kDedicated;

  EXPECT_EQ(apply(desired).outcome.failed, 0U);
  expect_converged(desired);
}

TEST_F(DaemonSim, AProgramThatCannotBeTakenInIsRunFromWhereItIs) {
  kill_daemon();
  machine.registry = std::make_shared<RegistryStore>();
  ASSERT_THAT(machine.files.remove(kProgram), IsOk());
  start_daemon();
  const DesiredState desired = platform_with({"alpha"});

  apply(desired);

  EXPECT_EQ(machine.instances.program_of("shared-0"), kProgram);
  expect_converged(desired);
}

TEST_F(DaemonSim, AnswersSoonAlsoWhenAnInstanceDoesNotBecomeReady) {
  apply(platform_with({"alpha"}));
  kill_daemon();
  InstanceScript never_ready;
  never_ready.ready_after = std::nullopt;
  machine.instances.script_all(never_ready);
  machine.instances.crash("shared-0");
  machine.sim.settle();

  start_daemon(kStartPatience + 1s);

  EXPECT_TRUE(daemon().daemon->loop().is_busy());
}

TEST_F(DaemonSim, AFailedInstanceTakesAlongOnlyItsOwnTenant) {
  DesiredState desired = platform_with({"alpha", "beta"});
  desired.tenants[1].tier = Tier::kDedicated;
  machine.processes.uninstall("/usr/lib/voicectl/voice-runtime");
  machine.processes.install("/usr/lib/voicectl/voice-runtime");
  InstanceScript never_ready;
  never_ready.ready_after = std::nullopt;
  machine.instances.script("dedicated-beta", never_ready);

  const Applied applied = apply(desired);

  EXPECT_EQ(applied.outcome.failed, 1U);
  EXPECT_GT(applied.outcome.skipped, 0U);
  EXPECT_THAT(applied.outcome.remedy, HasSubstr("voicectl apply"));
  EXPECT_THAT(machine.instances.holders(tenant("alpha")), SizeIs(1));
  EXPECT_FALSE(machine.instances.is_running("dedicated-beta"));

  machine.instances.script("dedicated-beta", InstanceScript{});
  apply(desired);
  expect_converged(desired);
}

TEST_F(DaemonSim, APortThatIsTakenBehindThePlanIsToldWithARemedyAndPlannedAround) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  api::ApplyOutcome outcome;

  ASSERT_THAT(daemon().daemon->loop().apply(
                  {desired, std::nullopt, "test"},
                  {[this](const Plan&) { machine.network.occupy(*Port::make(21000)); },
                   [](const api::StepProgress&) {},
                   [&outcome](const api::ApplyOutcome& done) { outcome = done; }}),
              IsOk());
  machine.sim.advance(60s);

  EXPECT_GT(outcome.failed, 0U);
  EXPECT_THAT(outcome.remedy, HasSubstr("voicectl apply"));
  apply(desired);
  expect_converged(desired);
}

TEST_F(DaemonSim, MovesATenantToADedicatedInstanceAndBack) {
  DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);

  desired.tenants[0].tier = Tier::kDedicated;
  apply(desired);
  expect_converged(desired);
  EXPECT_EQ(machine.instances.holders(tenant("alpha")),
            std::vector<std::string>{"dedicated-alpha"});

  desired.tenants[0].tier = Tier::kPooled;
  apply(desired);
  expect_converged(desired);
  EXPECT_FALSE(machine.instances.is_running("dedicated-alpha"));
}

TEST_F(DaemonSim, ATenantThatCannotMoveStaysWhereItIs) {
  DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);
  const std::string home = machine.instances.holders(tenant("alpha")).front();
  machine.instances.on_request =
      [](const std::string& name,
         const control::Message& question) -> std::optional<Result<std::string>> {
    if (name == "dedicated-alpha" && question.type == control::request::kReceive) {
      return Result<std::string>(Error(ErrorCode::kInternal, "cannot open the tenant's store"));
    }
    return std::nullopt;
  };

  desired.tenants[0].tier = Tier::kDedicated;
  const Applied applied = apply(desired);

  EXPECT_EQ(applied.outcome.failed, 1U);
  EXPECT_EQ(applied.outcome.undone, 1U);
  EXPECT_EQ(machine.instances.holders(tenant("alpha")), std::vector<std::string>{home});
  EXPECT_FALSE(machine.instances.is_running("dedicated-alpha"));
}

TEST_F(DaemonSim, RefusesAPlanThatIsNoLongerTheOneThatWasShown) {
  const DesiredState desired = platform_with({"alpha"});
  const std::string shown = plan(desired).id;
  apply(platform_with({"beta"}));

  const Status refused =
      daemon().daemon->loop().apply({desired, shown, "test"}, {nullptr, nullptr, nullptr});

  EXPECT_THAT(refused, FailsWith(ErrorCode::kConflict));
}

TEST_F(DaemonSim, RefusesASecondApplyWhileOneRuns) {
  const DesiredState desired = platform_with({"alpha"});
  ASSERT_THAT(daemon().daemon->loop().apply({desired, std::nullopt, "first"},
                                            {[](const Plan&) {}, [](const api::StepProgress&) {},
                                             [](const api::ApplyOutcome&) {}}),
              IsOk());

  const Status second =
      daemon().daemon->loop().apply({desired, std::nullopt, "second"}, {nullptr, nullptr, nullptr});

  EXPECT_THAT(second, FailsWith(ErrorCode::kConflict));
  machine.sim.advance(60s);
  expect_converged(desired);
}

TEST_F(DaemonSim, AFullDiskStopsTheApplyAndTheNextOneGoesOn) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  machine.files.fill_disk();
  const Applied applied = apply(desired);
  EXPECT_GT(applied.outcome.failed, 0U);

  machine.files.free_space();
  apply(desired);

  expect_converged(desired);
}

TEST_F(DaemonSim, AnInstanceIsToldWhichStoreAndItsPasswordStaysThere) {
  machine.files.put("/var/lib/voicectl/keys/redis.password", "hunter2\n");
  DesiredState desired = platform_with({"alpha"});
  desired.platform.store = {SessionStoreKind::kRedis, "redis://voice@127.0.0.1:6379/1"};

  apply(desired);

  expect_converged(desired);
  const auto config = machine.files.content_of("/var/lib/voicectl/tenants/alpha/config.json");
  ASSERT_TRUE(config.has_value());
  EXPECT_THAT(*config, HasSubstr(R"("url":"redis://voice@127.0.0.1:6379/1")"));
  EXPECT_THAT(*config, HasSubstr("hunter2"));
  for (const std::string& line : machine.log_lines) {
    EXPECT_THAT(line, Not(HasSubstr("hunter2")));
  }
}

TEST_F(DaemonSim, TheKindOfStoreStaysWhileTenantsHaveSessionsInIt) {
  apply(platform_with({"alpha"}));
  DesiredState desired = platform_with({"alpha"});
  desired.platform.store = {SessionStoreKind::kRedis, "redis://127.0.0.1:6379"};

  const Applied applied = apply(desired);

  EXPECT_EQ(applied.outcome.failed, 1U);
  const auto config = machine.files.content_of("/var/lib/voicectl/tenants/alpha/config.json");
  EXPECT_THAT(config.value_or(""), Not(HasSubstr("redis")));
}

/// Milliseconds from the beginning of an apply to the request to stop.
class StoppedApply : public DaemonWorld, public ::testing::WithParamInterface<int> {};

TEST_P(StoppedApply, LeavesNothingRunning) {
  bool is_finished = false;
  ASSERT_THAT(
      daemon().daemon->loop().apply({platform_with({"alpha", "beta"}), std::nullopt, "test"},
                                    {[](const Plan&) {}, [](const api::StepProgress&) {},
                                     [&](const api::ApplyOutcome&) { is_finished = true; }}),
      IsOk());
  machine.sim.advance(std::chrono::milliseconds(GetParam()));
  bool is_stopped = false;

  daemon().daemon->loop().stop_everything(
      [](const std::string&) {}, [&] { daemon().descriptors.clear([&] { is_stopped = true; }); });
  machine.sim.advance(120s);

  EXPECT_TRUE(is_finished);
  EXPECT_TRUE(is_stopped);
  EXPECT_THAT(machine.processes.running(), SizeIs(0));
  EXPECT_FALSE(machine.edge.served.has_value());
}

INSTANTIATE_TEST_SUITE_P(AtAnyTime,
                         StoppedApply,
                         ::testing::Values(0, 1, 2, 10, 40, 49, 50, 51, 60, 200));

// The daemon is killed at every call through a seam and at every transaction of the registry,
// before and after its effect, of each scenario; what the next daemon does must converge, with one
// holder per tenant.
struct Scenario {
  const char* name;
  std::vector<std::string> before;
  std::vector<std::string> after;
  /// What else is asked for afterwards.
  std::function<void(DesiredState&)> change = [](DesiredState&) {};
};

class CrashPoints : public DaemonWorld, public ::testing::WithParamInterface<Scenario> {
 protected:
  CrashPoints() { count_transactions(); }
  /// Applies `desired` with the daemon dying at call `n` after now. Returns whether it died.
  bool apply_and_die(const DesiredState& desired, std::size_t n, KillPoint point) {
    daemon().plan.kill_at(daemon().plan.calls() + n, point);
    try {
      apply(desired);
    } catch (const DaemonKilled&) {
      return true;
    }
    return false;
  }
};

TEST_P(CrashPoints, ConvergeWhereverTheDaemonDies) {
  std::size_t points = 0;
  for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
    for (std::size_t n = 1;; ++n) {
      SCOPED_TRACE(fmt::format("killed {} call {}",
                               point == KillPoint::kBeforeEffect ? "before" : "after", n));
      apply(platform_with(GetParam().before));
      DesiredState wanted = platform_with(GetParam().after);
      GetParam().change(wanted);
      const bool died = apply_and_die(wanted, n, point);
      kill_daemon();
      start_daemon();
      apply(wanted);
      expect_converged(wanted);
      if (!died || HasFailure()) {
        break;
      }
      ++points;
    }
  }
  RecordProperty("points", static_cast<int>(points));
  EXPECT_GT(points, 10U);
}

INSTANTIATE_TEST_SUITE_P(
    Scenarios,
    CrashPoints,
    ::testing::Values(Scenario{"Create", {"alpha"}, {"alpha", "beta"}},
                      Scenario{"Delete", {"alpha", "beta"}, {"alpha"}},
                      Scenario{"Exchange", {"alpha", "beta"}, {"gamma"}},
                      Scenario{"Edit",
                               {"alpha", "beta"},
                               {"alpha", "beta"},
                               [](DesiredState& wanted) {
                                 wanted.tenants[0].name = "Renamed";
                                 wanted.tenants[1].retention.event_days = 7;
                               }},
                      Scenario{"Pool",
                               {"alpha", "beta", "gamma"},
                               {"alpha", "beta", "gamma"},
                               [](DesiredState& wanted) { wanted.platform.pool_size = 1; }}),
    [](const ::testing::TestParamInfo<Scenario>& scenario) { return scenario.param.name; });

}  // namespace
}  // namespace voicectl
