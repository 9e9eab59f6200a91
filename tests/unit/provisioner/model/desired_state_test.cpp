// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/desired_state.h"

#include <gtest/gtest.h>

#include "provisioner/model/names.h"
#include "provisioner/model/snapshot.h"

namespace voicectl {
namespace {

TenantId id(std::string_view slug) {
  return *TenantId::parse(slug);
}

TEST(MoneyTest, ReadsAtMostTwoDecimals) {
  EXPECT_EQ(Money::parse("18.99")->cents, 1899);
  EXPECT_EQ(Money::parse("18.9")->cents, 1890);
  EXPECT_EQ(Money::parse("18.05")->cents, 1805);
  EXPECT_EQ(Money::parse("18")->cents, 1800);
  EXPECT_EQ(Money::parse("0.5")->cents, 50);
}

TEST(MoneyTest, RefusesWhatIsNoExactAmount) {
  for (const char* text : {"", ".", "18.", ".5", "18.999", "-1", "+1", "1e3", "01", "1,50", " 1",
                           "1234567890", "18.9x", "0x10", "18.9.9"}) {
    EXPECT_TRUE(Money::parse(text).has_error()) << text;
  }
}

TEST(MoneyTest, PrintsWhatItReads) {
  for (const char* text : {"0.00", "0.05", "7.10", "999999999.99"}) {
    EXPECT_EQ(Money::parse(text)->str(), text);
  }
}

TEST(DesiredStateTest, FindsATenantByItsSlug) {
  DesiredState state;
  state.tenants.push_back(TenantSpec{.tenant = id("acme")});
  state.tenants.push_back(TenantSpec{.tenant = id("zebra")});

  const TenantSpec* found = find_tenant(state, id("zebra"));

  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->tenant, id("zebra"));
  EXPECT_EQ(find_tenant(state, id("bravo")), nullptr);
}

TEST(DesiredStateTest, TakesTheLowerOfPlanAndOwnMonthlyLimit) {
  TenantSpec tenant{.tenant = id("acme"), .plan = PricePlan::kProfessional};
  EXPECT_EQ(monthly_sessions(tenant), 500U);

  tenant.limits.sessions_per_month = 20;
  EXPECT_EQ(monthly_sessions(tenant), 20U);

  tenant.plan = PricePlan::kEnterprise;
  EXPECT_EQ(monthly_sessions(tenant), 20U);

  tenant.limits.sessions_per_month.reset();
  EXPECT_EQ(monthly_sessions(tenant), std::nullopt);
}

TEST(DesiredStateTest, ReservesPlatformAndMailboxNamesButNotLookalikes) {
  for (const char* name : {"www", "api",  "admin",      "portal", "voice",      "staff", "mcp",
                           "erp", "docs", "metrics",    "status", "mail",       "ftp",   "ns",
                           "ns1", "ns23", "postmaster", "abuse",  "hostmaster", "sales"}) {
    EXPECT_TRUE(is_reserved_name(name)) << name;
  }
  for (const char* name : {"nsa", "ns1x", "apis", "mailer", "acme", "mario-pizza"}) {
    EXPECT_FALSE(is_reserved_name(name)) << name;
  }
}

TEST(DesiredStateTest, KnowsTheDemoNames) {
  for (const char* name :
       {"mario-pizza", "dr-smith", "techsupport", "restaurant", "medical", "support"}) {
    EXPECT_TRUE(is_demo_name(name)) << name;
  }
  EXPECT_FALSE(is_demo_name("acme"));
}

template <typename E>
class NamesTest : public testing::Test {};
using Enumerations = testing::Types<BusinessType,
                                    PricePlan,
                                    Tier,
                                    BackendKind,
                                    EdgeMode,
                                    SessionStoreKind,
                                    Weekday,
                                    Priority>;
TYPED_TEST_SUITE(NamesTest, Enumerations);

TYPED_TEST(NamesTest, EveryValueStandsAtItsPlaceAndIsFoundByItsName) {
  std::size_t place = 0;
  for (const NamedValue<TypeParam>& known : named_values<TypeParam>()) {
    EXPECT_EQ(static_cast<std::size_t>(known.value), place++);
    EXPECT_EQ(name_of(known.value), known.name);
    EXPECT_EQ(find_value<TypeParam>(known.name), known.value);
  }
  EXPECT_EQ(find_value<TypeParam>("no such name"), std::nullopt);
}

TEST(SnapshotTest, NamesKindsAndPhases) {
  EXPECT_EQ(name_of(InstanceKind::kShared), "shared");
  EXPECT_EQ(name_of(InstanceKind::kDedicated), "dedicated");
  EXPECT_EQ(name_of(TenantPhase::kCreating), "creating");
  EXPECT_EQ(name_of(TenantPhase::kServing), "serving");
  EXPECT_EQ(name_of(TenantPhase::kDeleting), "deleting");
}

}  // namespace
}  // namespace voicectl
