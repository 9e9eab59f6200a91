// SPDX-License-Identifier: Apache-2.0
// Waiting for something to come true of a tenant, by being told and not by asking again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "provisioner/daemon/tenant_wait.h"
#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

class WaitSim : public DaemonWorld {
 protected:
  struct Told {
    bool is_told = false;
    std::optional<std::string> why_not;
    MonoTime at{};
  };
  std::shared_ptr<Told> wait(TenantCondition condition, Duration patience = 10min) {
    auto told = std::make_shared<Told>();
    SimDaemon& now = daemon();
    TenantWait::begin({now.loop, now.daemon->loop(), now.daemon->recorded(),
                       now.daemon->instances(), now.daemon->events()},
                      *TenantId::parse("alpha"), condition, patience,
                      [this, told](const std::optional<std::string>& why_not) {
                        told->is_told = true;
                        told->why_not = why_not;
                        told->at = machine.sim.now();
                      });
    machine.sim.settle();
    return told;
  }
  static DesiredState with_tier(Tier tier) {
    DesiredState desired = platform_with({"alpha"});
    desired.tenants[0].tier = tier;
    return desired;
  }
};

TEST_F(WaitSim, IsToldAtOnceOfWhatHoldsAlready) {
  apply(platform_with({"alpha"}));

  const auto ready = wait(TenantCondition::kReady);
  const auto pooled = wait(TenantCondition::kPooled);
  const auto applied = wait(TenantCondition::kApplied);

  for (const auto& told : {ready, pooled, applied}) {
    EXPECT_TRUE(told->is_told);
    EXPECT_EQ(told->why_not, std::nullopt);
  }
}

TEST_F(WaitSim, IsToldWhenATenantThatDidNotExistIsReady) {
  const auto ready = wait(TenantCondition::kReady);
  EXPECT_FALSE(ready->is_told);
  const MonoTime begun = machine.sim.now();

  apply(platform_with({"alpha"}));

  EXPECT_TRUE(ready->is_told);
  EXPECT_EQ(ready->why_not, std::nullopt);
  EXPECT_LT(ready->at - begun, 5s) << "an apply in simulated time takes less";
}

TEST_F(WaitSim, IsToldOfAPromotionAndOfTheWayBack) {
  apply(platform_with({"alpha"}));
  const auto promoted = wait(TenantCondition::kPromoted);
  EXPECT_FALSE(promoted->is_told);

  apply(with_tier(Tier::kDedicated));
  EXPECT_TRUE(promoted->is_told);
  const auto pooled = wait(TenantCondition::kPooled);
  EXPECT_FALSE(pooled->is_told);
  apply(with_tier(Tier::kPooled));

  EXPECT_TRUE(pooled->is_told);
  EXPECT_EQ(pooled->why_not, std::nullopt);
}

TEST_F(WaitSim, WhatIsAppliedIsAlsoWhereItBelongs) {
  apply(platform_with({"alpha"}));
  InstanceScript slow;
  slow.ready_after = 10s;
  machine.instances.script("dedicated-alpha", slow);
  EXPECT_THAT(
      daemon().daemon->loop().apply(
          {.desired = with_tier(Tier::kDedicated), .plan_id = {}, .who = "ann"},
          {[](const Plan&) {}, [](const api::StepProgress&) {}, [](const api::ApplyOutcome&) {}}),
      IsOk());
  machine.sim.advance(5s);

  const auto applied = wait(TenantCondition::kApplied);
  EXPECT_FALSE(applied->is_told) << "its new tier is recorded, and it has not moved";
  machine.sim.advance(20s);

  EXPECT_TRUE(applied->is_told);
  EXPECT_EQ(applied->why_not, std::nullopt);
}

TEST_F(WaitSim, IsToldWhenItIsDeleted) {
  apply(platform_with({"alpha", "beta"}));
  const auto deleted = wait(TenantCondition::kDeleted);
  EXPECT_FALSE(deleted->is_told);

  apply(platform_with({"beta"}));

  EXPECT_TRUE(deleted->is_told);
  EXPECT_EQ(deleted->why_not, std::nullopt);
}

TEST_F(WaitSim, IsToldWhenAnInstanceThatCrashedServesItAgain) {
  apply(platform_with({"alpha"}));
  InstanceScript slow;
  slow.ready_after = 10s;
  machine.instances.script("shared-0", slow);
  machine.instances.crash("shared-0");
  machine.sim.advance(100ms);
  const auto ready = wait(TenantCondition::kReady);
  EXPECT_FALSE(ready->is_told);

  machine.sim.advance(30s);

  EXPECT_TRUE(ready->is_told);
  EXPECT_EQ(ready->why_not, std::nullopt);
}

TEST_F(WaitSim, SaysWhyNotWhenItsTimeIsOver) {
  const auto ready = wait(TenantCondition::kReady, 5s);

  machine.sim.advance(6s);

  EXPECT_TRUE(ready->is_told);
  EXPECT_THAT(ready->why_not, Optional(HasSubstr("there is no such tenant")));

  apply(platform_with({"alpha"}));
  const auto promoted = wait(TenantCondition::kPromoted, 5s);
  machine.sim.advance(6s);
  EXPECT_THAT(promoted->why_not, Optional(Eq("its instance is 'shared-0'")));
}

}  // namespace
}  // namespace voicectl
