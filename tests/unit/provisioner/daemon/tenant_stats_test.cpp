// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/tenant_stats.h"

#include <gtest/gtest.h>

namespace voicectl {
namespace {

TEST(TenantStatsTest, ReadsWhatIsThereAndLeavesOutTheRest) {
  const auto all = open_connections(
      R"({"tenants":[{"tenant":"acme","connections":5,"websockets":3},{"tenant":"Not a name"},)"
      R"({"tenant":"beta","connections":-4}]})");

  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all.at(*TenantId::parse("acme")).websockets, 3U);
  EXPECT_EQ(all.at(*TenantId::parse("beta")).connections, 0U);
}

TEST(TenantStatsTest, WhatIsNoAnswerSaysNothing) {
  for (const char* text : {"", "[]", "{}", R"({"tenants":7})"}) {
    EXPECT_TRUE(open_connections(text).empty()) << text;
  }
  EXPECT_EQ(open_connections("{}", *TenantId::parse("acme")).websockets, 0U);
}

}  // namespace
}  // namespace voicectl
