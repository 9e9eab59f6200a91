// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "tests/sim/provisioner/instances/instance_world.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class InstanceAdoptionTest : public InstanceWorld {
 protected:
  /// The daemon is killed and comes back.
  void restart_daemon() {
    kill_daemon();
    machine.sim.advance(3s);
    start_daemon();
  }
};

TEST_F(InstanceAdoptionTest, TakesOverARunningInstanceWithoutTouchingIt) {
  start_ready("shared-0");
  const ProcessIdentity who = *machine.instances.identity("shared-0");
  restart_daemon();

  const AdoptReport report = adopt({record("shared-0")});

  EXPECT_THAT(report.adopted, ElementsAre(an_instance("shared-0")));
  EXPECT_THAT(report.lost, IsEmpty());
  EXPECT_EQ(view("shared-0")->process, who);
  EXPECT_EQ(view("shared-0")->version, "1.0-fake");
  EXPECT_EQ(state("shared-0"), InstanceState::kReady);
  EXPECT_THAT(machine.processes.signals(), IsEmpty());
  EXPECT_EQ(machine.log_pipes.opens("/var/log/voicectl/instances/shared-0.log"), 2);
}

TEST_F(InstanceAdoptionTest, RegainsTheListenersOfEveryTenant) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza", 4, 21000);
  lend("shared-0", "acme", 9, 21001);
  restart_daemon();

  const AdoptReport report = adopt({record("shared-0")});

  ASSERT_THAT(report.regained, SizeIs(2));
  EXPECT_EQ(report.regained[0].tenant, a_tenant("acme"));
  EXPECT_EQ(report.regained[0].token, FencingToken{9});
  EXPECT_EQ(report.regained[1].tenant, a_tenant("mario-pizza"));
  EXPECT_EQ(report.regained[1].generation, Generation{7});
  EXPECT_EQ(report.regained[1].instance, an_instance("shared-0"));
  EXPECT_THAT(daemon().bank.tenants(), ElementsAre(a_tenant("acme"), a_tenant("mario-pizza")));
  EXPECT_THAT(
      daemon().bank.bind(a_tenant("acme"), socket_of("acme"), SocketAccess{}, a_port(21001)),
      IsOk());
  EXPECT_EQ(view("shared-0")->tenants.size(), 2U);
}

TEST_F(InstanceAdoptionTest, WhatItOnlyClaimsIsToldAsThatAndItsListenersAreNotTaken) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");
  lend("shared-0", "luigi", 3, 21005);
  restart_daemon();

  const AdoptReport report = adopt({record("shared-0")});

  ASSERT_THAT(report.regained, SizeIs(2));
  EXPECT_EQ(report.regained[0].tenant, a_tenant("luigi"));
  EXPECT_TRUE(report.regained[0].is_only_claimed);
  EXPECT_FALSE(report.regained[1].is_only_claimed);
  EXPECT_THAT(daemon().bank.tenants(), ElementsAre(a_tenant("mario-pizza")));
}

TEST_F(InstanceAdoptionTest, ListenersThatAreElsewhereThanRecordedAreNotTaken) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza", 1, 21007);
  restart_daemon();

  const AdoptReport report = adopt({record("shared-0")});

  EXPECT_THAT(report.regained, SizeIs(1));
  EXPECT_THAT(daemon().bank.tenants(), IsEmpty());
}

TEST_F(InstanceAdoptionTest, OneWithATokenThatNoEarlierDaemonGaveOutIsReplaced) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza", first_token_of(Epoch{2}).value + 1);
  restart_daemon();

  const AdoptReport report = adopt({record("shared-0")});

  EXPECT_THAT(report.lost, ElementsAre(an_instance("shared-0")));
  EXPECT_THAT(report.regained, IsEmpty());
  EXPECT_FALSE(machine.instances.is_running("shared-0"));
}

TEST_F(InstanceAdoptionTest, RestartsAnAdoptedInstanceThatCrashes) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");
  restart_daemon();
  (void)adopt({record("shared-0")});

  machine.instances.crash("shared-0");
  machine.sim.advance(50ms);

  EXPECT_THAT(daemon().told,
              ElementsAre("shared-0 ended (status unknown: adopted), next try at once",
                          "restarted shared-0"));
  EXPECT_TRUE(machine.network.is_held(a_port(21000)));
}

TEST_F(InstanceAdoptionTest, HoldsTheAdminPortOfAnAdoptedInstanceOnceItIsGone) {
  start_ready("shared-0");
  restart_daemon();
  (void)adopt({record("shared-0")});
  machine.instances.script("shared-0", {.ready_after = std::nullopt, .ends_after = 1ms});

  machine.instances.crash("shared-0");
  machine.sim.advance(10ms);

  ASSERT_EQ(state("shared-0"), InstanceState::kBackoff);
  EXPECT_TRUE(machine.network.is_held(a_port(21900)));
}

