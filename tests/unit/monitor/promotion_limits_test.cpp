// SPDX-License-Identifier: Apache-2.0
// How many may move, in which order, and what the host must keep.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "monitor/promotion_policy.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Bytes kProcess{40 << 20};

/// Decisions about tenants a, b, c ... as busy as given, all due for a promotion.
std::vector<PromotionDecision> promotions(const std::vector<double>& pressures) {
  std::vector<PromotionDecision> out;
  for (const double pressure : pressures) {
    const std::string name(1, static_cast<char>('a' + out.size()));
    out.push_back(PromotionDecision{.tenant = TenantId::parse(name).value(),
                                    .kind = PromotionKind::kPromote,
                                    .rule = PromotionRule::kBusy,
                                    .reason = "a reason",
                                    .otherwise = {},
                                    .measures = {},
                                    .pressure = pressure});
  }
  return out;
}

std::vector<std::string> chosen(const std::vector<PromotionDecision>& decisions) {
  std::vector<std::string> out;
  for (const PromotionDecision& decision : decisions) {
    if (decision.kind) {
      out.push_back(decision.tenant.str());
    }
  }
  return out;
}

TEST(PromotionLimitsTest, PromotesTheBusiestWithinTheBudget) {
  PromotionPolicy policy;
  policy.max_promoted = 3;
  std::vector<PromotionDecision> decisions = promotions({1.1, 3.0, 2.0});

  keep_within_limits(policy, {.promoted = 1}, decisions);

  EXPECT_THAT(chosen(decisions), ElementsAre("b", "c"));
  EXPECT_EQ(decisions[0].rule, PromotionRule::kBudget);
  EXPECT_EQ(decisions[0].reason, "3 of 3 tenants are promoted already; it has a reason");
}

TEST(PromotionLimitsTest, PromotesTheDearerPlanFirst) {
  PromotionPolicy policy;
  policy.max_promoted = 1;
  std::vector<PromotionDecision> decisions = promotions({9.0, 1.0});
  decisions[1].plan = PricePlan::kEnterprise;

  keep_within_limits(policy, {}, decisions);

  EXPECT_THAT(chosen(decisions), ElementsAre("b"));
}

TEST(PromotionLimitsTest, ADemotionMakesRoomWhenItIsDoneAndNotBefore) {
  PromotionPolicy policy;
  policy.max_promoted = 1;
  std::vector<PromotionDecision> decisions = promotions({9.0, 0.0});
  decisions[1].kind = PromotionKind::kDemote;

  keep_within_limits(policy, {.promoted = 1}, decisions);

  EXPECT_THAT(chosen(decisions), ElementsAre("b"));
  EXPECT_EQ(decisions[0].rule, PromotionRule::kBudget);
}

TEST(PromotionLimitsTest, DemotesBeforeItPromotesAndTheCheaperPlanAndTheQuieterFirst) {
  const auto one = [](PromotionKind kind, PricePlan plan, double pressure) {
    return MoveCandidate{kind, plan, pressure, "a"};
  };
  using enum PromotionKind;
  const std::vector<MoveCandidate> in_order = {
      one(kDemote, PricePlan::kStarter, 0.1),    one(kDemote, PricePlan::kStarter, 0.2),
      one(kDemote, PricePlan::kEnterprise, 0.0), one(kPromote, PricePlan::kEnterprise, 1.0),
      one(kPromote, PricePlan::kStarter, 3.0),   one(kPromote, PricePlan::kStarter, 2.0)};

  for (std::size_t i = 1; i < in_order.size(); ++i) {
    EXPECT_TRUE(goes_before(in_order[i - 1], in_order[i])) << i;
    EXPECT_FALSE(goes_before(in_order[i], in_order[i - 1])) << i;
  }
}

TEST(PromotionLimitsTest, KeepsThePace) {
  PromotionPolicy policy;
  policy.moves_per_minute = 3;
  std::vector<PromotionDecision> decisions = promotions({1.0, 2.0, 3.0});

  keep_within_limits(policy, {.promoted = 0, .recent_moves = 1}, decisions);

  EXPECT_THAT(chosen(decisions), ElementsAre("b", "c"));
  EXPECT_EQ(decisions[0].rule, PromotionRule::kPace);
}

