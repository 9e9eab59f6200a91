// SPDX-License-Identifier: Apache-2.0
// An apply takes its tenants in batches, and tenants and probes fail on the way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "provisioner/apply/action_times.h"
#include "provisioner/plan/effect_forecast.h"
#include "tests/sim/provisioner/daemon/rollout_world.h"

namespace voicectl {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

TEST_F(RolloutSim, EveryoneHasTheirTurnCanariesFirst) {
  apply(five());
  const auto applied = begin(five_renamed(), canary_then_pairs(20s));

  machine.sim.advance(10s);
  EXPECT_THAT(with_name(), ElementsAre("delta"));
  machine.sim.advance(20s);
  EXPECT_THAT(with_name(), ElementsAre("alpha", "beta", "delta"));
  EXPECT_FALSE(applied->is_finished);
  machine.sim.advance(20s);

  ASSERT_TRUE(applied->is_finished);
  EXPECT_EQ(applied->outcome.failed + applied->outcome.skipped, 0U);
  ASSERT_TRUE(applied->outcome.rollout);
  EXPECT_EQ(applied->outcome.rollout->batches, 3U);
  EXPECT_EQ(applied->outcome.rollout->batches_done, 3U);
  EXPECT_THAT(applied->outcome.rollout->held, IsEmpty());
  expect_converged(five_renamed());
}

TEST_F(RolloutSim, ForecastAndOutcomeOfItsTimeAreOfTheWholeWithItsPauses) {
  apply(five());

  const Applied applied = roll_out(five_renamed(), canary_then_pairs(20s));

  const auto took = std::find_if(
      applied.outcome.compared.begin(), applied.outcome.compared.end(),
      [](const api::Compared& each) { return each.quantity == name_of(Quantity::kDuration); });
  ASSERT_NE(took, applied.outcome.compared.end());
  EXPECT_GE(took->forecast, microseconds_of(40s));
  EXPECT_GE(took->outcome, microseconds_of(40s));
  EXPECT_LT(took->outcome, microseconds_of(60s));
}

TEST_F(RolloutSim, TenantsAreCreatedInBatchesToo) {
  const Applied applied = roll_out(five(), canary_then_pairs());

  EXPECT_TRUE(applied.is_finished);
  EXPECT_EQ(applied.outcome.failed, 0U);
  expect_converged(five());
}

TEST_F(RolloutSim, TheLongestPauseIsThatOfOneTenantHoweverManyMoveOneAfterTheOther) {
  apply(five());
  DesiredState desired = five();
  for (TenantSpec& tenant : desired.tenants) {
    tenant.tier = Tier::kDedicated;
  }

  const Applied applied = roll_out(desired, {.batch = 1});

  std::map<std::string, api::Compared> compared;
  for (const api::Compared& each : applied.outcome.compared) {
    compared.emplace(each.quantity, each);
  }
  ASSERT_EQ(compared.count("longest_pause_us"), 1U);
  EXPECT_EQ(compared.at("tenants_moved"), (api::Compared{"tenants_moved", 5, 5}));
  EXPECT_LE(compared.at("longest_pause_us").forecast,
            microseconds_of(ActionTimes().pause().typical));
}

TEST_F(RolloutSim, WhoIsDeletedGoesLastAndIsGoneInTheEnd) {
  apply(five());
  DesiredState desired = platform_with({"alpha", "delta"});
  desired.tenants[0].name = "Renamed";

  const auto applied = begin(desired, {.batch = 1, .pause = 10s});
  machine.sim.advance(5s);
  EXPECT_EQ(daemon().daemon->recorded().snapshot().tenants.size(), 5U);
  machine.sim.advance(100s);

  EXPECT_TRUE(applied->is_finished);
  expect_converged(desired);
}

TEST_F(RolloutSim, ACanaryThatDoesNotTakeItStaysAsItWasAndStopsEverything) {
  apply(five());
  refuse({"delta"});

  RolloutSpec spec = canary_then_pairs();
  spec.max_failures = 3;  // says nothing of canaries
  const Applied applied = roll_out(five_renamed(), spec);

  ASSERT_TRUE(applied.outcome.rollout);
  EXPECT_THAT(applied.outcome.rollout->stopped, HasSubstr("1 tenant failed"));
  EXPECT_THAT(applied.outcome.rollout->failed, ElementsAre(Pair("delta", HasSubstr("cannot"))));
  EXPECT_THAT(applied.outcome.rollout->held, ElementsAre("alpha", "beta", "epsilon", "gamma"));
  EXPECT_THAT(applied.outcome.remedy, HasSubstr("run 'voicectl apply' again"));
  EXPECT_GT(applied.outcome.skipped, 0U);
  EXPECT_THAT(with_name(), IsEmpty());
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("rollout.stopped")));
}