TEST_F(InstanceAdoptionTest, EndsAnInstanceThatNobodyRecordedAndTakesNoListenerOfIt) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");
  restart_daemon();

  const AdoptReport report = adopt({});

  EXPECT_THAT(report.ended, ElementsAre(an_instance("shared-0")));
  EXPECT_THAT(report.regained, IsEmpty());
  EXPECT_THAT(machine.processes.running(), IsEmpty());
  EXPECT_FALSE(has_folder("shared-0"));
  EXPECT_FALSE(daemon().bank.holds(a_tenant("mario-pizza"))) << "the holder has the right one";
  EXPECT_THAT(manager().observe(), IsEmpty());
}

TEST_F(InstanceAdoptionTest, CleansUpAfterARecordedInstanceThatIsGone) {
  start_ready("shared-0");
  kill_daemon();
  machine.instances.crash("shared-0");
  machine.sim.advance(1s);
  start_daemon();

  const AdoptReport report = adopt({record("shared-0")});

  EXPECT_THAT(report.lost, ElementsAre(an_instance("shared-0")));
  EXPECT_THAT(manager().observe(), IsEmpty());
  start_ready("shared-0");
}

TEST_F(InstanceAdoptionTest, CountsARecordThatWasNeverCarriedOutAsLost) {
  const AdoptReport report = adopt({record("shared-0")});

  EXPECT_THAT(report.lost, ElementsAre(an_instance("shared-0")));
}

TEST_F(InstanceAdoptionTest, KillsOneThatDoesNotAnswerWithinTheTimeAllowed) {
  start_ready("shared-0");
  const ProcessIdentity who = *machine.instances.identity("shared-0");
  machine.instances.script_of_running("shared-0").is_mute = true;
  restart_daemon();
  std::optional<Result<AdoptReport>> report;

  manager().adopt({record("shared-0")}, into(report));
  machine.sim.advance(5s - 1ms);
  EXPECT_EQ(signals_to(who, SIGKILL), 0);
  machine.sim.advance(1s);

  EXPECT_EQ(signals_to(who, SIGKILL), 1);
  ASSERT_TRUE(report.has_value());
  EXPECT_THAT((*report)->lost, ElementsAre(an_instance("shared-0")));
  EXPECT_THAT(machine.processes.running(), IsEmpty());
}

TEST_F(InstanceAdoptionTest, KillsOneWhoseControlSocketIsGoneThoughItRuns) {
  start_ready("shared-0");
  const ProcessIdentity who = *machine.instances.identity("shared-0");
  kill_daemon();
  ASSERT_THAT(machine.files.remove("/run/voicectl/instances/shared-0/control.sock"), IsOk());
  start_daemon();

  const AdoptReport report = adopt({record("shared-0")});

  EXPECT_THAT(report.lost, ElementsAre(an_instance("shared-0")));
  EXPECT_FALSE(machine.processes.is_alive(who));
}

TEST_F(InstanceAdoptionTest, NeverSignalsAStrangerWithARecycledNumber) {
  start_ready("shared-0");
  const int pid = machine.instances.identity("shared-0")->pid;
  kill_daemon();
  machine.instances.crash("shared-0");
  machine.sim.advance(1s);
  const ProcessIdentity stranger = machine.processes.start_foreign(pid);
  start_daemon();

  const AdoptReport report = adopt({record("shared-0")});

  EXPECT_THAT(report.lost, ElementsAre(an_instance("shared-0")));
  EXPECT_THAT(machine.processes.signals(), IsEmpty());
  EXPECT_TRUE(machine.processes.is_alive(stranger));
}

TEST_F(InstanceAdoptionTest, NeverSignalsAStrangerOfAnotherBoot) {
  start_ready("shared-0");
  const int pid = machine.instances.identity("shared-0")->pid;
  kill_daemon();
  machine.processes.reboot();
  machine.sim.advance(1s);
  (void)machine.processes.start_foreign(pid);
  start_daemon();

  (void)adopt({record("shared-0")});

  EXPECT_THAT(machine.processes.signals(), IsEmpty());
}

TEST_F(InstanceAdoptionTest, DoesNotBelieveAnInstanceThatNamesAnotherProcess) {
  start_ready("shared-0");
  const ProcessIdentity victim = machine.processes.start_foreign(77);
  machine.instances.script_of_running("shared-0").claimed_pid = 77;
  restart_daemon();

  const AdoptReport report = adopt({});

  ASSERT_THAT(report.left_alone, SizeIs(1));
  EXPECT_EQ(report.left_alone[0].why.code(), ErrorCode::kConflict);
  EXPECT_THAT(machine.processes.signals(), IsEmpty());
  EXPECT_TRUE(machine.processes.is_alive(victim));
}

TEST_F(InstanceAdoptionTest, LeavesAloneWhatANewerDaemonGreeted) {
  start_ready("shared-0");
  machine.instances.on_request = [](const std::string&, const control::Message& question) {
    return question.type == control::request::kHello
               ? std::optional<Result<std::string>>(
                     Error(ErrorCode::kFenced, "cannot obey: a newer daemon was here"))
               : std::nullopt;
  };
  restart_daemon();

  const AdoptReport report = adopt({record("shared-0")});

  ASSERT_THAT(report.left_alone, SizeIs(1));
  EXPECT_EQ(report.left_alone[0].why.code(), ErrorCode::kFenced);
  EXPECT_THAT(machine.processes.signals(), IsEmpty());
}

