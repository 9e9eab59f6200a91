// SPDX-License-Identifier: Apache-2.0
// A program is rolled through the instances, and daemon, program and probes fail on the way.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/sim/provisioner/daemon/upgrade_world.h"

namespace voicectl {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(UpgradeSim, EveryInstanceIsReplacedAndNobodyIsTakenBack) {
  const DesiredState desired = three_and_one();
  apply(desired);

  const Upgraded done = upgrade();

  ASSERT_TRUE(done.is_finished);
  EXPECT_EQ(done.outcome.failed, 0U);
  EXPECT_THAT(running(), ElementsAre(new_copy()));
  EXPECT_EQ(programs().current, fingerprint);
  EXPECT_THAT(machine.log_lines, Not(Contains(HasSubstr("tenant.not_handed_over"))));
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("upgrade.finished")));
  EXPECT_THAT(copies(), SizeIs(2)) << "the one before is kept for going back";
  expect_converged(desired);
  // Once more is nothing.
  EXPECT_TRUE(upgrade().lines.empty());
}

TEST_F(UpgradeSim, TheProgramBeforeTheLastIsForgotten) {
  apply(three_and_one());
  upgrade();
  install(kNext, "3.0 layout-1");

  upgrade();

  EXPECT_THAT(copies(), SizeIs(2));
  EXPECT_THAT(copies(), Not(Contains(fingerprint_of_program("1.0 layout-1"))));
}

TEST_F(UpgradeSim, AProgramThatDoesNotRunIsRefusedAndLeavesNothing) {
  apply(three_and_one());
  install(kNext, "broken");

  const Upgraded done = upgrade();

  ASSERT_TRUE(done.refused);
  EXPECT_EQ(done.refused->code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(copies(), SizeIs(1));
  EXPECT_FALSE(programs().upgrade);
}

TEST_F(UpgradeSim, WhoMayNotBeginItAnyMoreChangesNothing) {
  apply(three_and_one());
  std::optional<Error> refused;

  daemon().daemon->upgrade().begin(
      to_next(), {}, [&](const Error& error) { refused = error; },
      [] { return Status(Error(ErrorCode::kFenced, "cannot go on: the lock was stolen")); });
  machine.sim.advance(60s);

  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code(), ErrorCode::kFenced);
  EXPECT_FALSE(programs().upgrade);
  EXPECT_THAT(running(), ElementsAre(old_copy()));
}

TEST_F(UpgradeSim, AProgramThatIsNotThereIsRefused) {
  UpgradeRequest request = to_next();
  request.runtime = "/nowhere/voice-runtime";

  EXPECT_EQ(upgrade(request).refused->code(), ErrorCode::kNotFound);
}

TEST_F(UpgradeSim, AProgramThatDoesNotGetReadyIsTurnedBack) {
  const DesiredState desired = three_and_one();
  apply(desired);
  const std::vector<ProcessIdentity> before = machine.processes.running();
  InstanceScript never_ready;
  never_ready.ready_after = std::nullopt;
  machine.instances.script_program(new_copy(), never_ready);

  const Upgraded done = upgrade();

  ASSERT_TRUE(done.is_finished);
  EXPECT_EQ(done.outcome.failed, 1U);
  EXPECT_THAT(done.outcome.remedy, HasSubstr("the upgrade was reversed"));
  EXPECT_EQ(machine.processes.running(), before) << "the old ones served all the time";
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("upgrade.reversed")));
  EXPECT_EQ(programs().current, fingerprint_of_program("1.0 layout-1"));
  expect_converged(desired);
}

TEST_F(UpgradeSim, AProgramThatEndsAtOnceIsTurnedBack) {
  const DesiredState desired = three_and_one();
  apply(desired);
  InstanceScript ends;
  ends.ready_after = std::nullopt;
  ends.ends_after = 10ms;
  machine.instances.script_program(new_copy(), ends);

  const Upgraded done = upgrade();

  EXPECT_EQ(done.outcome.failed, 1U);
  EXPECT_THAT(running(), ElementsAre(old_copy()));
  expect_converged(desired);
}

