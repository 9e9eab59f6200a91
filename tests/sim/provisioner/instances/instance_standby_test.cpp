// SPDX-License-Identifier: Apache-2.0
// An instance that does not answer gets a second process beside it, which takes its place.
#include <fmt/core.h>

#include <csignal>

#include "provisioner/instances/supervised_instance.h"
#include "tests/sim/provisioner/instances/instance_world.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kNextFile = "/run/voicectl/instances/shared-0/next.json";

class InstanceStandbyTest : public InstanceWorld {
 protected:
  /// It hangs, and that is known.
  void doubt(const std::string& name, Doubt how = Doubt::kReplace) {
    machine.instances.script_of_running(name).is_mute = true;
    manager().doubt(an_instance(name), *machine.instances.identity(name), how);
  }
  void give_up(const std::string& name) {
    manager().give_up(an_instance(name), *machine.instances.identity(name),
                      Error(ErrorCode::kTimeout, "cannot keep it up: it hangs"));
  }
  void trust(const std::string& name) {
    machine.instances.script_of_running(name).is_mute = false;
    manager().trust(an_instance(name), *machine.instances.identity(name));
  }
  void reclaim(const std::string& name, const std::string& tenant, std::uint64_t token) {
    manager().reclaim(an_instance(name), a_tenant(tenant), FencingToken{token}, into(reclaimed_));
  }
  std::optional<ProcessIdentity> standby(const std::string& name) { return view(name)->standby; }

  std::optional<Result<void>> reclaimed_;
};

TEST_F(InstanceStandbyTest, IsReadyBeforeTheOldOneGoesAndTakesItsPlaceAtOnce) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");
  const ProcessIdentity old = *machine.instances.identity("shared-0");

  doubt("shared-0");
  machine.sim.advance(1s);
  const std::optional<ProcessIdentity> next = standby("shared-0");
  ASSERT_TRUE(next);
  EXPECT_TRUE(machine.processes.is_alive(old)) << "nothing is killed yet";
  EXPECT_TRUE(view("shared-0")->is_mute);
  EXPECT_THAT(daemon().told, ElementsAre("shared-0 has another"));

  give_up("shared-0");
  machine.sim.settle();  // no time passes

  EXPECT_FALSE(machine.processes.is_alive(old));
  EXPECT_EQ(state("shared-0"), InstanceState::kReady);
  EXPECT_EQ(view("shared-0")->process, next);
  EXPECT_EQ(standby("shared-0"), std::nullopt);
  EXPECT_FALSE(view("shared-0")->is_mute);
  EXPECT_EQ(view("shared-0")->restarts, 1);
  EXPECT_THAT(daemon().told,
              ElementsAre("shared-0 has another", "shared-0 killed by signal 9, next try at once",
                          "restarted shared-0"));
  EXPECT_EQ(machine.instances.starts("shared-0"), 2);
  lend("shared-0", "luigi", 1, 21001);
  EXPECT_THAT(machine.instances.holders(a_tenant("luigi")), ElementsAre("shared-0"));
}

TEST_F(InstanceStandbyTest, IsGivenBackWhenTheInstanceAnswersAgain) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");
  const ProcessIdentity old = *machine.instances.identity("shared-0");
  doubt("shared-0");
  machine.sim.advance(1s);
  const ProcessIdentity next = *standby("shared-0");

  trust("shared-0");
  machine.sim.advance(1s);

  EXPECT_FALSE(machine.processes.is_alive(next));
  EXPECT_EQ(machine.instances.identity("shared-0"), old);
  EXPECT_EQ(standby("shared-0"), std::nullopt);
  EXPECT_FALSE(view("shared-0")->is_mute);
  EXPECT_EQ(machine.files.find(kNextFile), nullptr);
  EXPECT_THAT(machine.instances.holders(a_tenant("mario-pizza")), ElementsAre("shared-0"));
  EXPECT_THAT(daemon().told, ElementsAre("shared-0 has another"));
}

