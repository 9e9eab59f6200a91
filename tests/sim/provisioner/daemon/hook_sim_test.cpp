// SPDX-License-Identifier: Apache-2.0
// Hooks run around applies and promotions, refuse, fail, hang, and outlive the daemon.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

constexpr const char* kCheck = "/usr/local/bin/check";
constexpr const char* kTell = "/usr/local/bin/tell";

class HookSim : public DaemonWorld {
 protected:
  HookSim() {
    machine.processes.on_spawn = [this, instances = machine.processes.on_spawn](
                                     const LaunchSpec& spec, const ProcessIdentity& who) {
      instances(spec, who);
      const auto code = ends_with.find(spec.argv.front());
      if (code != ends_with.end()) {
        environments.push_back(spec.environment);
        runs.push_back(spec.argv.front());
        if (code->second) {
          machine.processes.end(who, FakeProcesses::exited(*code->second));
        }
      }
    };
  }
  static DesiredState with_hooks() {
    DesiredState out = platform_with({"alpha", "beta"});
    out.platform.hooks.before_apply = {{.command = {kCheck, "--fast"}, .timeout = 5s}};
    out.platform.hooks.after_apply = {{.command = {kTell}, .timeout = 5s}};
    return out;
  }
  std::shared_ptr<Applied> begin(const DesiredState& desired) {
    auto out = std::make_shared<Applied>();
    EXPECT_THAT(daemon().daemon->loop().apply({desired, std::nullopt, "test"},
                                              {[](const Plan&) {}, [](const api::StepProgress&) {},
                                               [out](const api::ApplyOutcome& outcome) {
                                                 out->is_finished = true;
                                                 out->outcome = outcome;
                                               }}),
                IsOk());
    return out;
  }
  std::size_t tenants() { return daemon().daemon->recorded().snapshot().tenants.size(); }
  std::vector<ProcessIdentity> running_hooks() {
    std::vector<ProcessIdentity> out;
    for (const ProcessIdentity& who : machine.processes.running()) {
      const LaunchSpec* const spec = machine.processes.spec_of(who);
      if (spec != nullptr && ends_with.contains(spec->argv.front())) {
        out.push_back(who);
      }
    }
    return out;
  }

  /// How hooks end; nothing: they do not.
  std::map<std::string, std::optional<int>> ends_with{{kCheck, 0}, {kTell, 0}};
  std::vector<std::string> runs;
  std::vector<std::map<std::string, std::string>> environments;
};

TEST_F(HookSim, TheyRunAroundAnApplyAndHearOfIt) {
  const Applied applied = apply(with_hooks());

  EXPECT_EQ(applied.outcome.failed, 0U);
  EXPECT_THAT(runs, ElementsAre(kCheck, kTell));
  ASSERT_EQ(machine.hook_streams.inputs.size(), 2U);
  const Result<Json> before = parse_json(machine.hook_streams.inputs[0]);
  const Result<Json> after = parse_json(machine.hook_streams.inputs[1]);
  EXPECT_EQ(before->at("schema"), "voicectl/hook/v1");
  EXPECT_EQ(before->at("hook"), "before_apply");
  EXPECT_EQ(before->at("who"), "test");
  EXPECT_EQ(before->at("plan").at("tenants"), Json({"alpha", "beta"}));
  EXPECT_EQ(before->at("plan").at("summary").at("tenants_created"), 2);
  EXPECT_EQ(after->at("outcome").at("failed"), 0);
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("hook.done")));
  expect_converged(with_hooks());
}

TEST_F(HookSim, TheirEnvironmentIsClean) {
  apply(with_hooks());

  ASSERT_FALSE(environments.empty());
  EXPECT_EQ(environments[0],
            (std::map<std::string, std::string>{{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"},
                                                {"VOICECTL_HOOK", "before_apply"}}));
}

TEST_F(HookSim, OneThatFailsBeforeRefusesTheApply) {
  ends_with[kCheck] = 3;
  machine.hook_streams.output = "looking\nno deploys on Fridays\n";

  const Applied applied = apply(with_hooks());

  ASSERT_TRUE(applied.is_finished);
  EXPECT_THAT(applied.outcome.remedy, HasSubstr("no deploys on Fridays"));
  EXPECT_THAT(applied.outcome.remedy, HasSubstr("exited with 3"));
  EXPECT_EQ(tenants(), 0U);
  EXPECT_FALSE(daemon().daemon->loop().desired());
  EXPECT_THAT(runs, ElementsAre(kCheck));
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("hook.failed")));
}

