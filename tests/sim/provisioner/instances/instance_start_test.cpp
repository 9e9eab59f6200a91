// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "tests/sim/provisioner/instances/instance_world.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class InstanceStartTest : public InstanceWorld {};

TEST_F(InstanceStartTest, AnswersWhenTheInstanceSaysThatItIsReady) {
  machine.instances.script_all({.ready_after = 2s});
  std::optional<Result<InstanceReady>> ready;

  manager().start(shared("shared-0"), into(ready));
  machine.sim.advance(2s - 1ms);
  EXPECT_FALSE(ready.has_value());
  machine.sim.advance(1ms);

  ASSERT_TRUE(ready.has_value());
  ASSERT_THAT(*ready, IsOk());
  EXPECT_EQ((*ready)->process, machine.instances.identity("shared-0"));
  EXPECT_EQ((*ready)->version, "1.0-fake");
  EXPECT_EQ((*ready)->took, 2s);
  EXPECT_THAT(daemon().told, ElementsAre("started shared-0"));
}

TEST_F(InstanceStartTest, GivesTheChildItsSocketsAndItsLogUnderTheAgreedNumbers) {
  start_ready("shared-0");

  const ProcessIdentity who = *machine.instances.identity("shared-0");
  EXPECT_EQ(machine.network.address_of(machine.processes.descriptor_of(who, 3)),
            "unix:/run/voicectl/instances/shared-0/control.sock");
  EXPECT_EQ(machine.network.address_of(machine.processes.descriptor_of(who, 4)), "127.0.0.1:21900");
  EXPECT_GE(machine.processes.descriptor_of(who, 1), 0);
  EXPECT_GE(machine.processes.descriptor_of(who, 2), 0);
  EXPECT_THAT(machine.processes.spec_of(who)->argv,
              ElementsAre("/usr/lib/voicectl/voice-runtime", "--instance", "shared-0"));
}

TEST_F(InstanceStartTest, StartsNoSecondProcessForOneThatIsReady) {
  start_ready("shared-0");
  std::optional<Result<InstanceReady>> again;

  manager().start(shared("shared-0"), into(again));
  machine.sim.settle();

  ASSERT_TRUE(again.has_value());
  EXPECT_THAT(*again, IsOk());
  EXPECT_EQ(machine.instances.starts("shared-0"), 1);
}

TEST_F(InstanceStartTest, LetsTwoStartsShareOneProcess) {
  std::optional<Result<InstanceReady>> first;
  std::optional<Result<InstanceReady>> second;

  manager().start(shared("shared-0"), into(first));
  manager().start(shared("shared-0"), into(second));
  machine.sim.advance(1s);

  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_THAT(*first, IsOk());
  EXPECT_THAT(*second, IsOk());
  EXPECT_EQ(machine.instances.starts("shared-0"), 1);
}

TEST_F(InstanceStartTest, KillsAndForgetsOneThatIsNeverReady) {
  machine.instances.script_all({.ready_after = std::nullopt});
  machine.log_pipes.write("/var/log/voicectl/instances/shared-0.log", {"opening store", "hm"});
  std::optional<Result<InstanceReady>> ready;

  manager().start(shared("shared-0"), into(ready));
  machine.sim.advance(15s - 1ms);
  EXPECT_EQ(state("shared-0"), InstanceState::kStarting);
  machine.sim.advance(1ms);

  ASSERT_TRUE(ready.has_value());
  EXPECT_THAT(*ready, FailsWith(ErrorCode::kTimeout));
  EXPECT_THAT(ready->error().text(), HasSubstr("waiting for its answer to 'hello'"));
  EXPECT_THAT(ready->error().text(), HasSubstr("opening store | hm"));
  EXPECT_THAT(machine.processes.running(), IsEmpty());
  EXPECT_FALSE(has_folder("shared-0"));
  EXPECT_THAT(manager().observe(), IsEmpty());
  EXPECT_THAT(daemon().told, IsEmpty());
}