TEST_F(UpgradeSim, ATenantThatDoesNotAnswerTurnsItBackByHandOver) {
  const DesiredState desired = three_and_one();
  apply(desired);
  const std::vector<ProcessIdentity> before = machine.processes.running();
  machine.on_probe = [](const ProbeTarget& target) {
    return target.socket.empty() ? ok_status()
                                 : Status(Error(ErrorCode::kUnavailable, "cannot call it well"));
  };

  const Upgraded done = upgrade();

  EXPECT_EQ(done.outcome.failed, 1U);
  EXPECT_THAT(done.outcome.remedy, HasSubstr("cannot call it well"));
  EXPECT_EQ(machine.processes.running(), before);
  EXPECT_THAT(machine.log_lines, Not(Contains(HasSubstr("tenant.not_handed_over"))));
  expect_converged(desired);
}

TEST_F(UpgradeSim, OneBadAnswerIsAskedAgain) {
  apply(three_and_one());
  bool was_bad = false;
  machine.on_probe = [&](const ProbeTarget&) {
    return std::exchange(was_bad, true) ? ok_status()
                                        : Status(Error(ErrorCode::kTimeout, "cannot wait"));
  };

  EXPECT_EQ(upgrade().outcome.failed, 0U);
  EXPECT_EQ(programs().current, fingerprint);
}

TEST_F(UpgradeSim, ACanaryThatEndsWhileItIsWatchedTurnsItBack) {
  const DesiredState desired = three_and_one();
  apply(desired);
  const auto running_upgrade = begin();
  machine.sim.advance(4s);
  const std::vector<InstanceId> upgraded =
      upgraded_instances(daemon().daemon->recorded().snapshot());
  ASSERT_THAT(upgraded, SizeIs(1));

  machine.instances.crash(upgraded.front().str());
  machine.sim.advance(300s);

  EXPECT_EQ(running_upgrade->outcome.failed, 1U);
  EXPECT_THAT(running(), ElementsAre(old_copy()));
  expect_converged(desired);
}

TEST_F(UpgradeSim, OneThatCannotBeAskedForLongIsTurnedBack) {
  const DesiredState desired = three_and_one();
  apply(desired);
  machine.on_probe = [](const ProbeTarget&) {
    return Status(Error(ErrorCode::kResourceExhausted, "cannot open a socket"));
  };

  const Upgraded done = upgrade();

  ASSERT_TRUE(done.is_finished);
  EXPECT_THAT(done.outcome.remedy, HasSubstr("nobody could ask whether it is well"));
  EXPECT_THAT(machine.log_lines,
              Contains(AllOf(HasSubstr("upgrade.reversing"), HasSubstr("cannot open a socket"))));
  EXPECT_THAT(running(), ElementsAre(old_copy()));
  expect_converged(desired);
}

TEST_F(UpgradeSim, AShortWantOfDescriptorsIsWaitedFor) {
  apply(three_and_one());
  std::size_t looks = 0;
  machine.on_probe = [&looks](const ProbeTarget& target) {
    looks += target.socket.empty() ? 1 : 0;
    return looks > 40 ? ok_status()
                      : Status(Error(ErrorCode::kResourceExhausted, "cannot open a socket"));
  };

  EXPECT_EQ(upgrade().outcome.failed, 0U);
  EXPECT_EQ(programs().current, fingerprint);
}

TEST_F(UpgradeSim, OneWhoseBeginningCannotBeRecordedAtOnceIsLedAllTheSame) {
  const DesiredState desired = three_and_one();
  apply(desired);
  lose_close(1);

  const Upgraded done = upgrade();

  EXPECT_FALSE(done.refused);
  ASSERT_TRUE(done.is_finished);
  EXPECT_EQ(done.outcome.failed, 0U);
  EXPECT_EQ(programs().current, fingerprint);
  expect_all_recorded();
  expect_converged(desired);
}

TEST_F(UpgradeSim, WhicheverRecordOfItFailsOnceItEndsInOneProgram) {
  const DesiredState desired = three_and_one();
  apply(desired);
  upgrade();
  const std::uint64_t moved = programs().last->moved;
  bool is_lost = true;
  for (std::size_t n = 1; is_lost && n < 100; ++n) {
    SCOPED_TRACE(fmt::format("close {}", n));
    fingerprint = install(kNext, fmt::format("2.{} layout-1", n));
    const std::string before = programs().current;
    lose_close(n);
    is_lost = false;
    machine.registry->on_close =
        [&is_lost, lose = machine.registry->on_close](const std::vector<ClosedAction>& actions) {
          const Status out = lose(actions);
          is_lost = is_lost || out.has_error();
          return out;
        };

    const Upgraded done = upgrade();

    EXPECT_FALSE(done.refused);
    ASSERT_TRUE(done.is_finished);
    EXPECT_TRUE(programs().current == fingerprint || programs().current == before);
    EXPECT_FALSE(programs().upgrade);
    EXPECT_TRUE(programs().current == before || programs().last->moved == moved)
        << programs().last->moved << " are told of " << moved;
    machine.sim.advance(61min);
    expect_all_recorded();
    expect_converged(desired);
    if (HasFailure()) {
      break;
    }
  }
  EXPECT_FALSE(is_lost) << "all records had their turn";
}

