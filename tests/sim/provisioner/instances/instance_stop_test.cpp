// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "tests/sim/provisioner/instances/instance_world.h"

namespace voicectl {
namespace {

using ::testing::IsEmpty;

class InstanceStopTest : public InstanceWorld {};

TEST_F(InstanceStopTest, AsksTheInstanceToEndAndCleansUp) {
  start_ready("shared-0");
  const ProcessIdentity who = *machine.instances.identity("shared-0");
  std::optional<Result<void>> stopped;

  manager().stop(an_instance("shared-0"), 30s, into(stopped));
  machine.sim.advance(20ms);

  ASSERT_TRUE(stopped.has_value());
  EXPECT_THAT(*stopped, IsOk());
  EXPECT_FALSE(machine.processes.is_alive(who));
  EXPECT_THAT(machine.processes.signals(), IsEmpty());
  EXPECT_FALSE(has_folder("shared-0"));
  EXPECT_FALSE(machine.network.is_held(a_port(21900)));
  EXPECT_THAT(manager().observe(), IsEmpty());
  EXPECT_THAT(daemon().told, IsEmpty());
}

TEST_F(InstanceStopTest, SendsSigtermAtHalfTheGraceAndSigkillAtItsEnd) {
  machine.instances.script_all({.stops_after = std::nullopt});
  start_ready("shared-0");
  const ProcessIdentity who = *machine.instances.identity("shared-0");
  std::optional<Result<void>> stopped;

  manager().stop(an_instance("shared-0"), 30s, into(stopped));
  machine.sim.advance(15s - 1ms);
  EXPECT_THAT(machine.processes.signals(), IsEmpty());
  machine.sim.advance(1ms);
  EXPECT_EQ(signals_to(who, SIGTERM), 1);
  machine.sim.advance(15s - 1ms);
  EXPECT_EQ(signals_to(who, SIGKILL), 0);
  machine.sim.advance(1ms);

  EXPECT_EQ(signals_to(who, SIGKILL), 1);
  ASSERT_TRUE(stopped.has_value());
  EXPECT_THAT(*stopped, IsOk());
  EXPECT_FALSE(machine.processes.is_alive(who));
}

TEST_F(InstanceStopTest, KillsAgainWhatAKillDidNotEnd) {
  machine.instances.script_all({.stops_after = std::nullopt});
  start_ready("shared-0");
  const ProcessIdentity who = *machine.instances.identity("shared-0");
  machine.processes.immortal.insert(who.pid);
  std::optional<Result<void>> stopped;

  manager().stop(an_instance("shared-0"), 30s, into(stopped));
  machine.sim.advance(30s + SupervisionTimes{}.kill);
  ASSERT_TRUE(stopped.has_value());
  EXPECT_THAT(*stopped, FailsWith(ErrorCode::kTimeout));
  machine.processes.immortal.clear();
  machine.sim.advance(SupervisionTimes{}.kill);

  EXPECT_FALSE(machine.processes.is_alive(who));
  EXPECT_GT(signals_to(who, SIGKILL), 1);
}

TEST_F(InstanceStopTest, SendsSigtermAtOnceToOneThatHasNoChannelYet) {
  machine.instances.script_all({.ready_after = std::nullopt});
  std::optional<Result<InstanceReady>> ready;
  std::optional<Result<void>> stopped;
  manager().start(shared("shared-0"), into(ready));
  machine.sim.advance(1s);

  manager().stop(an_instance("shared-0"), 30s, into(stopped));
  machine.sim.advance(20ms);

  ASSERT_TRUE(ready.has_value() && stopped.has_value());
  EXPECT_THAT(*ready, FailsWith(ErrorCode::kCancelled));
  EXPECT_THAT(*stopped, IsOk());
  EXPECT_THAT(machine.processes.running(), IsEmpty());
}

TEST_F(InstanceStopTest, TakesTheStricterOfTwoGraces) {
  machine.instances.script_all({.stops_after = std::nullopt});
  start_ready("shared-0");
  std::optional<Result<void>> patient;
  std::optional<Result<void>> strict;

  manager().stop(an_instance("shared-0"), 60s, into(patient));
  machine.sim.advance(1s);
  manager().stop(an_instance("shared-0"), 5s, into(strict));
  machine.sim.advance(5s);

  ASSERT_TRUE(patient.has_value() && strict.has_value());
  EXPECT_THAT(*patient, IsOk());
  EXPECT_THAT(*strict, IsOk());
}

TEST_F(InstanceStopTest, RefusesToStartOneThatIsStopping) {
  machine.instances.script_all({.stops_after = std::nullopt});
  start_ready("shared-0");
  std::optional<Result<void>> stopped;
  std::optional<Result<InstanceReady>> ready;

  manager().stop(an_instance("shared-0"), 30s, into(stopped));
  manager().start(shared("shared-0"), into(ready));
  machine.sim.settle();

  ASSERT_TRUE(ready.has_value());
  EXPECT_THAT(*ready, FailsWith(ErrorCode::kConflict));
}

TEST_F(InstanceStopTest, EndsTheWaitForTheNextTry) {
  start_ready("shared-0");
  machine.instances.script("shared-0", {.ready_after = std::nullopt, .ends_after = 1ms});
  machine.instances.crash("shared-0");
  machine.sim.advance(100ms);
  ASSERT_EQ(state("shared-0"), InstanceState::kBackoff);
  std::optional<Result<void>> stopped;

  manager().stop(an_instance("shared-0"), 30s, into(stopped));
  machine.sim.settle();
  const int starts = machine.instances.starts("shared-0");
  machine.sim.advance(1h);

  ASSERT_TRUE(stopped.has_value());
  EXPECT_THAT(*stopped, IsOk());
  EXPECT_EQ(machine.instances.starts("shared-0"), starts);
}

TEST_F(InstanceStopTest, CountsAnUnknownInstanceAsStopped) {
  std::optional<Result<void>> stopped;

  manager().stop(an_instance("nobody"), 30s, into(stopped));
  machine.sim.settle();

  ASSERT_TRUE(stopped.has_value());
  EXPECT_THAT(*stopped, IsOk());
}

TEST_F(InstanceStopTest, CanStartTheSameNameAgainRightAfterIt) {
  start_ready("shared-0", 21900);
  std::optional<Result<InstanceReady>> ready;
  manager().stop(an_instance("shared-0"), 30s, [&](const Status& stopped) {
    EXPECT_THAT(stopped, IsOk());
    manager().start(shared("shared-0", 21901), into(ready));
  });

  machine.sim.advance(1s);

  ASSERT_TRUE(ready.has_value());
  EXPECT_THAT(*ready, IsOk());
  EXPECT_EQ(view("shared-0")->admin_port, a_port(21901));
}

TEST_F(InstanceStopTest, IgnoresACrashThatComesWhileItStops) {
  machine.instances.script_all({.stops_after = 5s});
  start_ready("shared-0");
  std::optional<Result<void>> stopped;

  manager().stop(an_instance("shared-0"), 30s, into(stopped));
  machine.sim.advance(1s);
  machine.instances.crash("shared-0");
  machine.sim.advance(1h);

  ASSERT_TRUE(stopped.has_value());
  EXPECT_THAT(*stopped, IsOk());
  EXPECT_EQ(machine.instances.starts("shared-0"), 1);
}

}  // namespace
}  // namespace voicectl