TEST_F(InstanceStandbyTest, OneThatIsGivenUpIsKilledWhenTheOtherIsReady) {
  start_ready("shared-0");
  machine.instances.script("shared-0+", {.ready_after = 3s});
  const ProcessIdentity old = *machine.instances.identity("shared-0");
  doubt("shared-0");

  give_up("shared-0");
  machine.sim.advance(2s);
  EXPECT_TRUE(machine.processes.is_alive(old));
  machine.sim.advance(1200ms);

  EXPECT_FALSE(machine.processes.is_alive(old));
  EXPECT_EQ(state("shared-0"), InstanceState::kReady);
  EXPECT_EQ(machine.instances.starts("shared-0"), 2);
}

TEST_F(InstanceStandbyTest, OneThatAnswersAfterItWasGivenUpIsSparedWhileTheOtherStarts) {
  start_ready("shared-0");
  machine.instances.script("shared-0+", {.ready_after = 3s});
  const ProcessIdentity old = *machine.instances.identity("shared-0");
  doubt("shared-0");
  give_up("shared-0");
  machine.sim.advance(1s);

  trust("shared-0");
  machine.sim.advance(60s);

  EXPECT_EQ(machine.instances.identity("shared-0"), old);
  EXPECT_THAT(machine.processes.running(), SizeIs(1));
}

TEST_F(InstanceStandbyTest, WithoutOneThatGetsReadyItIsKilledAndStartedAgain) {
  start_ready("shared-0");
  machine.instances.script("shared-0+", {.ready_after = std::nullopt});
  const ProcessIdentity old = *machine.instances.identity("shared-0");
  doubt("shared-0");
  give_up("shared-0");

  machine.sim.advance(14s);
  EXPECT_TRUE(machine.processes.is_alive(old));
  machine.sim.advance(2s);

  EXPECT_FALSE(machine.processes.is_alive(old));
  EXPECT_EQ(state("shared-0"), InstanceState::kReady);
  EXPECT_EQ(machine.instances.starts("shared-0"), 3);
  EXPECT_THAT(machine.processes.running(), SizeIs(1));
  EXPECT_THAT(daemon().told,
              ElementsAre("shared-0 has no other", "shared-0 killed by signal 9, next try at once",
                          "restarted shared-0"));
}

TEST_F(InstanceStandbyTest, OneThatCannotBeStartedHoldsNothingUp) {
  start_ready("shared-0");
  machine.processes.fail_next_spawn(Error(ErrorCode::kResourceExhausted, "cannot fork"));
  doubt("shared-0");
  machine.sim.settle();
  EXPECT_THAT(daemon().told, ElementsAre("shared-0 has no other"));
  EXPECT_EQ(machine.files.find(kNextFile), nullptr);

  give_up("shared-0");
  machine.sim.advance(1s);

  EXPECT_EQ(state("shared-0"), InstanceState::kReady);
  EXPECT_EQ(machine.instances.starts("shared-0"), 2);
}

TEST_F(InstanceStandbyTest, OneThatEndsLeavesTheInstanceAsItWas) {
  start_ready("shared-0");
  doubt("shared-0");
  machine.sim.advance(1s);

  machine.instances.crash("shared-0+");
  machine.sim.advance(1s);

  EXPECT_EQ(standby("shared-0"), std::nullopt);
  EXPECT_EQ(machine.files.find(kNextFile), nullptr);
  EXPECT_EQ(state("shared-0"), InstanceState::kReady);
  EXPECT_THAT(daemon().told, ElementsAre("shared-0 has another", "shared-0 has no other"));
}

TEST_F(InstanceStandbyTest, TakesThePlaceOfOneThatEndsByItself) {
  start_ready("shared-0");
  doubt("shared-0");
  machine.sim.advance(1s);
  const std::optional<ProcessIdentity> next = standby("shared-0");

  machine.instances.crash("shared-0");
  machine.sim.settle();

  EXPECT_EQ(view("shared-0")->process, next);
  EXPECT_EQ(state("shared-0"), InstanceState::kReady);
}

