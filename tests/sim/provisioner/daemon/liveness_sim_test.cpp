// SPDX-License-Identifier: Apache-2.0
// An instance that does not answer any more is recognised and replaced, and no other is.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/provisioner/daemon/daemon_world.h"
#include "tests/sim/provisioner/daemon/sim_watch.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LivenessSim : public DaemonWorld {
 protected:
  LivenessSim() : watch_(std::make_unique<SimWatch>(daemon())) { watch_->watch.liveness().begin(); }
  ~LivenessSim() override { watch_.reset(); }

  static DesiredState a_platform() { return platform_with({"alpha", "beta"}); }
  void hang(const std::string& instance) {
    machine.instances.script_of_running(instance).is_mute = true;
  }
  std::size_t told(const std::string& event) {
    return static_cast<std::size_t>(
        std::count_if(machine.log_lines.begin(), machine.log_lines.end(),
                      [&](const std::string& line) { return line.find(event) != line.npos; }));
  }
  /// In steps shorter than the time between one heartbeat's end and the next one.
  void advance_until_told(const std::string& event) {
    for (int i = 0; i < 1000 && told(event) == 0; ++i) {
      machine.sim.advance(100ms);
    }
  }
  std::vector<std::string> holders(const std::string& tenant) {
    return machine.instances.holders(*TenantId::parse(tenant));
  }
  void note_answer(const std::string& instance) {
    watch_->watch.liveness().note_answer(*InstanceId::parse(instance));
  }
  ProcessIdentity process(const std::string& instance) {
    return *machine.instances.identity(instance);
  }
  /// Names of the events about instances since the last look, in their order.
  std::vector<std::string> told_of_instances() {
    std::vector<std::string> out;
    for (; looked_at_ < machine.log_lines.size(); ++looked_at_) {
      const std::string& line = machine.log_lines[looked_at_];
      for (const char* const name :
           {"instance.silent", "instance.answers", "instance.standby_ready",
            "instance.standby_failed", "instance.hangs", "instance.exited", "instance.ready"}) {
        if (line.find(name) != line.npos) {
          out.emplace_back(name);
        }
      }
    }
    return out;
  }
  std::vector<std::string> problems() { return watch_->problems(); }
  Json status() { return watch_->status(); }
  std::map<InstanceId, std::uint32_t> missed() const { return watch_->watch.liveness().missed(); }

 private:
  std::unique_ptr<SimWatch> watch_;
  std::size_t looked_at_ = 0;
};

TEST_F(LivenessSim, OneThatHangsIsKilledAndItsTenantsAreServedAgain) {
  apply(a_platform());
  machine.sim.advance(60s);
  EXPECT_THAT(missed(), IsEmpty());
  const int starts = machine.instances.starts("shared-0");
  const int others = machine.instances.starts("shared-1");
  const ProcessIdentity before = process("shared-0");
  (void)told_of_instances();

  hang("shared-0");
  advance_until_told("instance.standby_ready");
  EXPECT_EQ(process("shared-0"), before) << "two missed are not enough";
  EXPECT_EQ(missed().size(), 1U);
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("instance 'shared-0' has not answered 2 heartbeats "
                                                "in a row")));
  EXPECT_EQ(status()["heartbeats"]["silent"], 1);
  machine.sim.advance(30s);

  EXPECT_EQ(machine.instances.starts("shared-0"), starts + 1);
  EXPECT_THAT(told_of_instances(),
              ElementsAre("instance.silent", "instance.standby_ready", "instance.hangs",
                          "instance.exited", "instance.ready"))
      << "the new one is ready before the old one goes";
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_THAT(holders("alpha"), ElementsAre("shared-0"));
  EXPECT_THAT(holders("beta"), ElementsAre("shared-1")) << "another is left alone";
  EXPECT_EQ(machine.instances.starts("shared-1"), others);
  EXPECT_EQ(told("instance.hangs"), 1U);
  EXPECT_EQ(told("instance.exited"), 1U);
  EXPECT_THAT(missed(), IsEmpty());
}

TEST_F(LivenessSim, OneThatWasOnlySlowIsLeftAlone) {
  apply(a_platform());
  machine.sim.advance(60s);
  const ProcessIdentity before = process("shared-0");

  for (int i = 0; i < 10; ++i) {
    hang("shared-0");
    machine.sim.advance(10s);
    machine.instances.script_of_running("shared-0").is_mute = false;
    machine.sim.advance(20s);
  }

  EXPECT_EQ(process("shared-0"), before);
  EXPECT_EQ(told("instance.hangs"), 0U);
  EXPECT_EQ(told("instance.exited"), 0U);
  EXPECT_EQ(told("instance.answers"), told("instance.silent"));
}

TEST_F(LivenessSim, OneThatAnswersAgainGetsNoOtherInItsPlace) {
  apply(a_platform());
  machine.sim.advance(60s);
  const ProcessIdentity before = process("shared-0");
  const std::size_t processes = machine.processes.running().size();
  (void)told_of_instances();

  hang("shared-0");
  advance_until_told("instance.standby_ready");
  EXPECT_EQ(machine.processes.running().size(), processes + 1);
  machine.instances.script_of_running("shared-0").is_mute = false;
  machine.sim.advance(30s);

  EXPECT_EQ(process("shared-0"), before);
  EXPECT_EQ(machine.processes.running().size(), processes);
  EXPECT_THAT(told_of_instances(),
              ElementsAre("instance.silent", "instance.standby_ready", "instance.answers"));
  EXPECT_THAT(holders("alpha"), ElementsAre("shared-0"));
}

