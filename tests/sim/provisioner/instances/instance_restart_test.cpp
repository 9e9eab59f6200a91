// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "tests/sim/provisioner/instances/instance_world.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

class InstanceRestartTest : public InstanceWorld {};

TEST_F(InstanceRestartTest, RestartsACrashedInstanceAtOnceAndTellsThatItHasNoTenants) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");

  machine.instances.crash("shared-0");
  machine.sim.advance(50ms);

  EXPECT_THAT(daemon().told,
              ElementsAre("shared-0 killed by signal 11, next try at once", "restarted shared-0"));
  EXPECT_EQ(machine.instances.starts("shared-0"), 2);
  EXPECT_EQ(view("shared-0")->restarts, 1);
  EXPECT_THAT(view("shared-0")->tenants, IsEmpty());
  EXPECT_EQ(view("shared-0")->last_exit, FakeProcesses::killed_by(11));
}

TEST_F(InstanceRestartTest, HoldsAdminPortAndTenantsListenersWhileNoProcessDoes) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");
  machine.instances.script("shared-0", {.ready_after = std::nullopt, .ends_after = 1ms});

  machine.instances.crash("shared-0");
  machine.sim.advance(100ms);

  ASSERT_EQ(state("shared-0"), InstanceState::kBackoff);
  EXPECT_THAT(machine.processes.running(), IsEmpty());
  EXPECT_TRUE(machine.network.is_held(a_port(21900)));
  EXPECT_TRUE(machine.network.is_held(a_port(21000)));
  EXPECT_TRUE(machine.network.is_reachable(socket_of("mario-pizza")));
}

TEST_F(InstanceRestartTest, WaitsLongerAfterEachEndAndGivesUpWhenTheBudgetIsSpent) {
  start_ready("shared-0");
  machine.instances.script("shared-0", {.ready_after = std::nullopt, .ends_after = 1ms});

  machine.instances.crash("shared-0");
  machine.sim.advance(9min);

  const std::vector<Duration> curve = {0ms, 250ms, 500ms, 1s,   2s,   4s,  8s,
                                       16s, 32s,   64s,   128s, 256s, 300s};
  EXPECT_THAT(daemon().waits, ElementsAreArray(curve));
  EXPECT_EQ(state("shared-0"), InstanceState::kFailed);
  EXPECT_EQ(daemon().told.back(), "shared-0 failed");
}

TEST_F(InstanceRestartTest, TriesAFailedInstanceAgainAfterALongWait) {
  start_ready("shared-0");
  machine.instances.script("shared-0", {.ready_after = std::nullopt, .ends_after = 1ms});
  machine.instances.crash("shared-0");
  machine.sim.advance(9min);
  ASSERT_EQ(state("shared-0"), InstanceState::kFailed);
  const MonoTime failed_at = view("shared-0")->since;
  machine.instances.script("shared-0", {});

  machine.sim.advance(failed_at + 300s - machine.sim.now() - 1ms);
  EXPECT_EQ(state("shared-0"), InstanceState::kFailed);
  machine.sim.advance(1s);

  EXPECT_EQ(state("shared-0"), InstanceState::kReady);
  EXPECT_EQ(daemon().told.back(), "restarted shared-0");
}

TEST_F(InstanceRestartTest, StartsAFailedInstanceWhenAsked) {
  start_ready("shared-0");
  machine.instances.script("shared-0", {.ready_after = std::nullopt, .ends_after = 1ms});
  machine.instances.crash("shared-0");
  machine.sim.advance(9min);
  machine.instances.script("shared-0", {});
  std::optional<Result<InstanceReady>> ready;

  manager().start(shared("shared-0"), into(ready));
  machine.sim.advance(1s);

  ASSERT_TRUE(ready.has_value());
  EXPECT_THAT(*ready, IsOk());
  EXPECT_EQ(daemon().told.back(), "started shared-0");
}

TEST_F(InstanceRestartTest, ForgetsEarlierEndsOfAHealthyInstance) {
  start_ready("shared-0");
  machine.instances.crash("shared-0");
  machine.sim.advance(1s);
  machine.instances.crash("shared-0");
  machine.sim.advance(11min);

  machine.instances.crash("shared-0");
  machine.sim.advance(1s);

  EXPECT_THAT(daemon().waits, ElementsAre(0ms, 250ms, 0ms));
}

TEST_F(InstanceRestartTest, ConnectsAgainWithoutTouchingTheProcessWhenTheChannelBreaks) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");

  machine.instances.drop_channel("shared-0");
  machine.sim.advance(1s);

  EXPECT_EQ(state("shared-0"), InstanceState::kReady);
  EXPECT_EQ(machine.instances.starts("shared-0"), 1);
  EXPECT_THAT(daemon().told, IsEmpty());
  EXPECT_TRUE(view("shared-0")->tenants.contains(a_tenant("mario-pizza")));
  lend("shared-0", "acme", 2, 21001);
}

TEST_F(InstanceRestartTest, KillsAndRestartsOneThatNoLongerAnswers) {
  start_ready("shared-0");
  const ProcessIdentity hung = *machine.instances.identity("shared-0");
  machine.instances.script_of_running("shared-0").is_mute = true;

  machine.instances.drop_channel("shared-0");
  machine.sim.advance(200ms + 5s + 100ms);

  EXPECT_EQ(signals_to(hung, SIGKILL), 1);
  EXPECT_EQ(state("shared-0"), InstanceState::kReady);
  EXPECT_THAT(daemon().told,
              ElementsAre("shared-0 killed by signal 9, next try at once", "restarted shared-0"));
}

TEST_F(InstanceRestartTest, TellsPendingRequestsThatTheInstanceEnded) {
  start_ready("shared-0");
  machine.instances.script_of_running("shared-0").is_mute = true;
  std::optional<Result<std::string>> stats;
  manager().request(an_instance("shared-0"), control::request::kStats, "{}", 5s, into(stats));
  machine.sim.settle();

  machine.instances.crash("shared-0");
  machine.sim.settle();

  ASSERT_TRUE(stats.has_value());
  EXPECT_THAT(*stats, FailsWith(ErrorCode::kUnavailable));
}

TEST_F(InstanceRestartTest, TellsWhoAskedThatTheAnswerIsLate) {
  start_ready("shared-0");
  machine.instances.script_of_running("shared-0").is_mute = true;
  std::optional<Result<std::string>> stats;

  manager().request(an_instance("shared-0"), control::request::kStats, "{}", 5s, into(stats));
  machine.sim.advance(5s - 1ms);
  EXPECT_FALSE(stats.has_value());
  machine.sim.advance(1ms);

  ASSERT_TRUE(stats.has_value());
  EXPECT_THAT(*stats, FailsWith(ErrorCode::kTimeout));
}

TEST_F(InstanceRestartTest, GoesOnTryingWhenTheProgramIsGoneForAWhile) {
  start_ready("shared-0");
  machine.processes.uninstall("/usr/lib/voicectl/voice-runtime");
  machine.instances.crash("shared-0");
  machine.sim.advance(100ms);
  machine.processes.install("/usr/lib/voicectl/voice-runtime");

  machine.sim.advance(1s);

  EXPECT_THAT(daemon().told,
              ElementsAre("shared-0 killed by signal 11, next try at once",
                          "shared-0 was not spawned, next try in 250ms", "restarted shared-0"));
}

}  // namespace
}  // namespace voicectl
