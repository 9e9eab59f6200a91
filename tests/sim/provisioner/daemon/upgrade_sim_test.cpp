// SPDX-License-Identifier: Apache-2.0
// A program is rolled through the instances, and daemon, program and probes fail on the way.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kNext = "/opt/next/voice-runtime";

struct Upgraded {
  std::optional<Error> refused;
  bool is_finished = false;
  api::ApplyOutcome outcome;
  std::vector<std::string> lines;
};

class UpgradeSim : public DaemonWorld {
 protected:
  UpgradeSim() { fingerprint = install(kNext, "2.0 layout-1"); }

  static DesiredState three_and_one() {
    DesiredState desired = platform_with({"alpha", "beta", "big", "gamma"});
    desired.tenants[2].tier = Tier::kDedicated;
    return desired;
  }
  static UpgradeRequest to_next() {
    UpgradeRequest request;
    request.runtime = kNext;
    request.wish.who = "test";
    return request;
  }
  std::shared_ptr<Upgraded> begin(const UpgradeRequest& request = to_next()) {
    auto out = std::make_shared<Upgraded>();
    daemon().daemon->upgrade().begin(
        request,
        {[](const Plan&) {},
         [out](const api::StepProgress& step) {
           out->lines.push_back(step.text + (step.error.empty() ? "" : ": " + step.error));
         },
         [out](const api::ApplyOutcome& outcome) {
           out->is_finished = true;
           out->outcome = outcome;
         }},
        [out](const Error& error) { out->refused = error; });
    return out;
  }
  Upgraded upgrade(const UpgradeRequest& request = to_next()) {
    const auto out = begin(request);
    machine.sim.advance(300s);
    return *out;
  }
  Result<UpgradeForecast> forecast(const UpgradeRequest& request) {
    std::optional<Result<UpgradeForecast>> out;
    daemon().daemon->upgrade().forecast(request,
                                        [&](const Result<UpgradeForecast>& made) { out = made; });
    machine.sim.advance(10s);
    return out.value_or(Error(ErrorCode::kTimeout, "no forecast came"));
  }
  const Programs& programs() { return daemon().daemon->recorded().snapshot().programs; }
  /// Programs that instances run.
  std::set<std::string> running() {
    std::set<std::string> out;
    for (const auto& [name, instance] : daemon().daemon->recorded().snapshot().instances) {
      out.insert(machine.instances.program_of(name.str()));
    }
    return out;
  }
  static std::string copy_of(const std::string& program) {
    return "/var/lib/voicectl/programs/" + program + "/voice-runtime";
  }
  std::string old_copy() { return copy_of(fingerprint_of_program("1.0 layout-1")); }
  std::string new_copy() { return copy_of(fingerprint); }
  std::vector<std::string> copies() { return *machine.files.list("/var/lib/voicectl/programs"); }

  std::string fingerprint;
};

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

TEST_F(UpgradeSim, AForecastSaysHowItGoesAndChangesNothing) {
  apply(three_and_one());
  const Snapshot before = daemon().daemon->recorded().snapshot();
  UpgradeRequest request = to_next();
  request.wish.watch = 30s;

  const Result<UpgradeForecast> one_by_one = forecast(request);
  request.wish.batch = 10;
  const Result<UpgradeForecast> at_once = forecast(request);

  ASSERT_THAT(one_by_one, IsOk());
  ASSERT_TRUE(one_by_one->course.has_value());
  const UpgradeCourse& course = *one_by_one->course;
  EXPECT_EQ(course.waves, before.instances.size());
  EXPECT_THAT(one_by_one->instances, SizeIs(before.instances.size()));
  EXPECT_GT(course.duration.typical, 30s);
  EXPECT_LE(course.duration.typical, course.duration.at_most);
  ASSERT_THAT(at_once, IsOk());
  EXPECT_EQ(at_once->course.value().waves, 2U);
  EXPECT_LT(at_once->course->duration.typical, course.duration.typical);
  EXPECT_EQ(daemon().daemon->recorded().snapshot().generation, before.generation);
  EXPECT_FALSE(programs().upgrade);

  request.wish.batch = 1;
  const MonoTime began = machine.sim.now();
  const auto done = begin(request);
  while (!done->is_finished && machine.sim.now() - began < 300s) {
    machine.sim.advance(100ms);
  }

  ASSERT_TRUE(done->is_finished);
  EXPECT_LE(machine.sim.now() - began, course.duration.at_most);
}

