// SPDX-License-Identifier: Apache-2.0
#include "monitor/promotion_policy.h"

#include <gtest/gtest.h>

#include <string>

namespace voicectl {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1000s};

PromotionPolicy a_policy() {
  PromotionPolicy policy;
  policy.mode = PromotionMode::kObserve;
  policy.starter = {.high_sessions = 20, .low_sessions = 5, .high_cpu = {500}, .low_cpu = {100}};
  policy.high_dwell = 60s;
  policy.low_dwell = 300s;
  policy.cooldown = 600s;
  return policy;
}

/// A tenant whose load is written down second by second.
struct Tenant {
  LoadWindow sessions;
  LoadWindow cpu;
  MonoTime now = kStart;
  Tier tier = Tier::kAuto;
  PricePlan plan = PricePlan::kStarter;
  InstanceKind placement = InstanceKind::kShared;
  std::optional<MonoTime> placed_at;

  /// The same load for a time, sampled at its begin and then every five seconds.
  Tenant& load(Duration length, double live_sessions, double milli_cpu) {
    for (const MonoTime end = now + length; now < end; now += kSampleInterval) {
      sessions.add(now, live_sessions);
      cpu.add(now, milli_cpu);
    }
    return *this;
  }

  std::optional<PromotionDecision> decide(const PromotionPolicy& policy = a_policy()) const {
    return decide_at(now, policy);
  }
  std::optional<PromotionDecision> decide_at(MonoTime at,
                                             const PromotionPolicy& policy = a_policy()) const {
    return decide_promotion(
        policy, {TenantId::parse("acme").value(), tier, plan, placement, placed_at, sessions, cpu},
        at);
  }
};

Tenant a_tenant() {
  return Tenant();
}
Tenant a_dedicated_tenant() {
  Tenant tenant;
  tenant.placement = InstanceKind::kDedicated;
  return tenant;
}

std::string reason(const std::optional<PromotionDecision>& decision) {
  return decision ? std::string(name_of(decision->kind)) + ": " + decision->reason : "nothing";
}

TEST(PromotionPolicyTest, PromotesAtTheDwellAndNotBefore) {
  Tenant tenant = a_tenant();
  tenant.load(70s, 25, 50);

  EXPECT_EQ(reason(tenant.decide_at(kStart + 60s - 1ms)), "nothing");
  EXPECT_EQ(reason(tenant.decide_at(kStart + 60s)),
            "promote: 25 live sessions, at or above the high mark of 20 for 1m00s (dwell 1m00s)");
}

TEST(PromotionPolicyTest, PromotesForProcessorTimeAlone) {
  Tenant tenant = a_tenant();
  tenant.load(65s, 2, 640);

  EXPECT_EQ(reason(tenant.decide()),
            "promote: 640 mCPU, at or above the high mark of 500 for 1m05s (dwell 1m00s)");
}

TEST(PromotionPolicyTest, StartsTheDwellAnewWhenTheLoadFallsBelowTheHighMark) {
  Tenant tenant = a_tenant();
  tenant.load(55s, 25, 0).load(5s, 19, 0).load(55s, 25, 0);

  EXPECT_EQ(reason(tenant.decide()), "nothing");
  EXPECT_NE(reason(tenant.load(5s, 25, 0).decide()), "nothing");
}

TEST(PromotionPolicyTest, StartsTheDwellAnewAfterAGapInTheSamples) {
  Tenant tenant = a_tenant();
  tenant.load(55s, 25, 0);
  tenant.now += 31s;
  tenant.load(10s, 25, 0);

  EXPECT_EQ(reason(tenant.decide()), "nothing");
}

TEST(PromotionPolicyTest, DoesNotFlapBetweenTheMarks) {
  Tenant shared = a_tenant();
  Tenant dedicated = a_dedicated_tenant();
  for (int i = 0; i < 100; ++i) {
    shared.load(10s, 19, 499).load(10s, 6, 101);
    dedicated.load(10s, 19, 499).load(10s, 6, 101);
    ASSERT_EQ(reason(shared.decide()), "nothing");
    ASSERT_EQ(reason(dedicated.decide()), "nothing");
  }
}