TEST_F(InstanceStandbyTest, TheBudgetOfRestartsHoldsForItToo) {
  start_ready("shared-0");
  for (int i = 0; i < 20 && state("shared-0") == InstanceState::kReady; ++i) {
    doubt("shared-0");
    machine.sim.advance(1s);
    give_up("shared-0");
    machine.sim.advance(1s);
  }

  EXPECT_EQ(state("shared-0"), InstanceState::kFailed);
  EXPECT_THAT(machine.processes.running(), IsEmpty());
  EXPECT_EQ(machine.files.find(kNextFile), nullptr);
}

TEST_F(InstanceStandbyTest, AtMostFourAreStartedAtOnce) {
  for (int i = 0; i < 6; ++i) {
    start_ready(fmt::format("shared-{}", i), 21900 + i);
  }
  for (int i = 0; i < 6; ++i) {
    doubt(fmt::format("shared-{}", i));
  }
  machine.sim.advance(1s);

  EXPECT_THAT(machine.processes.running(), SizeIs(6 + kMostStandbys));
  trust("shared-0");
  trust("shared-4");
  doubt("shared-4");
  machine.sim.advance(1s);

  EXPECT_TRUE(standby("shared-4"));
}

TEST_F(InstanceStandbyTest, IsNotStartedWhereTheInstanceIsOnlyToBeTold) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");
  doubt("shared-0", Doubt::kTell);

  reclaim("shared-0", "mario-pizza", 2);
  machine.sim.settle();  // nobody waits

  ASSERT_TRUE(reclaimed_);
  EXPECT_THAT(*reclaimed_, FailsWith(ErrorCode::kUnavailable));
  EXPECT_THAT(machine.processes.running(), SizeIs(1));
}

TEST_F(InstanceStandbyTest, WhoTakesATenantFromItWaitsUntilItHasAnsweredAgain) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");
  doubt("shared-0");
  reclaim("shared-0", "mario-pizza", 2);
  machine.sim.advance(12s);
  EXPECT_FALSE(reclaimed_);

  trust("shared-0");
  machine.sim.settle();

  ASSERT_TRUE(reclaimed_);
  EXPECT_THAT(*reclaimed_, IsOk());
  EXPECT_THAT(machine.instances.holders(a_tenant("mario-pizza")), IsEmpty());
}

TEST_F(InstanceStandbyTest, WhoTakesATenantFromItWaitsUntilItIsGone) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");
  doubt("shared-0");
  machine.sim.advance(1s);
  reclaim("shared-0", "mario-pizza", 2);

  give_up("shared-0");
  machine.sim.settle();

  ASSERT_TRUE(reclaimed_);
  EXPECT_THAT(*reclaimed_, IsOk());
  EXPECT_THAT(machine.instances.holders(a_tenant("mario-pizza")), IsEmpty());
}

TEST_F(InstanceStandbyTest, NobodyWaitsForAProcessThatNothingEnds) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");
  const ProcessIdentity old = *machine.instances.identity("shared-0");
  machine.processes.immortal.insert(old.pid);
  doubt("shared-0");
  machine.sim.advance(1s);
  give_up("shared-0");
  reclaim("shared-0", "mario-pizza", 2);
  machine.sim.advance(60s);
  ASSERT_TRUE(reclaimed_);
  EXPECT_THAT(*reclaimed_, FailsWith(ErrorCode::kTimeout));

  reclaimed_.reset();
  reclaim("shared-0", "mario-pizza", 3);
  machine.sim.settle();

  ASSERT_TRUE(reclaimed_);
  EXPECT_THAT(*reclaimed_, FailsWith(ErrorCode::kTimeout));
  machine.processes.immortal.clear();
}

