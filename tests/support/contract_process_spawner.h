// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <signal.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/os/process_spawner.h"
#include "tests/support/matchers.h"

namespace voicectl {

/// A machine with a program that lives as it is told: `exit <code>` or `wait`.
class ProcessWorld {
 public:
  virtual ~ProcessWorld() = default;
  virtual ProcessSpawner& spawner() = 0;
  /// The daemon ends and another one starts: a new spawner, the same processes.
  virtual void restart_daemon() = 0;
  virtual LaunchSpec program(std::vector<std::string> arguments) = 0;
  /// Lets the loop run until `condition` holds or nothing more happens.
  virtual void run_until(const std::function<bool()>& condition) = 0;
  virtual void settle() = 0;
};

/// What every ProcessSpawner promises. Include in one source per program and instantiate.
class ProcessSpawnerContract
    : public ::testing::TestWithParam<std::unique_ptr<ProcessWorld> (*)()> {
 protected:
  /// Ends what a failed test may have left.
  ~ProcessSpawnerContract() override {
    for (const ProcessIdentity& who : started_) {
      (void)world_->spawner().signal_group(who, SIGKILL);  // gone is what we want
    }
  }
  ProcessSpawner::OnExit recorder() {
    return [this](ProcessExit how) { exits_.push_back(how); };
  }
  Result<ProcessIdentity> spawn(std::vector<std::string> arguments) {
    auto who = world_->spawner().spawn(world_->program(std::move(arguments)), recorder());
    if (who.has_value()) {
      started_.push_back(*who);
    }
    return who;
  }
  void run_until_exit() {
    world_->run_until([this] { return !exits_.empty(); });
  }

  std::unique_ptr<ProcessWorld> world_ = GetParam()();
  std::vector<ProcessExit> exits_;
  std::vector<ProcessIdentity> started_;
};

TEST_P(ProcessSpawnerContract, TellsTheExitCodeOnce) {
  ASSERT_THAT(spawn({"exit", "3"}), IsOk());
  EXPECT_THAT(exits_, ::testing::IsEmpty());

  run_until_exit();
  world_->settle();

  EXPECT_THAT(exits_, ::testing::ElementsAre(ProcessExit{true, 3, std::nullopt}));
}

TEST_P(ProcessSpawnerContract, TellsTheSignalThatKilled) {
  const auto who = spawn({"wait"});
  ASSERT_THAT(who, IsOk());

  ASSERT_THAT(world_->spawner().signal_group(*who, SIGKILL), IsOk());
  run_until_exit();

  EXPECT_THAT(exits_, ::testing::ElementsAre(ProcessExit{true, std::nullopt, SIGKILL}));
}

TEST_P(ProcessSpawnerContract, TellsThatThereIsNoSuchProgram) {
  LaunchSpec spec;
  spec.argv = {"/nonexistent/program"};

  EXPECT_THAT(world_->spawner().spawn(spec, recorder()), FailsWith(ErrorCode::kNotFound));
  world_->settle();

  EXPECT_THAT(exits_, ::testing::IsEmpty());
}

TEST_P(ProcessSpawnerContract, IdentifiesARunningProcessAndNoOther) {
  const auto who = spawn({"wait"});
  ASSERT_THAT(who, IsOk());

  EXPECT_EQ(world_->spawner().identify(who->pid), *who);
  ASSERT_THAT(world_->spawner().signal_group(*who, SIGKILL), IsOk());
  run_until_exit();
  EXPECT_EQ(world_->spawner().identify(who->pid), std::nullopt);
}

TEST_P(ProcessSpawnerContract, GivesEachProcessItsOwnIdentity) {
  const auto first = spawn({"wait"});
  const auto second = spawn({"wait"});

  EXPECT_NE(first->pid, second->pid);
  EXPECT_EQ(first->boot_id, second->boot_id);
  EXPECT_FALSE(first->boot_id.empty());
}

TEST_P(ProcessSpawnerContract, LetsProcessesOutliveTheDaemonAndBeAdopted) {
  const auto who = spawn({"wait"});
  ASSERT_THAT(who, IsOk());
  world_->restart_daemon();

  ASSERT_THAT(world_->spawner().adopt(*who, recorder()), IsOk());
  world_->settle();
  EXPECT_THAT(exits_, ::testing::IsEmpty());
  ASSERT_THAT(world_->spawner().signal_group(*who, SIGKILL), IsOk());
  run_until_exit();

  EXPECT_THAT(exits_, ::testing::SizeIs(1));
}

TEST_P(ProcessSpawnerContract, RefusesToAdoptAnotherProcessWithTheSameNumber) {
  const auto who = spawn({"wait"});
  ASSERT_THAT(who, IsOk());
  ProcessIdentity older = *who;
  --older.start_ticks;
  ProcessIdentity other_boot = *who;
  other_boot.boot_id = "00000000-0000-0000-0000-000000000000";

  EXPECT_THAT(world_->spawner().adopt(older, recorder()), FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(world_->spawner().adopt(other_boot, recorder()), FailsWith(ErrorCode::kNotFound));
}

TEST_P(ProcessSpawnerContract, NeverSignalsAnotherProcessWithTheSameNumber) {
  const auto who = spawn({"wait"});
  ASSERT_THAT(who, IsOk());
  ProcessIdentity older = *who;
  --older.start_ticks;

  EXPECT_THAT(world_->spawner().signal_group(older, SIGKILL), IsOk());
  world_->settle();

  EXPECT_EQ(world_->spawner().identify(who->pid), *who);
}

TEST_P(ProcessSpawnerContract, TakesSignallingWhatIsGoneAsDone) {
  const auto who = spawn({"exit", "0"});
  ASSERT_THAT(who, IsOk());
  run_until_exit();

  EXPECT_THAT(world_->spawner().signal_group(*who, SIGTERM), IsOk());
  EXPECT_THAT(world_->spawner().adopt(*who, recorder()), FailsWith(ErrorCode::kNotFound));
}

TEST_P(ProcessSpawnerContract, NotesWhoAProcessWillBeBeforeItRuns) {
  LaunchSpec spec = world_->program({"wait"});
  std::optional<ProcessIdentity> noted;
  spec.before_run = [&noted](const ProcessIdentity& who) {
    noted = who;
    return ok_status();
  };

  const auto who = world_->spawner().spawn(spec, recorder());

  ASSERT_THAT(who, IsOk());
  started_.push_back(*who);
  EXPECT_EQ(noted, *who);
}

TEST_P(ProcessSpawnerContract, RunsNothingThatCouldNotBeNoted) {
  LaunchSpec spec = world_->program({"wait"});
  std::optional<ProcessIdentity> noted;
  spec.before_run = [&noted](const ProcessIdentity& who) -> Status {
    noted = who;
    return Error(ErrorCode::kResourceExhausted, "cannot write: the disk is full");
  };

  EXPECT_THAT(world_->spawner().spawn(spec, recorder()), FailsWith(ErrorCode::kResourceExhausted));
  world_->settle();

  ASSERT_TRUE(noted.has_value());
  EXPECT_EQ(world_->spawner().identify(noted->pid), std::nullopt);
  EXPECT_THAT(exits_, ::testing::IsEmpty());
}

TEST_P(ProcessSpawnerContract, KnowsTheAgeOfAProcessThatItDidNotStart) {
  const auto who = spawn({"wait"});
  ASSERT_THAT(who, IsOk());
  world_->restart_daemon();
  ProcessIdentity other_boot = *who;
  other_boot.boot_id = "00000000-0000-0000-0000-000000000000";

  EXPECT_LT(world_->spawner().age_of(*who), std::chrono::seconds(30));
  EXPECT_EQ(world_->spawner().age_of(other_boot), Duration::zero());
}

}  // namespace voicectl