TEST_F(UpgradeSim, AForecastKnowsTheMemoryOfEveryWave) {
  DesiredState desired = three_and_one();
  desired.platform.pool_size = 3;
  apply(desired);
  ASSERT_THAT(daemon().daemon->recorded().snapshot().instances, SizeIs(4));
  daemon().load = [this] {
    LiveLoad out;
    for (const auto& [name, instance] : daemon().daemon->recorded().snapshot().instances) {
      out.memory.emplace(name, Bytes{10});
    }
    return out;
  };
  UpgradeRequest request = to_next();
  request.wish.canary = "tenant/alpha";

  const Result<UpgradeForecast> of_one = forecast(request);
  request.wish.batch = 2;
  const Result<UpgradeForecast> of_two = forecast(request);

  ASSERT_THAT(of_one, IsOk());
  ASSERT_THAT(of_two, IsOk());
  EXPECT_EQ(of_one->course.value().waves, 5U);
  EXPECT_EQ(of_two->course.value().waves, 3U);
  EXPECT_EQ(of_one->course->memory_before, Bytes{40});
  // Who was replaced stops while the next heirs start; the canary's one tenant replaces nobody.
  EXPECT_EQ(of_one->course->memory_peak, Bytes{60});
  EXPECT_EQ(of_two->course->memory_peak, Bytes{80});
}

TEST_F(UpgradeSim, WhatCannotBePlannedIsNotBegun) {
  DesiredState desired = three_and_one();
  desired.platform.last_port = desired.platform.first_port + 6;  // four tenants, three instances
  apply(desired);

  const Result<UpgradeForecast> told = forecast(to_next());
  const Upgraded done = upgrade();

  EXPECT_THAT(told, FailsWith(ErrorCode::kResourceExhausted));
  ASSERT_TRUE(done.refused);
  EXPECT_EQ(done.refused->code(), ErrorCode::kResourceExhausted);
  EXPECT_FALSE(programs().upgrade);
}

TEST_F(UpgradeSim, AForecastOfWhatRunsAlreadySaysNothingOfHowItGoes) {
  apply(three_and_one());
  upgrade();

  const Result<UpgradeForecast> again = forecast(to_next());

  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(again->instances, IsEmpty());
  EXPECT_FALSE(again->course.has_value());
}

TEST_F(UpgradeSim, AForecastCountsTheWebSocketsOfEveryPageAndBelievesNobodyOfOthersTenants) {
  DesiredState desired = three_and_one();
  desired.platform.pool_size = 1;
  apply(desired);
  const std::map<std::string, std::string> pages = {
      {R"(shared-0{})", R"({"tenants":[{"tenant":"alpha","websockets":5}],"next":"alpha"})"},
      {R"(shared-0{"after":"alpha"})",
       R"({"tenants":[{"tenant":"beta","websockets":4}],"next":"beta"})"},
      {R"(shared-0{"after":"beta"})", R"({"tenants":[{"tenant":"gamma","websockets":6}]})"},
      {R"(dedicated-big{})", R"({"tenants":[{"tenant":"alpha","websockets":900},)"
                             R"({"tenant":"big","websockets":7}]})"}};
  machine.instances.on_request =
      [&](const std::string& name,
          const control::Message& question) -> std::optional<Result<std::string>> {
    const auto page = pages.find(name + question.body);
    return question.type == control::request::kStats && page != pages.end()
               ? std::optional(Result<std::string>(page->second))
               : std::nullopt;
  };

  const Result<UpgradeForecast> made = forecast(to_next());

  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->websockets, 22U);
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
