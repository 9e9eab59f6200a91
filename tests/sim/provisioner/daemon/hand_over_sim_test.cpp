// SPDX-License-Identifier: Apache-2.0
// A tenant is promoted and demoted while daemon, source and target die at every step of it.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/handoff/protocol.h"
#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using Step = FakeInstances::HandOverStep;

const TenantId kAlpha = *TenantId::parse("alpha");

class HandOverSim : public DaemonWorld {
 protected:
  static DesiredState tier_of_alpha(Tier tier) {
    DesiredState desired = platform_with({"alpha", "beta"});
    desired.tenants[0].tier = tier;
    return desired;
  }
  std::vector<std::string> holders() { return machine.instances.holders(kAlpha); }
  std::vector<std::string> asked(const std::string& instance) {
    return machine.hub.sent("/run/voicectl/instances/" + instance + "/control.sock");
  }
  /// Runs `act` once, at that step.
  void at(Step step,
          std::function<void(const std::string& source, const std::string& target)> act) {
    machine.instances.on_hand_over_step = [this, step, act = std::move(act)](
                                              Step now, const std::string& source,
                                              const std::string& target) {
      if (now == step) {
        machine.instances.on_hand_over_step = nullptr;
        act(source, target);
      }
    };
  }
};

TEST_F(HandOverSim, APromotionHandsTheTenantOverAndTakesNothingBack) {
  apply(tier_of_alpha(Tier::kAuto));

  apply(tier_of_alpha(Tier::kDedicated));

  EXPECT_THAT(holders(), ElementsAre("dedicated-alpha"));
  EXPECT_THAT(asked("shared-0"), Contains(HasSubstr("hand_over")));
  EXPECT_THAT(asked("shared-0"), Not(Contains(HasSubstr("reclaim"))));
  EXPECT_THAT(asked("dedicated-alpha"), Not(Contains(HasSubstr("\"lend\""))));
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("tenant.handed_over")));
  expect_converged(tier_of_alpha(Tier::kDedicated));
}

TEST_F(HandOverSim, TheTokenGrowsWithEachHandOver) {
  apply(tier_of_alpha(Tier::kAuto));
  FencingToken before = daemon().daemon->recorded().find_tenant(kAlpha)->token;
  for (const Tier tier : {Tier::kDedicated, Tier::kPooled, Tier::kDedicated}) {
    apply(tier_of_alpha(tier));

    const RecordedTenant& alpha = *daemon().daemon->recorded().find_tenant(kAlpha);
    EXPECT_GT(alpha.token, before);
    EXPECT_EQ(machine.instances.find(alpha.placement->str(), kAlpha)->token, alpha.token);
    before = alpha.token;
  }
}

TEST_F(HandOverSim, InstancesThatDoNotUnderstandEachOtherUseTheOldWay) {
  apply(tier_of_alpha(Tier::kAuto));
  const std::string home = holders().front();
  machine.instances.on_request =
      [](const std::string&,
         const control::Message& question) -> std::optional<Result<std::string>> {
    if (question.type != control::request::kHandOver) {
      return std::nullopt;
    }
    handoff::HandOverReport report;
    report.why = Error(ErrorCode::kConflict, "cannot hand over: another version");
    report.token = FencingToken{1};
    return Result<std::string>(handoff::encode(report));
  };

  const Applied applied = apply(tier_of_alpha(Tier::kDedicated));

  EXPECT_EQ(applied.outcome.failed, 0U);
  EXPECT_THAT(holders(), ElementsAre("dedicated-alpha"));
  EXPECT_THAT(asked(home), Contains(HasSubstr("reclaim")));
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("another version")));
}

TEST_F(HandOverSim, ATokenThatNobodyGaveOutIsNotBelieved) {
  apply(tier_of_alpha(Tier::kAuto));
  machine.instances.on_request =
      [](const std::string&,
         const control::Message& question) -> std::optional<Result<std::string>> {
    if (question.type == control::request::kReceive) {
      return Result<std::string>(Error(ErrorCode::kUnavailable, "nobody came"));
    }
    if (question.type != control::request::kHandOver) {
      return std::nullopt;
    }
    handoff::HandOverReport report;
    report.why = Error(ErrorCode::kUnavailable, "it did not work");
    report.token = FencingToken{(1ULL << 63) - 1};
    return Result<std::string>(handoff::encode(report));
  };

  EXPECT_EQ(apply(tier_of_alpha(Tier::kDedicated)).outcome.failed, 1U);

  const Snapshot& recorded = daemon().daemon->recorded().snapshot();
  EXPECT_LT(recorded.tenants.at(kAlpha).token, first_token_of(Epoch{recorded.epoch.value + 1}))
      << "all tokens after it would be above it, and those of other tenants too";
  machine.instances.on_request = nullptr;
  apply(tier_of_alpha(Tier::kDedicated));
  EXPECT_THAT(holders(), ElementsAre("dedicated-alpha"));
}