TEST_F(HookSim, AfterOneThatFailedThereIsNoOther) {
  DesiredState desired = with_hooks();
  desired.platform.hooks.before_apply.push_back({.command = {kTell}});
  ends_with[kCheck] = 1;

  apply(desired);

  EXPECT_THAT(runs, ElementsAre(kCheck));
}

TEST_F(HookSim, OneThatHangsIsEndedAndRefuses) {
  ends_with[kCheck] = std::nullopt;

  const Applied applied = apply(with_hooks());

  EXPECT_THAT(applied.outcome.remedy, HasSubstr("longer than 5s"));
  EXPECT_THAT(running_hooks(), IsEmpty());
  EXPECT_EQ(tenants(), 0U);
}

TEST_F(HookSim, OneThatIsNotThereRefuses) {
  machine.processes.uninstall(kCheck);

  const Applied applied = apply(with_hooks());

  ASSERT_TRUE(applied.is_finished);
  EXPECT_THAT(applied.outcome.remedy, HasSubstr("cannot"));
  EXPECT_EQ(tenants(), 0U);
}

TEST_F(HookSim, OneThatOthersCouldHaveWrittenIsNotRun) {
  machine.files.put("/usr/local/bin/real", "", FileMode{0755});
  ASSERT_THAT(machine.files.replace_link(kCheck, "real"), IsOk());
  EXPECT_EQ(apply(with_hooks()).outcome.failed, 0U) << "it is root's";
  DesiredState changed = with_hooks();
  changed.tenants[0].name = "Renamed";
  runs.clear();

  machine.files.set_access("/usr/local/bin/real", FileMode{0775}, UserIds{});
  EXPECT_THAT(apply(changed).outcome.remedy, HasSubstr("others may write it"));
  machine.files.set_access("/usr/local/bin/real", FileMode{0755}, UserIds{1000, 1000});
  EXPECT_THAT(apply(changed).outcome.remedy, HasSubstr("owned by user 1000"));
  EXPECT_THAT(runs, IsEmpty());
}

TEST_F(HookSim, OneThatFailsAfterwardsIsToldAndTakesNothingBack) {
  ends_with[kTell] = 1;

  const Applied applied = apply(with_hooks());

  EXPECT_EQ(applied.outcome.failed, 0U);
  EXPECT_EQ(applied.outcome.hooks_failed, 1U);
  expect_converged(with_hooks());
}

TEST_F(HookSim, WithNothingToDoNothingRuns) {
  apply(with_hooks());
  runs.clear();

  apply(with_hooks());
  machine.sim.advance(3h);

  EXPECT_THAT(runs, IsEmpty());
}

TEST_F(HookSim, NothingElseIsAppliedWhileAHookRuns) {
  ends_with[kCheck] = std::nullopt;
  bool is_finished = false;
  ASSERT_THAT(daemon().daemon->loop().apply(
                  {with_hooks(), std::nullopt, "first"},
                  {[](const Plan&) {}, [](const api::StepProgress&) {},
                   [&is_finished](const api::ApplyOutcome&) { is_finished = true; }}),
              IsOk());
  machine.sim.advance(1s);

  EXPECT_TRUE(daemon()
                  .daemon->loop()
                  .apply({with_hooks(), std::nullopt, "second"}, {nullptr, nullptr, nullptr})
                  .has_error());
  machine.sim.advance(60s);
  EXPECT_TRUE(is_finished);
}

TEST_F(HookSim, ATenantIsTakenAgainWhileAHookRuns) {
  DesiredState desired = with_hooks();
  ASSERT_TRUE(apply(desired).is_finished);
  const std::string home = machine.instances.holders(*TenantId::parse("alpha")).front();
  ends_with[kCheck] = std::nullopt;
  desired.platform.hooks.before_apply[0].timeout = 600s;
  desired.platform.pool_size = 2;
  const auto applied = begin(desired);
  int refused = 0;
  machine.instances.on_request =
      [&](const std::string&,
          const control::Message& question) -> std::optional<Result<std::string>> {
    if (question.type != control::request::kLend || refused == 3) {
      return std::nullopt;
    }
    ++refused;
    return Result<std::string>(Error(ErrorCode::kUnavailable, "not now"));
  };

  machine.instances.crash(home);
  machine.sim.advance(60s);

  EXPECT_EQ(refused, 3);
  EXPECT_FALSE(applied->is_finished) << "its hook runs";
  EXPECT_THAT(machine.instances.holders(*TenantId::parse("alpha")), ElementsAre(home));
}

