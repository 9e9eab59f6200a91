// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/instance_names.h"

#include <gmock/gmock.h>

#include "tests/support/plan/plan_builders.h"

namespace voicectl {
namespace {

TEST(InstanceNamesTest, NamesTheDedicatedInstanceAfterItsTenant) {
  EXPECT_EQ(dedicated_instance_name(tenant_id("acme"), 1).str(), "dedicated-acme");
  EXPECT_EQ(dedicated_instance_name(tenant_id("acme"), 2).str(), "dedicated2-acme");
}

TEST(InstanceNamesTest, KeepsLongNamesApartAndWithinALabel) {
  const std::string same(60, 'a');
  const InstanceId one = dedicated_instance_name(tenant_id(same + "1"), 100);
  const InstanceId two = dedicated_instance_name(tenant_id(same + "2"), 100);

  EXPECT_NE(one, two);
  EXPECT_LE(one.str().size(), 63U);
}

TEST(InstanceNamesTest, GivesNobodyTheNameOfALongerTenant) {
  const std::string long_tail = dedicated_tail(tenant_id(std::string(60, 'a')));

  EXPECT_NE(dedicated_tail(tenant_id(long_tail)), long_tail);
}

TEST(InstanceNamesTest, FindsTheTenantsShareOfEveryName) {
  const TenantId tenant = tenant_id("2-b");

  EXPECT_EQ(dedicated_tail(dedicated_instance_name(tenant, 1)), dedicated_tail(tenant));
  EXPECT_EQ(dedicated_tail(dedicated_instance_name(tenant, 12)), dedicated_tail(tenant));
  EXPECT_EQ(dedicated_tail(instance_id("shared-1")), std::nullopt);
  EXPECT_EQ(dedicated_tail(instance_id("dedicatedly-odd")), std::nullopt);
}

TEST(InstanceNamesTest, ReadsTheNumbersOfThePool) {
  EXPECT_EQ(shared_instance_number(shared_instance_name(12)), 12U);
  EXPECT_EQ(shared_instance_number(instance_id("shared-x")), std::nullopt);
  EXPECT_EQ(shared_instance_number(instance_id("dedicated-1")), std::nullopt);
}

}  // namespace
}  // namespace voicectl