TEST_F(RolloutSim, OthersGoOnWithinTheBudget) {
  apply(five());
  refuse({"beta"});

  RolloutSpec spec = canary_then_pairs();
  spec.max_failures = 1;
  const Applied applied = roll_out(five_renamed(), spec);

  EXPECT_THAT(applied.outcome.rollout->stopped, "");
  EXPECT_THAT(with_name(), ElementsAre("alpha", "delta", "epsilon", "gamma"));
  EXPECT_THAT(applied.outcome.remedy, HasSubstr("beta"));
  EXPECT_EQ(machine.instances.holders(id("beta")).size(), 1U);
}

TEST_F(RolloutSim, OneMoreThanTheBudgetStopsIt) {
  apply(five());
  refuse({"alpha", "beta"});

  RolloutSpec spec = canary_then_pairs();
  spec.max_failures = 1;
  const Applied applied = roll_out(five_renamed(), spec);

  EXPECT_THAT(with_name(), ElementsAre("delta"));
  EXPECT_THAT(applied.outcome.rollout->held, ElementsAre("epsilon", "gamma"));
}

TEST_F(RolloutSim, WhatWasStoppedWaitsForTheNextApplyAndGoesOnThen) {
  apply(five());
  refuse({"delta"});
  roll_out(five_renamed(), canary_then_pairs());

  machine.sim.advance(3h);  // looks of its own
  EXPECT_THAT(with_name(), Not(Contains("alpha")));
  kill_daemon();
  start_daemon();
  machine.sim.advance(3h);
  EXPECT_THAT(with_name(), Not(Contains("alpha")));
  EXPECT_EQ(rollout().held().size(), 4U);
  machine.instances.on_request = nullptr;
  const Applied again = roll_out(five_renamed(), canary_then_pairs());

  EXPECT_THAT(again.outcome.rollout->stopped, "");
  expect_converged(five_renamed());
}

TEST_F(RolloutSim, APlainApplyHoldsNobodyBack) {
  apply(five());
  refuse({"delta"});
  roll_out(five_renamed(), canary_then_pairs());
  machine.instances.on_request = nullptr;

  apply(five_renamed());

  EXPECT_THAT(rollout().held(), IsEmpty());
  expect_converged(five_renamed());
}

TEST_F(RolloutSim, WhoIsHeldBackIsStillLookedAfter) {
  apply(five());
  refuse({"delta"});
  roll_out(five_renamed(), canary_then_pairs());
  machine.instances.on_request = nullptr;

  lose_the_machine();
  start_daemon();
  machine.sim.advance(120s);

  for (const TenantSpec& tenant : five().tenants) {
    EXPECT_EQ(machine.instances.holders(tenant.tenant).size(), 1U) << tenant.tenant.str();
  }
  EXPECT_THAT(with_name(), Not(Contains("alpha")));
}

TEST_F(RolloutSim, ATenantThatDoesNotAnswerWhileItIsWatchedStopsIt) {
  apply(five());
  machine.on_probe = [](const ProbeTarget& target) {
    return target.socket.find("delta") == std::string::npos
               ? ok_status()
               : Status(Error(ErrorCode::kUnavailable, "cannot call it well"));
  };

  const Applied applied = roll_out(five_renamed(), canary_then_pairs(30s));

  EXPECT_THAT(with_name(), ElementsAre("delta"));
  EXPECT_THAT(applied.outcome.rollout->failed,
              ElementsAre(Pair("delta", HasSubstr("does not answer"))));
}

TEST_F(RolloutSim, AnInstanceThatDoesNotGetReadyLeavesItsTenantWhereItWas) {
  apply(five());
  DesiredState desired = five();
  for (TenantSpec& tenant : desired.tenants) {
    tenant.tier = Tier::kDedicated;
  }
  machine.instances.script("dedicated-delta", {.ready_after = std::nullopt});

  const Applied applied = roll_out(desired, canary_then_pairs());

  EXPECT_THAT(applied.outcome.rollout->failed, ElementsAre(Pair("delta", HasSubstr("cannot"))));
  for (const TenantSpec& tenant : five().tenants) {
    EXPECT_THAT(machine.instances.holders(tenant.tenant), ElementsAre(HasSubstr("shared-")));
  }
}