TEST_F(HookSim, OneThatOutlivesItsDaemonIsEndedByTheNextAndNothingWasApplied) {
  ends_with[kCheck] = std::nullopt;
  ASSERT_THAT(daemon().daemon->loop().apply({with_hooks(), std::nullopt, "test"},
                                            {[](const Plan&) {}, [](const api::StepProgress&) {},
                                             [](const api::ApplyOutcome&) {}}),
              IsOk());
  machine.sim.advance(1s);
  ASSERT_EQ(running_hooks().size(), 1U);

  kill_daemon();
  start_daemon();
  machine.sim.advance(10s);

  EXPECT_THAT(running_hooks(), IsEmpty());
  EXPECT_EQ(tenants(), 0U);
  EXPECT_FALSE(daemon().daemon->loop().desired());
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("hook.ended")));
  ends_with[kCheck] = 0;
  apply(with_hooks());
  expect_converged(with_hooks());
}

TEST_F(HookSim, OneThatRunsIsEndedWhenItsApplyIsCutShort) {
  DesiredState desired = with_hooks();
  desired.platform.hooks.before_apply[0].timeout = 3600s;
  ends_with[kCheck] = std::nullopt;
  const auto first = begin(desired);
  machine.sim.advance(1s);
  ASSERT_EQ(running_hooks().size(), 1U);

  daemon().daemon->loop().cut_short(Error(ErrorCode::kFenced, "the lock was stolen by ben"));
  machine.sim.advance(1s);

  EXPECT_THAT(running_hooks(), IsEmpty());
  ASSERT_TRUE(first->is_finished);
  EXPECT_THAT(first->outcome.remedy, HasSubstr("stolen by ben"));
  EXPECT_FALSE(daemon().daemon->loop().desired());
  // What was meant for that one hits no other.
  ends_with[kCheck] = 0;
  EXPECT_EQ(apply(with_hooks()).outcome.failed, 0U);
  expect_converged(with_hooks());
}

TEST_F(HookSim, OneThatTakesNoRequestToEndIsEndedByForce) {
  machine.processes.on_signal = [](const ProcessIdentity&, int) { return true; };
  DesiredState desired = with_hooks();
  desired.platform.hooks.before_apply[0].timeout = 3600s;
  ends_with[kCheck] = std::nullopt;
  const auto applied = begin(desired);
  machine.sim.advance(1s);

  daemon().daemon->loop().cut_short(Error(ErrorCode::kFenced, "the lock was stolen by ben"));
  machine.sim.advance(HookRunner::kGrace + 1s);

  EXPECT_THAT(running_hooks(), IsEmpty());
  EXPECT_TRUE(applied->is_finished);
}

TEST_F(HookSim, WhatWasCutShortIsNotDesiredAlthoughItsHookPassed) {
  ends_with[kCheck] = std::nullopt;
  const auto applied = begin(with_hooks());
  machine.sim.advance(1s);
  ASSERT_EQ(running_hooks().size(), 1U);

  machine.processes.end(running_hooks()[0], FakeProcesses::exited(0));
  daemon().daemon->loop().cut_short(Error(ErrorCode::kFenced, "the lock was stolen by ben"));
  machine.sim.advance(60s);

  ASSERT_TRUE(applied->is_finished);
  EXPECT_THAT(applied->outcome.remedy, HasSubstr("nothing was applied"));
  EXPECT_FALSE(daemon().daemon->loop().desired());
  EXPECT_EQ(daemon().daemon->loop().revision(), 0);
  kill_daemon();
  start_daemon();
  EXPECT_FALSE(daemon().daemon->loop().desired());
}

TEST_F(HookSim, APlatformThatIsStoppedWaitsForNoHook) {
  DesiredState desired = with_hooks();
  desired.platform.hooks.before_apply[0].timeout = 3600s;
  ends_with[kCheck] = std::nullopt;
  const auto applied = begin(desired);
  machine.sim.advance(1s);

  bool is_stopped = false;
  daemon().daemon->loop().stop_everything([](const std::string&) {},
                                          [&is_stopped] { is_stopped = true; });
  machine.sim.advance(5s);

  EXPECT_TRUE(is_stopped);
  EXPECT_THAT(running_hooks(), IsEmpty());
  ASSERT_TRUE(applied->is_finished);
  EXPECT_EQ(daemon().daemon->loop().revision(), 0);
}