TEST_F(HandOverSim, WhatIsClosedIsToldThoughTheInstanceHasTooManyTenantsForOneMessage) {
  apply(tier_of_alpha(Tier::kAuto));
  machine.instances.on_request =
      [](const std::string&,
         const control::Message& question) -> std::optional<Result<std::string>> {
    if (question.type == control::request::kStats) {
      return question.body.find("alpha") == std::string::npos
                 ? Result<std::string>(
                       Error(ErrorCode::kResourceExhausted, "cannot answer: it is too long"))
                 : Result<std::string>(R"({"tenants":[{"tenant":"alpha","websockets":3}]})");
    }
    if (question.type == control::request::kHandOver) {
      handoff::HandOverReport report;
      report.why = Error(ErrorCode::kConflict, "cannot hand over: another version");
      report.token = FencingToken{1};
      return Result<std::string>(handoff::encode(report));
    }
    return std::nullopt;
  };

  apply(tier_of_alpha(Tier::kDedicated));

  EXPECT_THAT(daemon().daemon->metrics(),
              HasSubstr("voicectl_hand_over_connections_total{result=\"dropped\"} 3\n"));
}

/// The settings of a tenant change while its instance cannot be told of it.
class OutdatedSim : public HandOverSim {
 protected:
  /// `alpha` is recorded with a generation that its instance has not taken.
  void leave_alpha_behind() {
    apply(wanted_);
    machine.instances.on_request =
        [this](const std::string& name,
               const control::Message& question) -> std::optional<Result<std::string>> {
      const bool is_refused = question.type == control::request::kReconfigure && refuses_;
      return is_refused ? std::optional(Result<std::string>(
                              Error(ErrorCode::kInternal, "cannot read it in " + name)))
                        : std::nullopt;
    };
    wanted_.platform.ultravox.endpoint = "http://127.0.0.1:4200/api";
    refuses_ = true;
    apply(wanted_);
    ASSERT_FALSE(daemon().daemon->loop().snapshot().observed.outdated.empty());
    wanted_.tenants[0].tier = Tier::kDedicated;
  }
  std::string config_of_alpha() {
    return machine.files.content_of("/var/lib/voicectl/tenants/alpha/config.json").value_or("");
  }

  DesiredState wanted_ = tier_of_alpha(Tier::kAuto);
  bool refuses_ = false;
};

TEST_F(OutdatedSim, AnInstanceWithAnOlderConfigurationIsGivenTheNewOneAndNoWebSocketIsEnded) {
  leave_alpha_behind();
  const std::string home = holders().front();
  refuses_ = false;

  const Applied applied = apply(wanted_);

  EXPECT_EQ(applied.outcome.failed, 0U);
  EXPECT_THAT(holders(), ElementsAre("dedicated-alpha"));
  EXPECT_THAT(asked(home), Not(Contains(HasSubstr("reclaim"))));
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("tenant.handed_over")));
  expect_converged(wanted_);
}

TEST_F(OutdatedSim, AnInstanceThatGoesOnRefusingKeepsItsTenantAndItsWebSockets) {
  leave_alpha_behind();
  const std::string home = holders().front();

  const Applied applied = apply(wanted_);

  EXPECT_GT(applied.outcome.failed, 0U);
  EXPECT_THAT(holders(), ElementsAre(home));
  EXPECT_THAT(asked(home), Not(Contains(HasSubstr("reclaim"))));
  EXPECT_THAT(machine.log_lines,
              Contains(AllOf(HasSubstr("tenant.not_handed_over"), HasSubstr("cannot read it"))));
}