TEST_F(InstanceStartTest, TellsHowOneEndedThatDiesWhileStarting) {
  machine.instances.script_all({.ready_after = std::nullopt, .ends_after = 10ms});
  machine.log_pipes.write("/var/log/voicectl/instances/shared-0.log", {"no such option"});
  std::optional<Result<InstanceReady>> ready;

  manager().start(shared("shared-0"), into(ready));
  machine.sim.advance(10ms);

  ASSERT_TRUE(ready.has_value());
  EXPECT_THAT(*ready, FailsWith(ErrorCode::kUnavailable));
  EXPECT_THAT(ready->error().text(), HasSubstr("exited with 3"));
  EXPECT_THAT(ready->error().text(), HasSubstr("no such option"));
  EXPECT_FALSE(machine.network.is_held(a_port(21900)));
  EXPECT_THAT(manager().observe(), IsEmpty());
}

TEST_F(InstanceStartTest, TriesOnAfterAFailedFirstStartIfAskedTo) {
  machine.instances.script("shared-0", {.ready_after = std::nullopt, .ends_after = 10ms});
  InstanceOptions options = shared("shared-0");
  options.first_failure = FirstFailure::kKeepTrying;
  std::optional<Result<InstanceReady>> ready;

  manager().start(options, into(ready));
  machine.sim.advance(10ms);
  machine.instances.script("shared-0", {});
  machine.sim.advance(1s);

  ASSERT_TRUE(ready.has_value());
  EXPECT_THAT(*ready, FailsWith(ErrorCode::kUnavailable));
  EXPECT_EQ(state("shared-0"), InstanceState::kReady);
  EXPECT_THAT(daemon().told,
              ElementsAre("shared-0 exited with 3, next try at once",
                          "shared-0 exited with 3, next try in 250ms", "started shared-0"));
}

TEST_F(InstanceStartTest, RefusesATakenAdminPortAndLeavesNothingBehind) {
  machine.network.occupy(a_port(21900));
  std::optional<Result<InstanceReady>> ready;

  manager().start(shared("shared-0"), into(ready));
  machine.sim.settle();

  ASSERT_TRUE(ready.has_value());
  EXPECT_THAT(*ready, FailsWith(ErrorCode::kAlreadyExists));
  EXPECT_THAT(ready->error().text(), HasSubstr("binding its admin port"));
  EXPECT_THAT(machine.processes.spawned(), IsEmpty());
  EXPECT_FALSE(has_folder("shared-0"));
}

TEST_F(InstanceStartTest, NamesAMissingProgram) {
  machine.processes.uninstall("/usr/lib/voicectl/voice-runtime");
  std::optional<Result<InstanceReady>> ready;

  manager().start(shared("shared-0"), into(ready));
  machine.sim.settle();

  ASSERT_TRUE(ready.has_value());
  EXPECT_THAT(*ready, FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(ready->error().text(), HasSubstr("/usr/lib/voicectl/voice-runtime"));
}

TEST_F(InstanceStartTest, RunsNothingThatItCannotRecord) {
  std::optional<Result<InstanceReady>> ready;
  plan().fail_at(6, Error(ErrorCode::kResourceExhausted, "cannot write: disk is full"));

  manager().start(shared("shared-0"), into(ready));
  machine.sim.advance(1s);

  ASSERT_THAT(plan().names(), SizeIs(::testing::Ge(6U)));
  EXPECT_EQ(plan().names()[5], "replace /run/voicectl/instances/shared-0/process.json");
  ASSERT_TRUE(ready.has_value());
  EXPECT_THAT(*ready, FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_THAT(ready->error().text(), HasSubstr("recording its process"));
  EXPECT_EQ(machine.instances.starts("shared-0"), 0);
  EXPECT_THAT(machine.processes.running(), IsEmpty());
}

TEST_F(InstanceStartTest, RefusesAnotherAdminPortForARunningInstance) {
  start_ready("shared-0", 21900);
  std::optional<Result<InstanceReady>> other;

  manager().start(shared("shared-0", 21901), into(other));
  machine.sim.settle();

  ASSERT_TRUE(other.has_value());
  EXPECT_THAT(*other, FailsWith(ErrorCode::kConflict));
}

TEST_F(InstanceStartTest, ConnectsAgainWhenItsChannelBreaksWhileItStarts) {
  machine.instances.script_all({.ready_after = 1s});
  std::optional<Result<InstanceReady>> ready;

  manager().start(shared("shared-0"), into(ready));
  machine.sim.advance(500ms);
  machine.instances.drop_channel("shared-0");
  machine.sim.advance(1s);

  ASSERT_TRUE(ready.has_value());
  EXPECT_THAT(*ready, IsOk());
  EXPECT_EQ(machine.instances.starts("shared-0"), 1);
}

}  // namespace
}  // namespace voicectl