TEST(PromotionLimitsTest, LeavesThePoolTheMemoryThatIsKeptForIt) {
  PromotionPolicy policy;
  policy.reserve.memory = Bytes{100 << 20};
  const auto admitted = [&](std::uint64_t free_mib) {
    std::vector<PromotionDecision> decisions = promotions({2.0, 1.0});
    keep_within_limits(policy, {.room = {.memory = Bytes{free_mib << 20}}, .process = kProcess},
                       decisions);
    return chosen(decisions);
  };

  EXPECT_THAT(admitted(180), ElementsAre("a", "b"));
  EXPECT_THAT(admitted(179), ElementsAre("a")) << "the first of them takes its part";
  EXPECT_THAT(admitted(139), IsEmpty());
  policy.reserve.memory = Bytes{};
  EXPECT_THAT(admitted(0), ElementsAre("a", "b")) << "nothing is kept";
}

TEST(PromotionLimitsTest, LeavesThePoolTheProcessorsThatAreKeptForIt) {
  PromotionPolicy policy;
  policy.reserve = {Bytes{}, MilliCpu{500}};
  const auto admitted = [&](std::uint32_t idle) {
    std::vector<PromotionDecision> decisions = promotions({2.0});
    keep_within_limits(policy, {.room = {.cpu = MilliCpu{idle}}}, decisions);
    return chosen(decisions);
  };

  EXPECT_THAT(admitted(500), ElementsAre("a"));
  EXPECT_THAT(admitted(499), IsEmpty());
  policy.reserve.cpu = MilliCpu{};
  EXPECT_THAT(admitted(0), ElementsAre("a")) << "nothing is kept";
}

TEST(PromotionLimitsTest, HoldsNobodyBackForWhatIsNotKnownOfTheHostAndNoDemotion) {
  PromotionPolicy policy;
  policy.reserve = {Bytes{100 << 20}, MilliCpu{500}};
  std::vector<PromotionDecision> unknown = promotions({2.0});
  keep_within_limits(policy, {.process = kProcess}, unknown);
  EXPECT_THAT(chosen(unknown), ElementsAre("a"));

  std::vector<PromotionDecision> demotion = promotions({2.0});
  demotion[0].kind = PromotionKind::kDemote;
  keep_within_limits(policy, {.promoted = 1, .room = {Bytes{}, MilliCpu{}}, .process = kProcess},
                     demotion);
  EXPECT_THAT(chosen(demotion), ElementsAre("a"));
}

TEST(PromotionLimitsTest, SaysWhatTheHostHasLeft) {
  PromotionPolicy policy;
  policy.reserve = {Bytes{256 << 20}, MilliCpu{500}};
  std::vector<PromotionDecision> decisions = promotions({2.0});

  keep_within_limits(policy, {.room = {Bytes{280 << 20}, MilliCpu{1200}}, .process = kProcess},
                     decisions);

  EXPECT_EQ(decisions[0].rule, PromotionRule::kReserve);
  EXPECT_EQ(
      decisions[0].reason,
      "280.0 MiB of memory are free, a process takes 40.0 MiB, and 256.0 MiB are kept for the "
      "pool; 1200 mCPU are idle, and 500 are kept for the pool; it has a reason");
  EXPECT_THAT(decisions[0].otherwise,
              ElementsAre("a smaller monitor.reserve, or a host with more room, would let it be "
                          "promoted"));
}

TEST(PromotionLimitsTest, TakesTheRoomOfAHostFromOneLook) {
  HostUsage usage;
  EXPECT_EQ(room_of(usage).memory, std::nullopt);
  EXPECT_EQ(room_of(usage).cpu, std::nullopt);

  usage.processors = 4;
  usage.load = {1.5, 9, 9};
  usage.memory_free = Bytes{7};
  EXPECT_EQ(room_of(usage).memory, Bytes{7});
  EXPECT_EQ(room_of(usage).cpu, MilliCpu{2500});
  usage.load = {9, 0, 0};
  EXPECT_EQ(room_of(usage).cpu, MilliCpu{0});
}

}  // namespace
}  // namespace voicectl
