// SPDX-License-Identifier: Apache-2.0
// Who is moved first, and what a promotion may count on.
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/monitor/played_host.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;

PromotionPolicy a_policy() {
  PromotionPolicy policy;
  policy.starter = policy.enterprise = {.high_sessions = 20, .low_sessions = 5, .high_dwell = 60s};
  policy.low_dwell = 120s;
  policy.cooldown = 0s;
  policy.max_promoted = 1;
  return policy;
}

TenantId tenant(std::string_view name) {
  return TenantId::parse(name).value();
}

class MoveOrderTest : public ::testing::Test {
 protected:
  /// They do that for long enough.
  void dwell(const std::map<TenantId, PlayedLoad>& loads) {
    for (int i = 0; i < 30; ++i) {
      now += kSampleInterval;
      host.look(now, loads);
    }
  }
  std::string moving(const AskRoom& ask_room = {}) const {
    std::string out;
    for (const PromotionDecision& one : host.monitor.movers(now, host.recorded, ask_room)) {
      out += std::string(name_of(*one.kind)) + " " + one.tenant.str() + "; ";
    }
    return out;
  }

  PlayedHost host{a_policy()};
  MonoTime now{1000s};
};

TEST_F(MoveOrderTest, APromotionCountsOnNoDemotionThatIsNotDone) {
  host.add(tenant("aaa"));
  host.add(tenant("zzz"));
  host.put(tenant("zzz"), InstanceKind::kDedicated);
  host.record_of(tenant("zzz")).wish = PromotionWish{"it was busy", {}};
  dwell({{tenant("aaa"), {.sessions = 25}}, {tenant("zzz"), {.sessions = 1}}});
  EXPECT_EQ(moving(), "demote zzz; ");

  host.record_of(tenant("zzz")).wish.reset();
  EXPECT_EQ(moving(), "") << "it is decided, and it still has its instance";

  host.put(tenant("zzz"), InstanceKind::kShared);
  EXPECT_EQ(moving(), "promote aaa; ");
}

TEST_F(MoveOrderTest, IsByRankAndNotByName) {
  PromotionPolicy policy = a_policy();
  policy.max_promoted = 8;
  host.monitor.set_policy(policy);
  host.add(tenant("aaa"));
  host.add(tenant("bbb"));
  host.add(tenant("yyy"), PricePlan::kEnterprise);
  host.add(tenant("zzz"));
  host.put(tenant("zzz"), InstanceKind::kDedicated);
  host.record_of(tenant("zzz")).wish = PromotionWish{"it was busy", {}};

  dwell({{tenant("aaa"), {.sessions = 25}},
         {tenant("bbb"), {.sessions = 50}},
         {tenant("yyy"), {.sessions = 21}},
         {tenant("zzz"), {.sessions = 1}}});

  EXPECT_EQ(moving(), "demote zzz; promote yyy; promote bbb; promote aaa; ");
}

TEST_F(MoveOrderTest, TheHostIsLookedAtOnlyForAPromotion) {
  int looks = 0;
  const AskRoom full = [&] {
    ++looks;
    return HostRoom{Bytes{0}, MilliCpu{0}};
  };
  host.add(tenant("aaa"));
  dwell({{tenant("aaa"), {.sessions = 7}}});
  EXPECT_EQ(moving(full), "");
  EXPECT_EQ(looks, 0);

  dwell({{tenant("aaa"), {.sessions = 25}}});
  EXPECT_EQ(moving(full), "");
  EXPECT_EQ(looks, 1);
  EXPECT_EQ(moving(), "promote aaa; ") << "nothing is known of the host";

  PromotionPolicy policy = a_policy();
  policy.reserve = {Bytes{0}, MilliCpu{0}};
  host.monitor.set_policy(policy);
  EXPECT_EQ(moving(full), "promote aaa; ");
  EXPECT_EQ(looks, 1) << "nothing is kept";
}

TEST_F(MoveOrderTest, WhatWasSeenOfTheHostIsToldForAWhile) {
  host.add(tenant("aaa"));
  dwell({{tenant("aaa"), {.sessions = 25}}});
  host.monitor.note_room(now, {Bytes{1 << 20}, std::nullopt});

  EXPECT_EQ(host.monitor.judge(now + 15s, host.recorded).front().rule, PromotionRule::kReserve);
  EXPECT_EQ(host.monitor.judge(now + 16s, host.recorded).front().rule, PromotionRule::kBusy);
}

}  // namespace
}  // namespace voicectl