TEST(PromotionPolicyTest, DoesNotDemoteInALullThatIsShorterThanTheDwell) {
  Tenant tenant = a_dedicated_tenant();
  for (int i = 0; i < 20; ++i) {
    tenant.load(295s, 0, 0).load(5s, 30, 700);
    ASSERT_EQ(reason(tenant.decide()), "nothing");
  }
}

TEST(PromotionPolicyTest, DemotesWhenBothMeasuresAreQuietForTheDwell) {
  Tenant tenant = a_dedicated_tenant();
  tenant.load(305s, 3, 80);

  EXPECT_EQ(reason(tenant.decide_at(kStart + 300s - 1ms)), "nothing");
  EXPECT_EQ(reason(tenant.decide_at(kStart + 300s)),
            "demote: 3 live sessions, at or below the low mark of 5 for 5m00s (dwell 5m00s); "
            "80 mCPU, at or below the low mark of 100 for 5m00s (dwell 5m00s)");
}

TEST(PromotionPolicyTest, DoesNotDemoteWhatStillComputes) {
  Tenant tenant = a_dedicated_tenant();
  tenant.load(600s, 0, 400);

  EXPECT_EQ(reason(tenant.decide()), "nothing");
}

TEST(PromotionPolicyTest, DoesNotTakeWhatItCannotSeeForQuiet) {
  Tenant tenant = a_dedicated_tenant();
  for (; tenant.now < kStart + 600s; tenant.now += 5s) {
    tenant.sessions.add(tenant.now, 0);
  }

  EXPECT_EQ(reason(tenant.decide()), "nothing");
}

TEST(PromotionPolicyTest, DecidesNothingDuringTheCooldown) {
  Tenant tenant = a_dedicated_tenant();
  tenant.placed_at = kStart;
  tenant.load(605s, 0, 0);

  EXPECT_EQ(reason(tenant.decide_at(kStart + 600s - 1ms)), "nothing");
  EXPECT_NE(reason(tenant.decide_at(kStart + 600s)), "nothing");
}

TEST(PromotionPolicyTest, LeavesTenantsAloneWhoseTierSaysWhereTheyRun) {
  Tenant tenant = a_tenant();
  tenant.load(120s, 99, 900);

  tenant.tier = Tier::kPooled;
  EXPECT_EQ(reason(tenant.decide()), "nothing");
  tenant.tier = Tier::kDedicated;
  EXPECT_EQ(reason(tenant.decide()), "nothing");
}

TEST(PromotionPolicyTest, UsesTheMarksOfThePlan) {
  PromotionPolicy policy = a_policy();
  policy.enterprise.high_sessions = 10;
  Tenant tenant = a_tenant();
  tenant.load(65s, 12, 0);

  EXPECT_EQ(reason(tenant.decide(policy)), "nothing");
  tenant.plan = PricePlan::kEnterprise;
  EXPECT_NE(reason(tenant.decide(policy)), "nothing");
}

TEST(PromotionPolicyTest, DecidesNothingWhenItIsOff) {
  PromotionPolicy policy = a_policy();
  policy.mode = PromotionMode::kOff;
  Tenant tenant = a_tenant();
  tenant.load(120s, 99, 900);

  EXPECT_EQ(reason(tenant.decide(policy)), "nothing");
}

TEST(PromotionPolicyTest, RefusesMarksThatCouldFlap) {
  PromotionPolicy policy = a_policy();
  EXPECT_TRUE(check_policy(policy).has_value());
  EXPECT_TRUE(check_policy(PromotionPolicy{}).has_value());

  policy.professional.low_cpu = policy.professional.high_cpu;
  const Status status = check_policy(policy);

  ASSERT_TRUE(status.has_error());
  EXPECT_EQ(status.error().message(),
            "cannot use the promotion policy: each low mark of plan 'professional' must be below "
            "its high mark");
}

TEST(PromotionPolicyTest, KnowsItsModesByName) {
  EXPECT_EQ(*parse_promotion_mode("off"), PromotionMode::kOff);
  EXPECT_EQ(*parse_promotion_mode("observe"), PromotionMode::kObserve);
  EXPECT_TRUE(parse_promotion_mode("act").has_error());
}

}  // namespace
}  // namespace voicectl