TEST_F(HookSim, APlatformThatIsStoppedBeginsNoHook) {
  const auto applied = begin(with_hooks());
  machine.sim.advance(1ms);
  ASSERT_THAT(runs, ElementsAre(kCheck));
  ASSERT_FALSE(applied->is_finished);

  daemon().daemon->loop().stop_everything([](const std::string&) {}, [] {});
  machine.sim.advance(60s);

  EXPECT_TRUE(applied->is_finished);
  EXPECT_THAT(runs, ElementsAre(kCheck));
}

TEST_F(HookSim, ThoseBehindAnApplyAreCutShortWithIt) {
  DesiredState desired = with_hooks();
  desired.platform.hooks.after_apply = {{.command = {kTell}, .timeout = 3600s},
                                        {.command = {kTell}, .timeout = 3600s}};
  ends_with[kTell] = std::nullopt;
  const auto applied = begin(desired);
  machine.sim.advance(60s);
  ASSERT_EQ(running_hooks().size(), 1U);

  daemon().daemon->loop().cut_short(Error(ErrorCode::kFenced, "the lock was stolen by ben"));
  machine.sim.advance(5s);

  EXPECT_TRUE(applied->is_finished);
  EXPECT_THAT(running_hooks(), IsEmpty());
  EXPECT_THAT(runs, ElementsAre(kCheck, kTell));
}

TEST_F(HookSim, CancellingThoseOfAnApplyLeavesTheOthers) {
  HookRunner& hooks = daemon().daemon->hooks();
  ends_with[kCheck] = std::nullopt;
  std::map<std::string, std::string> ended;
  for (const char* const when : {"before_promotion", "before_apply", "after_promotion"}) {
    hooks.run(when, {{.command = {kCheck}, .timeout = 3600s}}, Json::object(),
              HookRunner::OnFailure::kStop, nullptr, [&ended, when](const Status& status) {
                ended[when] = status.has_error() ? status.error().text() : "";
              });
  }

  hooks.cancel(Error(ErrorCode::kFenced, "stolen"), HookRunner::Whose::kApply);
  machine.sim.advance(5s);
  EXPECT_THAT(ended, ElementsAre(Pair("before_apply", "stolen")));
  EXPECT_EQ(running_hooks().size(), 1U);
  hooks.cancel(Error(ErrorCode::kCancelled, "stopping"), HookRunner::Whose::kAnyone);
  machine.sim.advance(5s);

  EXPECT_EQ(ended.size(), 3U);
  EXPECT_THAT(running_hooks(), IsEmpty());
}

TEST_F(HookSim, ADaemonThatEndsLeavesNoneRunning) {
  ends_with[kCheck] = std::nullopt;
  const auto applied = begin(with_hooks());
  machine.sim.advance(1s);
  ASSERT_EQ(running_hooks().size(), 1U);

  daemon().daemon->instances().detach();
  daemon().daemon.reset();
  machine.sim.settle();

  EXPECT_THAT(running_hooks(), IsEmpty());
  EXPECT_FALSE(applied->is_finished);
}

/// The daemon dies at every call of an apply with hooks through a seam, before and after its
/// effect.
class HookCrashPoints : public HookSim, public ::testing::WithParamInterface<KillPoint> {};

TEST_P(HookCrashPoints, NoHookStaysAndAnotherApplyFinishesIt) {
  std::size_t points = 0;
  for (std::size_t n = 1;; ++n) {
    SCOPED_TRACE(fmt::format("killed at call {}", n));
    DesiredState desired = with_hooks();
    desired.tenants[0].name = fmt::format("Name {}", n);
    daemon().plan.kill_at(daemon().plan.calls() + n, GetParam());
    bool died = false;
    try {
      apply(desired);
    } catch (const DaemonKilled&) {
      died = true;
    }
    kill_daemon();
    start_daemon();
    machine.sim.advance(20s);
    EXPECT_THAT(running_hooks(), IsEmpty());
    apply(desired);
    expect_converged(desired);
    if (!died || HasFailure()) {
      break;
    }
    ++points;
  }
  EXPECT_GT(points, 10U);
}

INSTANTIATE_TEST_SUITE_P(Ways,
                         HookCrashPoints,
                         ::testing::Values(KillPoint::kBeforeEffect, KillPoint::kAfterEffect),
                         [](const ::testing::TestParamInfo<KillPoint>& point) {
                           return point.param == KillPoint::kBeforeEffect ? "Before" : "After";
                         });

}  // namespace
}  // namespace voicectl