TEST_F(InstanceStandbyTest, IsEndedWithTheInstance) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");
  doubt("shared-0");
  machine.sim.advance(1s);
  reclaim("shared-0", "mario-pizza", 2);

  std::optional<Result<void>> stopped;
  manager().stop(an_instance("shared-0"), 1s, into(stopped));
  machine.sim.advance(2s);

  ASSERT_TRUE(stopped);
  EXPECT_THAT(*stopped, IsOk());
  ASSERT_TRUE(reclaimed_);
  EXPECT_THAT(*reclaimed_, IsOk());
  EXPECT_THAT(machine.processes.running(), IsEmpty());
  EXPECT_FALSE(has_folder("shared-0"));
}

TEST_F(InstanceStandbyTest, ADaemonThatLetsGoTakesItAlong) {
  start_ready("shared-0");
  doubt("shared-0");
  machine.sim.advance(1s);

  manager().detach();
  machine.sim.advance(1s);

  EXPECT_THAT(machine.processes.running(), SizeIs(1));
}

TEST_F(InstanceStandbyTest, IsTheInstanceForTheNextDaemonAndGetsAnotherItself) {
  start_ready("shared-0");
  doubt("shared-0");
  machine.sim.advance(1s);
  give_up("shared-0");
  machine.sim.settle();
  lend("shared-0", "mario-pizza");
  const std::optional<ProcessIdentity> second = machine.instances.identity("shared-0");

  kill_daemon();
  start_daemon();
  const AdoptReport report = adopt({record("shared-0")});

  EXPECT_THAT(report.adopted, ElementsAre(an_instance("shared-0")));
  EXPECT_THAT(report.regained, SizeIs(1));
  EXPECT_EQ(view("shared-0")->process, second);
  doubt("shared-0");
  machine.sim.advance(1s);
  ASSERT_TRUE(standby("shared-0")) << "an adopted one has given its admin port";
  give_up("shared-0");
  machine.sim.settle();
  EXPECT_EQ(state("shared-0"), InstanceState::kReady);
  EXPECT_TRUE(machine.network.is_held(a_port(21900)));
}

TEST_F(InstanceStandbyTest, IsFoundWithoutTheFileThatNamesIt) {
  start_ready("shared-0");
  doubt("shared-0");
  machine.sim.advance(1s);
  give_up("shared-0");
  machine.sim.settle();
  ASSERT_THAT(machine.files.remove("/run/voicectl/instances/shared-0/process.json"), IsOk());

  kill_daemon();
  start_daemon();

  EXPECT_THAT(adopt({record("shared-0")}).adopted, ElementsAre(an_instance("shared-0")));
}

// The daemon dies at every call through a seam from the moment when the instance is doubted until
// the other has its place.
TEST_F(InstanceStandbyTest, OneProcessIsLeftWhereverTheDaemonDies) {
  std::size_t points = 0;
  bool has_died = true;
  for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
    has_died = true;
    for (std::size_t n = 1; has_died && !HasFailure(); ++n) {
      SCOPED_TRACE(fmt::format("killed {} call {}",
                               point == KillPoint::kBeforeEffect ? "before" : "after", n));
      start_ready("shared-0");
      plan().kill_at(plan().calls() + n, point);
      has_died = false;
      try {
        doubt("shared-0");
        machine.sim.advance(1s);
        give_up("shared-0");
        machine.sim.advance(1s);
      } catch (const DaemonKilled&) {
        has_died = true;
      }
      kill_daemon();
      start_daemon();
      const AdoptReport report = adopt({record("shared-0")});
      EXPECT_THAT(report.left_alone, IsEmpty());
      std::optional<Result<InstanceReady>> ready;
      manager().start(shared("shared-0"), into(ready));
      machine.sim.advance(1s);
      EXPECT_EQ(state("shared-0"), InstanceState::kReady);
      EXPECT_THAT(machine.processes.running(), SizeIs(1));
      EXPECT_EQ(machine.files.find(kNextFile), nullptr);
      std::optional<Result<void>> stopped;
      manager().stop(an_instance("shared-0"), 1s, into(stopped));
      machine.sim.advance(2s);
      points += has_died ? 1 : 0;
    }
  }
  EXPECT_GT(points, 10U);
}

}  // namespace
}  // namespace voicectl