TEST_F(RolloutSim, NothingElseIsAppliedMeanwhile) {
  apply(five());
  const auto running = begin(five_renamed(), canary_then_pairs(60s));
  machine.sim.advance(10s);

  EXPECT_EQ(daemon()
                .daemon->loop()
                .apply({five(), std::nullopt, "other"}, {nullptr, nullptr, nullptr})
                .error()
                .code(),
            ErrorCode::kConflict);
  machine.sim.advance(600s);
  EXPECT_TRUE(running->is_finished);
}

TEST_F(RolloutSim, AnInstanceThatDiesInAPauseGetsItsTenantsBack) {
  apply(five());
  const auto running = begin(five_renamed(), canary_then_pairs(120s));
  machine.sim.advance(10s);
  ASSERT_FALSE(running->is_finished);

  machine.instances.crash("shared-0");
  machine.sim.advance(30s);

  EXPECT_EQ(machine.instances.holders(id("gamma")).size(), 1U);
}

TEST_F(RolloutSim, WhoIsHeldBackByAnOldOneStaysFreeWhenTheNextApplyIsRefused) {
  apply(five());
  refuse({"delta"});
  roll_out(five_renamed(), canary_then_pairs());
  machine.instances.on_request = nullptr;
  apply(five_renamed());
  DesiredState refused = five_renamed("Another");
  refused.platform.hooks.before_apply = {{.command = {"/usr/local/bin/gone"}}};
  machine.processes.uninstall("/usr/local/bin/gone");

  const Applied applied = apply(refused);

  EXPECT_EQ(applied.outcome.failed, 1U);
  EXPECT_THAT(rollout().held(), IsEmpty());
  kill_daemon();
  start_daemon();
  EXPECT_THAT(rollout().held(), IsEmpty());
}

TEST_F(RolloutSim, ATenantThatCouldNotBeAskedHasNotFailed) {
  apply(five());
  std::size_t asked = 0;
  machine.on_probe = [&asked](const ProbeTarget&) {
    return ++asked > 20 ? ok_status()
                        : Status(Error(ErrorCode::kResourceExhausted, "cannot open a socket"));
  };

  const Applied applied = roll_out(five_renamed(), canary_then_pairs(5s));

  EXPECT_GT(asked, 20U);
  EXPECT_THAT(applied.outcome.rollout->failed, IsEmpty());
  expect_converged(five_renamed());
}

TEST_F(RolloutSim, OneWhoseTenantsCannotBeAskedForLongIsStopped) {
  apply(five());
  machine.on_probe = [](const ProbeTarget&) {
    return Status(Error(ErrorCode::kResourceExhausted, "cannot open a socket"));
  };

  const Applied applied = roll_out(five_renamed(), canary_then_pairs(5s));

  ASSERT_TRUE(applied.is_finished);
  EXPECT_THAT(applied.outcome.rollout->stopped, HasSubstr("cannot open a socket"));
  EXPECT_THAT(applied.outcome.rollout->failed, IsEmpty());
  EXPECT_EQ(applied.outcome.rollout->held.size(), 4U);
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("rollout.stopped")));
}

TEST_F(RolloutSim, WhenTheBudgetIsSpentNobodyIsLeftHalfDone) {
  const std::vector<std::string> slugs = many();
  // In the place of a folder that is to be made.
  ASSERT_THAT(machine.files.replace_atomically("/var/lib/voicectl/tenants/t03", "", FileMode{0600}),
              IsOk());

  const Applied applied = roll_out(platform_with(slugs), {.batch = 90});

  ASSERT_TRUE(applied.outcome.rollout);
  EXPECT_THAT(applied.outcome.rollout->failed, ElementsAre(Pair("t03", HasSubstr("cannot"))));
  const Snapshot& recorded = daemon().daemon->recorded().snapshot();
  const std::set<std::string> held(applied.outcome.rollout->held.begin(),
                                   applied.outcome.rollout->held.end());
  EXPECT_GT(held.size(), 20U);
  for (const std::string& slug : slugs) {
    SCOPED_TRACE(slug);
    const auto found = recorded.tenants.find(id(slug));
    if (held.contains(slug)) {
      EXPECT_EQ(found, recorded.tenants.end());
    } else if (slug != "t03") {
      ASSERT_NE(found, recorded.tenants.end());
      EXPECT_EQ(found->second.phase, TenantPhase::kServing);
    }
  }
}

TEST_F(RolloutSim, WithoutBatchesTheBudgetHoldsToo) {
  apply(five());
  refuse({"alpha", "beta", "delta", "epsilon", "gamma"});

  const Applied applied = roll_out(five_renamed(), {.max_failures = 0});

  EXPECT_THAT(applied.outcome.rollout->stopped, Not(IsEmpty()));
  EXPECT_THAT(with_name(), IsEmpty());
}

}  // namespace
}  // namespace voicectl