TEST_F(LivenessSim, WithoutAnotherInTimeItIsKilledAndStartedAgain) {
  apply(a_platform());
  machine.sim.advance(60s);
  machine.instances.script("shared-0+", {.ready_after = std::nullopt});
  const ProcessIdentity before = process("shared-0");
  (void)told_of_instances();

  hang("shared-0");
  machine.sim.advance(60s);

  EXPECT_NE(process("shared-0"), before);
  EXPECT_THAT(told_of_instances(),
              ElementsAre("instance.silent", "instance.hangs", "instance.standby_failed",
                          "instance.exited", "instance.ready"));
  EXPECT_THAT(holders("alpha"), ElementsAre("shared-0"));
}

TEST_F(LivenessSim, AnApplyThatMovesItsTenantsWaitsForWhatBecomesOfIt) {
  apply(a_platform());
  machine.sim.advance(60s);
  hang("shared-0");
  advance_until_told("instance.silent");

  DesiredState desired = a_platform();
  desired.tenants.front().tier = Tier::kDedicated;
  const Applied applied = apply(desired);

  EXPECT_TRUE(applied.is_finished);
  EXPECT_EQ(applied.outcome.failed, 0U);
  EXPECT_EQ(holders("alpha").size(), 1U);
  EXPECT_NE(holders("alpha"), std::vector<std::string>{"shared-0"});
  expect_converged(desired);
}

TEST_F(LivenessSim, OneThatDoesNotKnowTheQuestionLives) {
  apply(a_platform());
  machine.instances.on_request =
      [](const std::string&,
         const control::Message& question) -> std::optional<Result<std::string>> {
    return question.type == control::request::kPing
               ? std::optional<Result<std::string>>(
                     Error(ErrorCode::kInvalidArgument, "cannot do 'ping'"))
               : std::nullopt;
  };

  machine.sim.advance(300s);

  EXPECT_THAT(missed(), IsEmpty());
  EXPECT_EQ(told("instance.hangs"), 0U);
}

TEST_F(LivenessSim, OneThatHasJustAnsweredSomethingElseIsNotAsked) {
  apply(a_platform());
  std::map<std::string, int> asked;
  machine.instances.on_request =
      [&](const std::string& instance,
          const control::Message& question) -> std::optional<Result<std::string>> {
    asked[instance] += question.type == control::request::kPing ? 1 : 0;
    return std::nullopt;
  };
  machine.sim.advance(1s);
  for (int second = 0; second < 60; ++second) {
    note_answer("shared-0");
    machine.sim.advance(1s);
  }
  EXPECT_EQ(asked["shared-0"], 0);
  EXPECT_GE(asked["shared-1"], 11);

  hang("shared-0");
  const int starts = machine.instances.starts("shared-0");
  machine.sim.advance(30s);

  EXPECT_EQ(machine.instances.starts("shared-0"), starts + 1) << "silence is heard all the same";
}

TEST_F(LivenessSim, HowLongAStartMayTakeIsSaidByThePlatform) {
  machine.instances.script_all({.ready_after = 20s});
  EXPECT_GT(apply(a_platform()).outcome.failed, 0U);

  DesiredState desired = a_platform();
  desired.platform.liveness.start_timeout = 30s;
  EXPECT_EQ(apply(desired).outcome.failed, 0U);

  expect_converged(desired);
}

TEST_F(LivenessSim, IsOnlyToldWhereNobodyIsToBeReplaced) {
  DesiredState desired = a_platform();
  desired.platform.liveness = {.interval = 2s, .misses = 4, .replaces = false};
  apply(desired);
  const int starts = machine.instances.starts("shared-0");

  hang("shared-0");
  machine.sim.advance(120s);

  EXPECT_EQ(machine.instances.starts("shared-0"), starts);
  EXPECT_EQ(told("instance.hangs"), 1U);
  EXPECT_EQ(told("instance.standby_ready"), 0U);
  EXPECT_GT(missed().begin()->second, 4U);
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("instance 'shared-0' has not answered")));
}

// The daemon dies at every call through a seam from the first missed heartbeat on until the tenants
// are served again.
class LivenessCrashPoints : public DaemonWorld, public ::testing::WithParamInterface<KillPoint> {
 protected:
  /// Whether it died before everything was as it should be again.
  bool hang_and_die(std::size_t n) {
    SimWatch watch(daemon());
    watch.watch.liveness().begin();
    daemon().plan.kill_at(daemon().plan.calls() + n, GetParam());
    machine.instances.script_of_running("shared-0").is_mute = true;
    try {
      machine.sim.advance(60s);
    } catch (const DaemonKilled&) {
      return true;
    }
    return false;
  }
};

TEST_P(LivenessCrashPoints, ConvergeWhereverTheDaemonDies) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);
  std::size_t points = 0;
  for (std::size_t n = 1; !HasFailure(); ++n) {
    SCOPED_TRACE(fmt::format("killed at call {}", n));
    const bool died = hang_and_die(n);
    EXPECT_LE(machine.instances.holders(*TenantId::parse("alpha")).size(), 1U);
    kill_daemon();
    start_daemon();
    expect_converged(desired);
    for (const char* const tenant : {"alpha", "beta"}) {
      EXPECT_EQ(machine.instances.holders(*TenantId::parse(tenant)).size(), 1U);
    }
    EXPECT_FALSE(machine.instances.is_running("shared-0+"));
    if (!died) {
      break;
    }
    ++points;
  }
  EXPECT_GE(points, 6U);
}

INSTANTIATE_TEST_SUITE_P(AtEachCall,
                         LivenessCrashPoints,
                         ::testing::Values(KillPoint::kBeforeEffect, KillPoint::kAfterEffect));

}  // namespace
}  // namespace voicectl
