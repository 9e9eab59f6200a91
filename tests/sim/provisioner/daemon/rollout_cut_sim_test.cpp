// SPDX-License-Identifier: Apache-2.0
// A rollout is cut short, cannot be recorded or planned, and the daemon dies at every call of it.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/sim/provisioner/daemon/rollout_world.h"

namespace voicectl {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(RolloutSim, CutShortDuringAPauseItStopsThere) {
  apply(five());
  const auto running = begin(five_renamed(), canary_then_pairs(60s));
  machine.sim.advance(10s);

  daemon().daemon->loop().cut_short(Error(ErrorCode::kCancelled, "the lock was stolen"));
  machine.sim.advance(1s);

  ASSERT_TRUE(running->is_finished);
  EXPECT_THAT(running->outcome.rollout->stopped, HasSubstr("stolen"));
  EXPECT_THAT(with_name(), ElementsAre("delta"));
}

TEST_F(RolloutSim, CutShortInABatchItHoldsBackWhoHadNotBegun) {
  const DesiredState before = platform_with(many());
  apply(before);
  machine.instances.on_request =
      [this](const std::string&,
             const control::Message& question) -> std::optional<Result<std::string>> {
    if (question.type == control::request::kReconfigure) {
      daemon().daemon->loop().cut_short(Error(ErrorCode::kCancelled, "the lock was stolen"));
    }
    return std::nullopt;
  };
  DesiredState after = before;
  for (TenantSpec& tenant : after.tenants) {
    tenant.name = "Renamed";
  }

  const Applied applied = roll_out(after, {.batch = 90});
  const std::vector<std::string> have = with_name();
  machine.sim.advance(3h);

  ASSERT_TRUE(applied.outcome.rollout);
  EXPECT_EQ(applied.outcome.failed, 0U);
  EXPECT_THAT(applied.outcome.rollout->stopped, HasSubstr("stolen"));
  EXPECT_THAT(have, Not(IsEmpty()));
  EXPECT_GT(applied.outcome.rollout->held.size(), 20U);
  EXPECT_EQ(have.size() + applied.outcome.rollout->held.size(), 90U);
  EXPECT_EQ(with_name(), have);
}

TEST_F(RolloutSim, CutShortWhileItIsPreparedItIsNotAcceptedAndHoldsBackNobody) {
  apply(five());
  machine.registry->on_note = [this](const std::string& name) {
    if (name == RolloutDriver::kNote) {
      // Written, and not told yet: with that it would go on to what is desired.
      machine.registry->on_note = nullptr;
      machine.sim.post([this] { steal_the_lock(); });
    }
    return ok_status();
  };

  const Applied applied = roll_out(five_renamed(), canary_then_pairs());
  machine.sim.advance(3h);

  ASSERT_TRUE(applied.is_finished);
  EXPECT_EQ(applied.outcome.done, 0U);
  EXPECT_THAT(applied.outcome.remedy, HasSubstr("stolen"));
  EXPECT_EQ(daemon().daemon->loop().desired(), five());
  EXPECT_THAT(with_name(), IsEmpty());
  EXPECT_THAT(rollout().held(), IsEmpty());
  kill_daemon();
  start_daemon();
  EXPECT_THAT(rollout().held(), IsEmpty());
  roll_out(five_renamed(), canary_then_pairs());
  expect_converged(five_renamed());
}

TEST_F(RolloutSim, CutShortWhileItIsAcceptedItHoldsBackEverybody) {
  apply(five());
  const DesiredState after = five_renamed();
  bool is_cut = false;
  int turns = 0;
  const auto running = begin(after, canary_then_pairs());
  // Turn by turn: it is recorded as desired, and the daemon has not heard of that yet.
  std::function<void()> look = [&] {
    const std::shared_ptr<const DesiredState> newest = machine.registry->revisions.back().desired;
    if (newest == nullptr || !(*newest == after)) {
      if (++turns < 1000) {
        machine.sim.post(look);
      }
      return;
    }
    EXPECT_EQ(daemon().daemon->loop().desired(), five());
    steal_the_lock();
    is_cut = true;
  };
  machine.sim.post(look);
  machine.sim.advance(3h);

  ASSERT_TRUE(is_cut);
  ASSERT_TRUE(running->is_finished);
  EXPECT_EQ(running->outcome.done, 0U);
  EXPECT_EQ(daemon().daemon->loop().desired(), after);
  EXPECT_THAT(with_name(), IsEmpty());
  ASSERT_TRUE(running->outcome.rollout);
  EXPECT_THAT(running->outcome.rollout->stopped, HasSubstr("stolen"));
  EXPECT_EQ(rollout().held().size(), 5U);
  kill_daemon();
  start_daemon();
  machine.sim.advance(3h);
  EXPECT_THAT(with_name(), IsEmpty());
  roll_out(after, canary_then_pairs());
  expect_converged(after);
}

TEST_F(RolloutSim, ABatchThatCannotBePlannedIsHeldBackLikeThoseBehindIt) {
  const auto running = begin(five(), canary_then_pairs(20s));
  machine.sim.advance(10s);
  ASSERT_EQ(daemon().daemon->recorded().snapshot().tenants.size(), 1U);
  each_port([this](Port port) { machine.network.occupy(port); });

  machine.sim.advance(60s);

  ASSERT_TRUE(running->is_finished);
  EXPECT_THAT(running->outcome.rollout->stopped, HasSubstr("port"));
  EXPECT_THAT(running->outcome.rollout->held, ElementsAre("alpha", "beta", "epsilon", "gamma"));
  each_port([this](Port port) { machine.network.vacate(port); });
  machine.sim.advance(3h);
  EXPECT_EQ(daemon().daemon->recorded().snapshot().tenants.size(), 1U);
  kill_daemon();
  start_daemon();
  machine.sim.advance(3h);
  EXPECT_EQ(daemon().daemon->recorded().snapshot().tenants.size(), 1U);
  roll_out(five(), canary_then_pairs());
  expect_converged(five());
}

TEST_F(RolloutSim, CutShortWhileItWaitsForSomethingElseItHoldsBackTheBatchThatWasNext) {
  apply(five());
  std::size_t notes = 0;
  machine.registry->on_note = [this, &notes](const std::string& name) {
    if (name == RolloutDriver::kNote && ++notes == 2) {
      // Just when the second batch is recorded as begun something else comes first.
      machine.sim.post([this] {
        EXPECT_THAT(
            daemon().daemon->loop().run_single(RecordAdoption{"process/77", std::nullopt}, "a test",
                                               [this](const Status&) { steal_the_lock(); }),
            IsOk());
      });
    }
    return ok_status();
  };

  const Applied applied = roll_out(five_renamed(), canary_then_pairs());
  machine.registry->on_note = nullptr;
  machine.sim.advance(3h);

  ASSERT_TRUE(applied.is_finished);
  EXPECT_THAT(applied.outcome.rollout->stopped, HasSubstr("stolen"));
  EXPECT_THAT(applied.outcome.rollout->held, ElementsAre("alpha", "beta", "epsilon", "gamma"));
  EXPECT_THAT(with_name(), ElementsAre("delta"));
  roll_out(five_renamed(), canary_then_pairs());
  expect_converged(five_renamed());
}

TEST_F(RolloutSim, WhatAPersonDoesToTheHostMeanwhileWaitsForTheNextApply) {
  apply(five());
  const std::string config = "/var/lib/voicectl/tenants/alpha/config.json";
  machine.files.damage(config, "{}");  // its repair is in the plan
  DesiredState desired = five();
  for (TenantSpec& tenant : desired.tenants) {
    const bool is_renamed = tenant.tenant == id("delta") || tenant.tenant == id("gamma");
    tenant.name = is_renamed ? "Renamed" : tenant.name;
  }
  const auto running = begin(desired, {.canary = {id("delta")}, .batch = 1, .pause = 20s});
  machine.sim.advance(10s);

  const ProcessIdentity stray = machine.processes.start_foreign(
      77, {machine.instances.program_of("shared-0"), "--instance", "shared-9"});
  machine.sim.advance(120s);

  ASSERT_TRUE(running->is_finished);
  EXPECT_EQ(running->outcome.rollout->batches, 3U);
  EXPECT_THAT(running->outcome.rollout->stopped, "");
  EXPECT_THAT(with_name(), ElementsAre("delta", "gamma"));
  EXPECT_NE(machine.files.content_of(config), "{}");
  EXPECT_TRUE(machine.processes.is_alive(stray));
  apply(desired);
  EXPECT_FALSE(machine.processes.is_alive(stray));
  expect_converged(desired);
}

TEST_F(RolloutSim, ANoteThatCannotBeReadHoldsBackEverybodyWhoIsNotAsDesired) {
  apply(five());
  refuse({"beta"});
  roll_out(five_renamed(), canary_then_pairs());
  ASSERT_THAT(with_name(), ElementsAre("alpha", "delta"));
  machine.instances.on_request = nullptr;
  for (const char* const note :
       {R"({"held":["epsilon")", "[]", R"({"held":"all"})", R"({"held":["No Slug"]})"}) {
    SCOPED_TRACE(note);
    kill_daemon();
    machine.registry->notes[RolloutDriver::kNote] = note;
    machine.log_lines.clear();
    start_daemon();
    machine.sim.advance(3h);

    EXPECT_THAT(with_name(), ElementsAre("alpha", "delta"));
    EXPECT_THAT(rollout().held(), ElementsAre(id("beta"), id("epsilon"), id("gamma")));
    EXPECT_THAT(machine.log_lines,
                Contains(AllOf(HasSubstr("rollout.stopped"), HasSubstr("cannot be read"))));
  }
  kill_daemon();
  start_daemon();
  EXPECT_EQ(rollout().held().size(), 3U) << "that is on record now";
  roll_out(five_renamed(), canary_then_pairs());
  expect_converged(five_renamed());
}

TEST_F(RolloutSim, WhatAnInstanceSaysOfItsFailureMayBeLongAndTheNoteStaysShort) {
  apply(five());
  machine.instances.on_request =
      [](const std::string&,
         const control::Message& question) -> std::optional<Result<std::string>> {
    return question.type == control::request::kReconfigure
               ? std::optional(Result<std::string>(Error(
                     ErrorCode::kInvalidArgument, "cannot take it: " + std::string(50'000, 'x'))))
               : std::nullopt;
  };

  const Applied applied = roll_out(five_renamed(), canary_then_pairs());

  ASSERT_EQ(applied.outcome.rollout->failed.size(), 1U);
  EXPECT_GT(applied.outcome.rollout->failed.front().second.size(), 10'000U);
  EXPECT_LT(machine.registry->notes.at(RolloutDriver::kNote).size(), 2000U);
}

TEST_F(RolloutSim, OneStoppedInItsLastBatchIsStillTold) {
  apply(five());
  refuse({"gamma"});

  const Applied applied = roll_out(five_renamed(), {.batch = 5, .max_failures = 0});
  kill_daemon();
  start_daemon();

  EXPECT_THAT(applied.outcome.rollout->stopped, HasSubstr("1 tenant failed"));
  const Json status = rollout().status();
  ASSERT_FALSE(status.is_null());
  EXPECT_THAT(status.at("stopped").get<std::string>(), HasSubstr("1 tenant failed"));
  EXPECT_EQ(status.at("failed").size(), 1U);
  machine.instances.on_request = nullptr;
  apply(five_renamed());
  EXPECT_TRUE(rollout().status().is_null());
  kill_daemon();
  start_daemon();
  EXPECT_TRUE(rollout().status().is_null());
}

/// What is to be recorded of a rollout cannot be, once or from then on.
class RolloutUnrecorded : public RolloutSim, public ::testing::WithParamInterface<bool> {
 protected:
  /// Note `n` of rollouts is not kept, nor any after it if that is the parameter.
  void lose_note(std::size_t n) {
    notes_ = 0;
    machine.registry->on_note = [this, n](const std::string& name) -> Status {
      if (name != RolloutDriver::kNote) {
        return ok_status();
      }
      ++notes_;
      const bool is_lost = GetParam() ? notes_ >= n : notes_ == n;
      return is_lost
                 ? Status(Error(ErrorCode::kResourceExhausted, "cannot write: no space is left"))
                 : ok_status();
    };
  }
  /// But for the canary: whoever has begun is tried again.
  std::vector<std::string> others_with(const std::string& name) {
    std::vector<std::string> out = with_name(name);
    std::erase(out, "delta");
    return out;
  }
  std::size_t notes_ = 0;
};

TEST_P(RolloutUnrecorded, NobodyIsReleasedAndNothingUnfinishedCountsAsDone) {
  apply(five());
  for (const bool does_fail : {false, true}) {
    std::size_t n = 1;
    for (bool was_lost = true; was_lost; ++n) {
      SCOPED_TRACE(fmt::format("note {}, canary fails: {}", n, does_fail));
      const std::string name = fmt::format("Name {} {}", n, does_fail);
      const DesiredState desired = five_renamed(name);
      does_fail ? refuse({"delta"}) : refuse({});
      lose_note(n);
      const Applied applied = roll_out(desired, canary_then_pairs());
      ASSERT_TRUE(applied.is_finished);
      was_lost = notes_ >= n;
      const std::vector<std::string> have = with_name(name);
      const std::vector<std::string> others = others_with(name);
      if (have.size() < 5) {
        EXPECT_GT(applied.outcome.failed + applied.outcome.skipped, 0U);
        EXPECT_FALSE(applied.outcome.rollout && applied.outcome.rollout->stopped.empty());
      }
      machine.instances.on_request = nullptr;
      machine.sim.advance(3h);
      EXPECT_EQ(others_with(name), others) << "without being asked";
      machine.registry->on_note = nullptr;
      machine.sim.advance(60s);  // then it can be recorded
      kill_daemon();
      start_daemon();
      machine.sim.advance(3h);
      EXPECT_EQ(others_with(name), others) << "by the next daemon";
      roll_out(desired, canary_then_pairs());
      expect_converged(desired);
      if (HasFailure()) {
        return;
      }
    }
    EXPECT_GT(n, does_fail ? 2U : 4U);
  }
}

INSTANTIATE_TEST_SUITE_P(Ways,
                         RolloutUnrecorded,
                         ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& from_then_on) {
                           return from_then_on.param ? "FromThenOn" : "Once";
                         });

/// The daemon dies at every call of a rollout through a seam and at every transaction of it, before
/// and after its effect.
class RolloutCrashPoints : public RolloutSim, public ::testing::WithParamInterface<KillPoint> {
 protected:
  RolloutCrashPoints() { count_transactions(); }
};

TEST_P(RolloutCrashPoints, NobodyGoesBeforeTheirTurnAndAnotherApplyFinishesIt) {
  apply(five());
  std::size_t points = 0;
  for (std::size_t n = 1;; ++n) {
    SCOPED_TRACE(fmt::format("killed at call {}", n));
    const std::string name = fmt::format("Name {} {}", static_cast<int>(GetParam()), n);
    const DesiredState desired = five_renamed(name);
    daemon().plan.kill_at(daemon().plan.calls() + n, GetParam());
    bool died = false;
    std::vector<std::string> had_their_turn;
    try {
      const auto running = begin(desired, canary_then_pairs(2s));
      for (int i = 0; i < 200 && !running->is_finished; ++i) {
        machine.sim.advance(1s);
      }
    } catch (const DaemonKilled&) {
      died = true;
    }
    kill_daemon();
    start_daemon();
    machine.sim.advance(2h);
    had_their_turn = with_name(name);
    // In the order of their turns: nobody of a later batch has it when an earlier one does not.
    const std::set<std::string> have(had_their_turn.begin(), had_their_turn.end());
    EXPECT_TRUE(have.empty() || have.contains("delta"));
    EXPECT_TRUE((!have.contains("gamma") && !have.contains("epsilon")) ||
                (have.contains("alpha") && have.contains("beta")));
    for (const TenantSpec& spec : desired.tenants) {
      EXPECT_EQ(machine.instances.holders(spec.tenant).size(), 1U) << spec.tenant.str();
    }
    if (daemon().daemon->loop().desired() == desired) {
      EXPECT_TRUE(rollout().held().empty() == (have.size() == 5)) << have.size();
    }
    roll_out(desired, canary_then_pairs());
    EXPECT_THAT(rollout().held(), IsEmpty());
    expect_converged(desired);
    if (!died || HasFailure()) {
      break;
    }
    ++points;
  }
  EXPECT_GT(points, 20U);
  RecordProperty("points", static_cast<int>(points));
}

INSTANTIATE_TEST_SUITE_P(Ways,
                         RolloutCrashPoints,
                         ::testing::Values(KillPoint::kBeforeEffect, KillPoint::kAfterEffect),
                         [](const ::testing::TestParamInfo<KillPoint>& point) {
                           return point.param == KillPoint::kBeforeEffect ? "Before" : "After";
                         });

}  // namespace
}  // namespace voicectl