TEST_F(UpgradeSim, TheOthersFollowOnlyWhenTheWatchIsOver) {
  apply(three_and_one());
  UpgradeRequest request = to_next();
  request.wish.watch = std::chrono::seconds(60);
  begin(request);

  machine.sim.advance(59s);
  EXPECT_EQ(programs().upgrade->phase, UpgradePhase::kCanary);
  EXPECT_THAT(running(), SizeIs(2));
  machine.sim.advance(30s);
  EXPECT_EQ(programs().current, fingerprint);
}

TEST_F(UpgradeSim, ItIsTurnedBackWhenSomebodySaysSo) {
  const DesiredState desired = three_and_one();
  apply(desired);
  const auto running_upgrade = begin();
  machine.sim.advance(4s);

  bool is_told = false;
  daemon().daemon->upgrade().abort("ann", [&](const Status& done) {
    EXPECT_THAT(done, IsOk());
    is_told = true;
  });
  machine.sim.advance(300s);

  EXPECT_TRUE(is_told);
  EXPECT_THAT(running_upgrade->outcome.remedy, HasSubstr("aborted by ann"));
  EXPECT_THAT(running(), ElementsAre(old_copy()));
  expect_converged(desired);
  daemon().daemon->upgrade().abort(
      "ann", [](const Status& done) { EXPECT_THAT(done, FailsWith(ErrorCode::kNotFound)); });
  machine.sim.settle();
}

TEST_F(UpgradeSim, AnAbortThatCannotBeRecordedYetIsNotForgotten) {
  const DesiredState desired = three_and_one();
  apply(desired);
  const auto running_upgrade = begin();
  machine.sim.advance(4s);
  machine.registry->failure = Error(ErrorCode::kResourceExhausted, "cannot write: disk full");

  bool is_told = false;
  daemon().daemon->upgrade().abort("ann", [&](const Status& done) {
    EXPECT_THAT(done, IsOk());
    is_told = true;
  });
  machine.sim.advance(20s);
  EXPECT_FALSE(is_told);
  EXPECT_FALSE(running_upgrade->is_finished);
  machine.registry->failure.reset();
  machine.sim.advance(300s);

  EXPECT_TRUE(is_told);
  ASSERT_TRUE(running_upgrade->is_finished);
  EXPECT_EQ(running_upgrade->outcome.failed, 1U);
  EXPECT_THAT(running_upgrade->outcome.remedy, HasSubstr("aborted by ann"));
  EXPECT_THAT(running(), ElementsAre(old_copy()));
  expect_converged(desired);
}

TEST_F(UpgradeSim, ItGoesBackToTheProgramBefore) {
  const DesiredState desired = three_and_one();
  apply(desired);
  upgrade();
  UpgradeRequest back;
  back.is_rollback = true;

  const Upgraded done = upgrade(back);

  EXPECT_EQ(done.outcome.failed, 0U);
  EXPECT_THAT(running(), ElementsAre(old_copy()));
  EXPECT_EQ(programs().previous, fingerprint);
  expect_converged(desired);
}

TEST_F(UpgradeSim, WithoutAProgramBeforeThereIsNoWayBack) {
  apply(three_and_one());
  UpgradeRequest back;
  back.is_rollback = true;

  EXPECT_EQ(upgrade(back).refused->code(), ErrorCode::kNotFound);
}

TEST_F(UpgradeSim, WebSocketsAreDroppedOnlyWhenThatIsAllowed) {
  const DesiredState desired = three_and_one();
  apply(desired);
  install(kNext, "2.0 layout-2");

  UpgradeRequest request = to_next();
  const Upgraded refused = upgrade(request);
  request.drops = Drops::kAllow;
  const Upgraded done = upgrade(request);

  ASSERT_TRUE(refused.refused);
  EXPECT_EQ(refused.refused->code(), ErrorCode::kConflict);
  EXPECT_THAT(refused.refused->text(), HasSubstr("--allow-drops"));
  EXPECT_EQ(done.outcome.failed, 0U);
  expect_converged(desired);
}