TEST_F(OutdatedSim, AFileOfAChangeThatWasNotRecordedIsGivenToNobody) {
  apply(wanted_);
  const std::string recorded = config_of_alpha();
  ASSERT_THAT(recorded, HasSubstr(R"("generation":1,)"));
  // As a daemon leaves it that is killed between the file and the record.
  machine.files.put("/var/lib/voicectl/tenants/alpha/config.json",
                    R"({"apiVersion":"voicectl/v1","generation":2,"refused":true})");

  wanted_.tenants[0].tier = Tier::kDedicated;
  std::string given;
  at(Step::kOffered, [&](const std::string&, const std::string&) { given = config_of_alpha(); });
  const Applied applied = apply(wanted_);

  EXPECT_EQ(applied.outcome.failed, 0U);
  EXPECT_EQ(given, recorded);
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("tenant.handed_over")));
}

TEST_F(HandOverSim, AnInstanceThatDoesNotKnowHandOversIsAskedTheOldWay) {
  apply(tier_of_alpha(Tier::kAuto));
  machine.instances.on_request =
      [](const std::string&,
         const control::Message& question) -> std::optional<Result<std::string>> {
    const bool is_new =
        question.type == control::request::kHandOver || question.type == control::request::kReceive;
    return is_new ? std::optional(Result<std::string>(
                        Error(ErrorCode::kInvalidArgument, "cannot do that: it is not known")))
                  : std::nullopt;
  };

  apply(tier_of_alpha(Tier::kDedicated));

  EXPECT_THAT(holders(), ElementsAre("dedicated-alpha"));
  expect_converged(tier_of_alpha(Tier::kDedicated));
}

TEST_F(HandOverSim, ASourceThatDoesNotGetQuietIsAskedAgainMorePatiently) {
  apply(tier_of_alpha(Tier::kAuto));
  std::vector<std::chrono::milliseconds> patience;
  machine.instances.on_request =
      [&](const std::string&,
          const control::Message& question) -> std::optional<Result<std::string>> {
    if (question.type != control::request::kHandOver || patience.size() == 2) {
      return std::nullopt;
    }
    const auto order = handoff::parse_hand_over_order(question.body);
    patience.push_back(order->patience);
    handoff::HandOverReport report;
    report.why = Error(ErrorCode::kTimeout, "cannot hand over: requests took longer");
    report.token = FencingToken{1};
    return Result<std::string>(handoff::encode(report));
  };

  const Applied applied = apply(tier_of_alpha(Tier::kDedicated));

  EXPECT_EQ(applied.outcome.failed, 0U);
  EXPECT_THAT(patience, ElementsAre(1000ms, 4000ms));
  EXPECT_THAT(holders(), ElementsAre("dedicated-alpha"));
  EXPECT_THAT(machine.log_lines,
              Contains(AllOf(HasSubstr("tenant.handed_over"), HasSubstr("tries"))));
}

TEST_F(HandOverSim, ASourceThatIsDeadIsReplacedTheOldWay) {
  apply(tier_of_alpha(Tier::kAuto));
  const std::string home = holders().front();
  InstanceScript never_again;
  never_again.ready_after = std::nullopt;
  machine.instances.script(home, never_again);
  machine.instances.crash(home);
  machine.sim.settle();

  apply(tier_of_alpha(Tier::kDedicated));

  EXPECT_THAT(holders(), ElementsAre("dedicated-alpha"));
}

TEST_F(HandOverSim, AnInstanceIsReplacedByAFreshOneThatGetsItsTenants) {
  const DesiredState desired = platform_with({"alpha", "beta", "gamma"});
  apply(desired);
  const std::string old = holders().front();
  bool is_noted = false;
  ASSERT_THAT(daemon().daemon->loop().run_single(RetireInstance{*InstanceId::parse(old)}, "test",
                                                 [&](const Status& noted) {
                                                   EXPECT_THAT(noted, IsOk());
                                                   is_noted = true;
                                                 }),
              IsOk());
  machine.sim.advance(1s);
  ASSERT_TRUE(is_noted);

  // Also by another daemon: what is recorded is a wish that stays.
  kill_daemon();
  start_daemon();

  EXPECT_FALSE(machine.instances.is_running(old));
  EXPECT_THAT(asked(old), Not(Contains(HasSubstr("reclaim"))));
  EXPECT_THAT(asked(old), Contains(HasSubstr("hand_over")));
  expect_converged(desired);
}

