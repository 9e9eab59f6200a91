// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/tenant_stats.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> names_of(const InstanceStats& stats) {
  std::vector<std::string> out;
  for (const TenantStats& one : stats.tenants) {
    out.push_back(one.tenant.str());
  }
  return out;
}

/// Of an instance that has every tenant.
StatsPages pages_of(std::size_t tenants) {
  return StatsPages([](const TenantId&) { return true; }, tenants);
}

TEST(TenantStatsTest, TellsWhatIsOpenOfOneTenant) {
  const std::string text = R"({"tenants":[7,{"tenant":"acme","connections":5,"websockets":3},)"
                           R"({"tenant":"beta","connections":-4}]})";

  EXPECT_EQ(open_connections(text, *TenantId::parse("acme")).websockets, 3U);
  EXPECT_EQ(open_connections(text, *TenantId::parse("beta")).connections, 0U);
  EXPECT_EQ(open_connections(text, *TenantId::parse("gamma")).connections, 0U);
}

TEST(TenantStatsTest, WhatIsNoAnswerSaysNothing) {
  for (const char* text : {"", "[]", "7", "{}", R"({"tenants":7})"}) {
    EXPECT_EQ(open_connections(text, *TenantId::parse("acme")).websockets, 0U) << text;
    EXPECT_TRUE(pages_of(1).take(text).has_error()) << text;
  }
}

TEST(TenantStatsTest, PutsThePagesTogether) {
  StatsPages pages = pages_of(3);
  EXPECT_EQ(pages.next(), "");

  ASSERT_THAT(pages.take(R"({"tenants":[{"tenant":"acme","sessions":2},{"tenant":"beta"}],)"
                         R"("loop_lag":[3,4],"next":"beta"})"),
              IsOk());
  EXPECT_EQ(pages.next(), "beta");
  ASSERT_THAT(pages.take(R"({"tenants":[{"tenant":"gamma","latency":[1,2]}]})"), IsOk());
  EXPECT_EQ(pages.next(), "");

  const InstanceStats stats = pages.finish();
  EXPECT_THAT(names_of(stats), ElementsAre("acme", "beta", "gamma"));
  EXPECT_EQ(stats.tenants[0].sessions, 2U);
  EXPECT_EQ(stats.tenants[2].latency->count(), 2U);
  EXPECT_EQ(stats.loop_lag->count(), 4U);
}

TEST(TenantStatsTest, LeavesOutOthersTenantsAndWhatStandsOutOfOrder) {
  StatsPages pages([](const TenantId& tenant) { return tenant.str() != "beta"; }, 3);

  ASSERT_THAT(pages.take(R"({"tenants":[{"tenant":"acme"},{"tenant":"acme"},{"tenant":"beta"},)"
                         R"({"tenant":"Not a name"},{},7,{"tenant":"gamma"},{"tenant":"delta"}]})"),
              IsOk());

  EXPECT_THAT(names_of(pages.finish()), ElementsAre("acme", "gamma"));
}

TEST(TenantStatsTest, APageLeadsOnOrIsRefused) {
  for (const char* next : {"a", "acme"}) {
    StatsPages pages = pages_of(3);
    ASSERT_THAT(pages.take(R"({"tenants":[{"tenant":"acme"}],"next":"acme"})"), IsOk());

    EXPECT_THAT(pages.take(fmt::format(R"({{"tenants":[],"next":"{}"}})", next)),
                FailsWith(ErrorCode::kCorrupt));
  }
}

TEST(TenantStatsTest, ThereAreNotManyMorePagesThanTenants) {
  StatsPages pages = pages_of(20);
  Status taken = ok_status();
  int turned = 0;
  while (!taken.has_error() && turned < 1000) {
    taken = pages.take(fmt::format(R"({{"tenants":[],"next":"t{:04}"}})", ++turned));
  }

  EXPECT_THAT(taken, FailsWith(ErrorCode::kCorrupt));
  EXPECT_GE(turned, 20);
  EXPECT_LE(turned, 30);
}

}  // namespace
}  // namespace voicectl