TEST_F(UpgradeSim, AnInstanceThatDoesNotLetGoIsEndedOnTheWayBack) {
  const DesiredState desired = three_and_one();
  apply(desired);
  const auto running_upgrade = begin();
  machine.sim.advance(4s);
  const std::string canary =
      upgraded_instances(daemon().daemon->recorded().snapshot()).front().str();
  machine.instances.script_of_running(canary).is_mute = true;
  machine.instances.script_of_running(canary).stops_after = std::nullopt;

  daemon().daemon->upgrade().abort("ann", [](const Status&) {});
  machine.sim.advance(900s);

  EXPECT_TRUE(running_upgrade->is_finished);
  EXPECT_THAT(running(), ElementsAre(old_copy()));
  expect_converged(desired);
}

TEST_F(UpgradeSim, AnApplyMeanwhileIsNotHeldUp) {
  DesiredState desired = three_and_one();
  apply(desired);
  const auto running_upgrade = begin();
  machine.sim.advance(4s);
  desired.tenants.push_back(platform_with({"newcomer"}).tenants.front());

  EXPECT_EQ(apply(desired).outcome.failed, 0U);
  machine.sim.advance(300s);

  EXPECT_TRUE(running_upgrade->is_finished);
  EXPECT_EQ(programs().current, fingerprint);
  expect_converged(desired);
}

/// The daemon dies at every call of an upgrade through a seam and at every transaction of it,
/// before and after its effect.
class UpgradeCrashPoints : public UpgradeSim, public ::testing::WithParamInterface<bool> {
 protected:
  UpgradeCrashPoints() { count_transactions(); }
  void advance_until(const std::function<bool()>& condition) {
    for (int i = 0; i < 400 && !condition(); ++i) {
      machine.sim.advance(1s);
    }
  }
  void check_points(KillPoint point) {
    for (std::size_t n = 1;; ++n) {
      SCOPED_TRACE(fmt::format("killed {} call {}",
                               point == KillPoint::kBeforeEffect ? "before" : "after", n));
      fingerprint = install(kNext, fmt::format("{}-{} layout-1", static_cast<int>(point), n));
      const std::string before = programs().current;
      daemon().plan.kill_at(daemon().plan.calls() + n, point);
      bool died = false;
      try {
        UpgradeRequest request = to_next();
        request.wish.watch = std::chrono::seconds(1);
        const auto running_upgrade = begin(request);
        advance_until([&] { return running_upgrade->is_finished; });
      } catch (const DaemonKilled&) {
        died = true;
      }
      for (const TenantSpec& spec : desired.tenants) {
        EXPECT_LE(machine.instances.holders(spec.tenant).size(), 1U) << spec.tenant.str();
      }
      kill_daemon();
      start_daemon();
      advance_until([&] { return !programs().upgrade; });
      EXPECT_FALSE(programs().upgrade);
      machine.sim.advance(20s);
      EXPECT_TRUE(programs().current == fingerprint || programs().current == before);
      EXPECT_THAT(running(), SizeIs(1));
      EXPECT_THAT(running(), ElementsAre(copy_of(programs().current)));
      EXPECT_LE(copies().size(), 2U);
      expect_converged(desired);
      if (!died || HasFailure()) {
        break;
      }
      ++points;
    }
  }

  DesiredState desired = three_and_one();
  std::size_t points = 0;
};

TEST_P(UpgradeCrashPoints, EndInOneProgramWhereverTheDaemonDies) {
  apply(desired);
  if (GetParam()) {
    machine.on_probe = [](const ProbeTarget& target) {
      return target.socket.empty() ? ok_status()
                                   : Status(Error(ErrorCode::kUnavailable, "cannot call it well"));
    };
  }

  check_points(KillPoint::kBeforeEffect);
  check_points(KillPoint::kAfterEffect);

  EXPECT_GT(points, 20U);
  RecordProperty("points", static_cast<int>(points));
}

INSTANTIATE_TEST_SUITE_P(Ways,
                         UpgradeCrashPoints,
                         ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& is_reversed) {
                           return is_reversed.param ? "Reversed" : "CarriedThrough";
                         });

}  // namespace
}  // namespace voicectl