class StepDeaths : public HandOverSim, public ::testing::WithParamInterface<int> {
 protected:
  Step step() const { return static_cast<Step>(GetParam()); }

  /// Whatever died, one more apply brings the tenant to where it is wanted, once.
  void expect_one_owner_in_the_end() {
    EXPECT_LE(holders().size(), 1U);
    machine.sim.advance(120s);
    apply(tier_of_alpha(Tier::kDedicated));
    EXPECT_THAT(holders(), ElementsAre("dedicated-alpha"));
    expect_converged(tier_of_alpha(Tier::kDedicated));
  }
};

TEST_P(StepDeaths, OfTheSource) {
  apply(tier_of_alpha(Tier::kAuto));
  at(step(),
     [this](const std::string& source, const std::string&) { machine.instances.crash(source); });

  apply(tier_of_alpha(Tier::kDedicated));

  expect_one_owner_in_the_end();
}

TEST_P(StepDeaths, OfTheTarget) {
  apply(tier_of_alpha(Tier::kAuto));
  at(step(),
     [this](const std::string&, const std::string& target) { machine.instances.crash(target); });

  apply(tier_of_alpha(Tier::kDedicated));

  expect_one_owner_in_the_end();
}

TEST_P(StepDeaths, OfBoth) {
  apply(tier_of_alpha(Tier::kAuto));
  at(step(), [this](const std::string& source, const std::string& target) {
    machine.instances.crash(source);
    machine.instances.crash(target);
  });

  apply(tier_of_alpha(Tier::kDedicated));

  expect_one_owner_in_the_end();
}

TEST_P(StepDeaths, OfTheDaemon) {
  apply(tier_of_alpha(Tier::kAuto));
  bool was_killed = false;
  at(step(), [&](const std::string&, const std::string&) {
    was_killed = true;
    kill_daemon();
  });
  const DesiredState wanted = tier_of_alpha(Tier::kDedicated);
  ASSERT_THAT(daemon().daemon->loop().apply({wanted, std::nullopt, "test"},
                                            {[](const Plan&) {}, [](const api::StepProgress&) {},
                                             [](const api::ApplyOutcome&) {}}),
              IsOk());
  machine.sim.advance(1s);
  ASSERT_TRUE(was_killed);
  EXPECT_EQ(holders().size(), 1U);

  start_daemon();

  EXPECT_EQ(holders().size(), 1U);
  expect_one_owner_in_the_end();
}

INSTANTIATE_TEST_SUITE_P(AtEachStep,
                         StepDeaths,
                         ::testing::Range(0, FakeInstances::kHandOverSteps));

// The daemon dies at every call through a seam and every transaction of a promotion and of the way
// back.
class MoveCrashPoints : public HandOverSim, public ::testing::WithParamInterface<Tier> {
 protected:
  MoveCrashPoints() { count_transactions(); }
};

TEST_P(MoveCrashPoints, ConvergeWhereverTheDaemonDies) {
  const Tier after = GetParam();
  const Tier before = after == Tier::kDedicated ? Tier::kPooled : Tier::kDedicated;
  std::size_t points = 0;
  for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
    for (std::size_t n = 1;; ++n) {
      SCOPED_TRACE(fmt::format("killed {} call {}",
                               point == KillPoint::kBeforeEffect ? "before" : "after", n));
      apply(tier_of_alpha(before));
      daemon().plan.kill_at(daemon().plan.calls() + n, point);
      bool died = false;
      try {
        apply(tier_of_alpha(after));
      } catch (const DaemonKilled&) {
        died = true;
      }
      EXPECT_EQ(holders().size(), 1U);
      kill_daemon();
      start_daemon();
      EXPECT_EQ(holders().size(), 1U);
      apply(tier_of_alpha(after));
      expect_converged(tier_of_alpha(after));
      if (!died || HasFailure()) {
        break;
      }
      ++points;
    }
  }
  EXPECT_GT(points, 10U);
}

INSTANTIATE_TEST_SUITE_P(Tiers,
                         MoveCrashPoints,
                         ::testing::Values(Tier::kDedicated, Tier::kPooled),
                         [](const ::testing::TestParamInfo<Tier>& tier) {
                           return tier.param == Tier::kDedicated ? "Promote" : "Demote";
                         });

}  // namespace
}  // namespace voicectl