TEST_F(InstanceAdoptionTest, LeavesAloneASocketOfAnotherUser) {
  start_ready("shared-0");
  machine.hub.set_listener_uid(4711);
  restart_daemon();

  const AdoptReport report = adopt({record("shared-0")});

  ASSERT_THAT(report.left_alone, SizeIs(1));
  EXPECT_EQ(report.left_alone[0].why.code(), ErrorCode::kPermissionDenied);
}

TEST_F(InstanceAdoptionTest, TellsOfBothHoldersWhenAMoveWasCutInHalf) {
  start_ready("shared-0", 21900);
  start_ready("dedicated-acme", 21901);
  lend("shared-0", "acme", 1);
  lend("dedicated-acme", "acme", 2);
  restart_daemon();

  const AdoptReport report = adopt({record("shared-0", 21900), record("dedicated-acme", 21901)});

  ASSERT_THAT(report.regained, SizeIs(2));
  EXPECT_EQ(report.regained[0].instance, an_instance("shared-0"));
  EXPECT_EQ(report.regained[1].instance, an_instance("dedicated-acme"));
  EXPECT_LT(report.regained[0].token, report.regained[1].token);
}

TEST_F(InstanceAdoptionTest, GoesOnServingWhenTheDaemonLetsGo) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");
  machine.instances.script_of_running("shared-0").is_mute = true;
  std::optional<Result<std::string>> stats;
  manager().request(an_instance("shared-0"), control::request::kStats, "{}", 5s, into(stats));

  manager().detach();
  machine.sim.advance(1h);

  ASSERT_TRUE(stats.has_value());
  EXPECT_THAT(*stats, FailsWith(ErrorCode::kCancelled));
  EXPECT_TRUE(machine.instances.is_running("shared-0"));
  EXPECT_THAT(machine.processes.signals(), IsEmpty());
  EXPECT_THAT(machine.instances.holders(a_tenant("mario-pizza")), ElementsAre("shared-0"));
}

/// Starts, kills the daemon at the given call, comes back with or without the record.
class InstanceCrashPointTest : public InstanceWorld {
 protected:
  /// The daemon dies at that call of a start, or a second later, and comes back.
  void die_at(std::size_t call, KillPoint point) {
    std::optional<Result<InstanceReady>> ready;
    plan().kill_at(call, point);
    try {
      manager().start(shared("shared-0"), into(ready));
      machine.sim.advance(1s);
    } catch (const DaemonKilled&) {
    }
    kill_daemon();
    machine.sim.advance(1s);
    start_daemon();
  }
};

TEST_F(InstanceCrashPointTest, LeavesOneProcessOrNoneWhereverTheDaemonDies) {
  for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
    for (std::size_t call = 1; call <= 10; ++call) {
      SCOPED_TRACE("call " + std::to_string(call));
      die_at(call, point);

      const bool has_record = call % 2 == 0;
      const AdoptReport report =
          adopt(has_record ? std::vector{record("shared-0")} : std::vector<AdoptRecord>());

      EXPECT_THAT(report.left_alone, IsEmpty());
      EXPECT_EQ(machine.processes.running().size(), report.adopted.size());
      EXPECT_EQ(report.adopted.size() + report.lost.size(), has_record ? 1U : 0U);
      start_ready("shared-0");
      EXPECT_THAT(machine.processes.running(), SizeIs(1));
      std::optional<Result<void>> stopped;
      manager().stop(an_instance("shared-0"), 10s, into(stopped));
      machine.sim.advance(11s);
      ASSERT_TRUE(stopped.has_value());
      EXPECT_THAT(*stopped, IsOk());
      EXPECT_FALSE(has_folder("shared-0"));
      EXPECT_FALSE(machine.network.is_held(a_port(21900)));
      kill_daemon();
      start_daemon();
    }
  }
}

TEST_F(InstanceCrashPointTest, LeavesNobodyAloneWhoHasNotAnsweredYet) {
  for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
    for (std::size_t call = 1; call <= 8; ++call) {
      SCOPED_TRACE("call " + std::to_string(call));
      machine.instances.script_all({.ready_after = std::nullopt});
      die_at(call, point);

      const AdoptReport report = adopt({record("shared-0")});

      EXPECT_THAT(report.left_alone, IsEmpty());
      EXPECT_THAT(report.lost, ElementsAre(an_instance("shared-0")));
      EXPECT_THAT(machine.processes.running(), IsEmpty());
      machine.instances.script_all({});
      start_ready("shared-0");
      std::optional<Result<void>> stopped;
      manager().stop(an_instance("shared-0"), 10s, into(stopped));
      machine.sim.advance(11s);
      kill_daemon();
      start_daemon();
    }
  }
}

}  // namespace
}  // namespace voicectl
