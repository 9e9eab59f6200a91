// SPDX-License-Identifier: Apache-2.0
#include "monitor/promotion_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

constexpr MonoTime kStart{1000s};

PromotionPolicy a_policy() {
  PromotionPolicy policy;
  policy.mode = PromotionMode::kObserve;
  policy.starter = {.high_sessions = 20,
                    .low_sessions = 5,
                    .high_cpu = {500},
                    .low_cpu = {100},
                    .high_dwell = 60s};
  policy.low_dwell = 300s;
  policy.cooldown = 600s;
  return policy;
}

/// A tenant whose load is written down second by second.
struct Tenant {
  LoadWindows windows;
  MonoTime now = kStart;
  Tier tier = Tier::kAuto;
  PricePlan plan = PricePlan::kStarter;
  InstanceKind placement = InstanceKind::kShared;
  bool is_wished = false;
  std::optional<MonoTime> placed_at;

  /// The same load for a time, sampled at its begin and then every five seconds.
  Tenant& load(Duration length, double live_sessions, double milli_cpu) {
    for (const MonoTime end = now + length; now < end; now += kSampleInterval) {
      windows[Measure::kSessions].add(now, live_sessions);
      windows[Measure::kCpu].add(now, milli_cpu);
    }
    return *this;
  }

  PromotionDecision decide(const PromotionPolicy& policy = a_policy()) const {
    return decide_at(now, policy);
  }
  PromotionDecision decide_at(MonoTime at, const PromotionPolicy& policy = a_policy()) const {
    return decide_promotion(
        policy,
        {TenantId::parse("acme").value(), tier, plan, placement, is_wished, placed_at, windows},
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

std::string reason(const PromotionDecision& decision) {
  return decision.kind ? std::string(name_of(*decision.kind)) + ": " + decision.reason : "nothing";
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
    tenant.windows[Measure::kSessions].add(tenant.now, 0);
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

TEST(PromotionPolicyTest, RefusesADwellThatTheMonitorCouldNotLookBackFor) {
  const std::chrono::seconds too_long = kLongestDwell + 1s;
  PromotionPolicy policy;
  policy.low_dwell = too_long;
  EXPECT_TRUE(check_policy(policy).has_error());
  policy = {};
  policy.professional.high_dwell = too_long;
  EXPECT_TRUE(check_policy(policy).has_error());
  policy = {};
  policy.balance.dwell = too_long;
  EXPECT_TRUE(check_policy(policy).has_error());
  policy.balance.dwell = kLongestDwell;
  EXPECT_TRUE(check_policy(policy).has_value());
}

TEST(PromotionPolicyTest, SaysWhatWouldHaveToBeDifferent) {
  Tenant tenant = a_tenant();
  tenant.load(35s, 25, 50);

  const PromotionDecision waits = tenant.decide_at(kStart + 30s);
  EXPECT_EQ(waits.rule, PromotionRule::kDwell);
  EXPECT_THAT(waits.otherwise, ElementsAre("30s more like this would promote it"));

  const PromotionDecision calm = a_tenant().load(60s, 1, 1).decide();
  EXPECT_EQ(calm.rule, PromotionRule::kBetweenMarks);
  EXPECT_THAT(calm.otherwise, ElementsAre("20 live sessions or more for 1m00s would promote it",
                                          "500 mCPU or more for 1m00s would promote it"));
  EXPECT_EQ(a_tenant().decide().rule, PromotionRule::kUnseen);
}

TEST(PromotionPolicyTest, NamesEveryMeasureThatWouldHavePromotedIt) {
  Tenant tenant = a_tenant();
  tenant.load(30s, 25, 50).load(65s, 25, 640);

  const PromotionDecision both = tenant.decide();
  EXPECT_EQ(both.rule, PromotionRule::kBusy);
  EXPECT_EQ(both.reason,
            "25 live sessions, at or above the high mark of 20 for 1m35s (dwell 1m00s); "
            "640 mCPU, at or above the high mark of 500 for 1m05s (dwell 1m00s)");
  EXPECT_THAT(both.otherwise, ElementsAre("less than 20 live sessions and less than 500 mCPU would "
                                          "have left it in the pool"));

  // The other one is at its mark, and not for long enough.
  Tenant one = a_tenant();
  one.load(30s, 25, 50).load(35s, 25, 640);
  EXPECT_THAT(one.decide().otherwise,
              ElementsAre("less than 20 live sessions would have left it in the pool"));
}

TEST(PromotionPolicyTest, PromotesAtOnceWithoutADwell) {
  PromotionPolicy policy = a_policy();
  policy.starter.high_dwell = 0s;
  ASSERT_TRUE(check_policy(policy).has_value());
  Tenant tenant = a_tenant();
  tenant.load(5s, 19, 0);
  EXPECT_THAT(tenant.decide(policy).otherwise,
              ElementsAre("20 live sessions or more would promote it at once",
                          "500 mCPU or more would promote it at once"));

  tenant.load(5s, 20, 0);

  EXPECT_EQ(reason(tenant.decide_at(tenant.now - 5s, policy)),
            "promote: 20 live sessions, at or above the high mark of 20");
  // It is of the last sample that nobody knows whether it still holds.
  EXPECT_EQ(tenant.decide_at(tenant.now + 60s, policy).rule, PromotionRule::kBetweenMarks);
  policy.starter.high_dwell = -1s;
  EXPECT_TRUE(check_policy(policy).has_error());
}

TEST(PromotionPolicyTest, LooksAtLatencyAndQueueOnlyWhereAskedTo) {
  Tenant tenant = a_tenant();
  tenant.load(65s, 2, 10);
  for (MonoTime at = kStart; at < tenant.now; at += kSampleInterval) {
    tenant.windows[Measure::kP99].add(at, 900);
    tenant.windows[Measure::kInFlight].add(at, 3);
  }
  EXPECT_EQ(reason(tenant.decide()), "nothing");

  PromotionPolicy policy = a_policy();
  policy.starter.p99_ms = ExtraMarks{800, 200};
  EXPECT_EQ(reason(tenant.decide(policy)),
            "promote: 900 ms for the slowest of 100 requests, at or above the high mark of 800 for "
            "1m05s (dwell 1m00s)");
  policy.starter.p99_ms = ExtraMarks{2000, 200};
  policy.starter.in_flight = ExtraMarks{3, 1};
  EXPECT_EQ(
      reason(tenant.decide(policy)),
      "promote: 3 requests at a time, at or above the high mark of 3 for 1m05s (dwell 1m00s)");
}

TEST(PromotionPolicyTest, DoesNotHoldATenantForWhatItsInstanceNeverTold) {
  PromotionPolicy policy = a_policy();
  policy.starter.p99_ms = ExtraMarks{800, 200};
  Tenant tenant = a_dedicated_tenant();
  tenant.load(310s, 1, 1);

  EXPECT_EQ(tenant.decide(policy).rule, PromotionRule::kQuiet);
  tenant.windows[Measure::kP99].add(tenant.now, 900);
  EXPECT_EQ(tenant.decide(policy).rule, PromotionRule::kBetweenMarks);
}

TEST(PromotionPolicyTest, SaysOfAnyTenantWhatTheVerdictIs) {
  std::uint64_t seed = 7;
  for (int round = 0; round < 300; ++round) {
    SeededRandom random(seed++);
    Tenant tenant = a_tenant();
    tenant.placement = random.next() % 2 == 0 ? InstanceKind::kShared : InstanceKind::kDedicated;
    tenant.is_wished = random.next() % 4 == 0;
    if (random.next() % 3 == 0) {
      tenant.placed_at = kStart - std::chrono::seconds(random.next() % 700);
    }
    for (int part = 0; part < 12; ++part) {
      tenant.load(std::chrono::seconds(5 + random.next() % 90),
                  static_cast<double>(random.next() % 30),
                  static_cast<double>(random.next() % 700));
    }
    PromotionPolicy policy = a_policy();
    policy.mode = random.next() % 2 == 0 ? PromotionMode::kOn : PromotionMode::kObserve;

    const PromotionDecision decision = tenant.decide(policy);
    const PromotionVerdict verdict =
        judge_tenant(policy,
                     {TenantId::parse("acme").value(), tenant.tier, tenant.plan, tenant.placement,
                      tenant.is_wished, tenant.placed_at, tenant.windows},
                     tenant.now);

    ASSERT_EQ(decision.kind, verdict.kind) << "seed " << seed - 1;
    ASSERT_EQ(decision.rule, verdict.rule) << "seed " << seed - 1;
    ASSERT_NE(decision.reason, "") << "seed " << seed - 1;
    // The same by hand: whole runs instead of as far as the dwell.
    const auto held = [&](Measure measure, double mark) {
      return tenant.windows[measure].held_at_or_above(mark, tenant.now);
    };
    if (verdict.rule == PromotionRule::kBusy) {
      ASSERT_GE(std::max(held(Measure::kSessions, 20), held(Measure::kCpu, 500)), 60s);
    }
  }
}

TEST(PromotionPolicyTest, WaitsForAMoveThatIsDecidedAlready) {
  PromotionPolicy policy = a_policy();
  policy.mode = PromotionMode::kOn;
  Tenant tenant = a_tenant();
  tenant.load(120s, 25, 50);
  ASSERT_NE(reason(tenant.decide(policy)), "nothing");

  tenant.is_wished = true;

  EXPECT_EQ(tenant.decide(policy).rule, PromotionRule::kWished);
}

}  // namespace
}  // namespace voicectl
