// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/suggest.h"

#include <gtest/gtest.h>

namespace voicectl {
namespace {

TEST(SuggestTest, CountsEditsIncludingSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("tenant", "tenant"), 0U);
  EXPECT_EQ(edit_distance("tenant", "tennat"), 1U);
  EXPECT_EQ(edit_distance("apply", "aply"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(SuggestTest, FindsTheNearestAndNothingFarOff) {
  EXPECT_EQ(find_nearest("tenats", {"tenants", "platform"}), "tenants");
  EXPECT_EQ(find_nearest("PLAN", {"play", "plan"}), "plan");
  EXPECT_EQ(find_nearest("xyz", {"tenants", "platform"}), std::nullopt);
  EXPECT_EQ(find_nearest("api_key", {"endpoint", "api_key_file"}), "api_key_file");
  EXPECT_EQ(find_nearest("ap", {"endpoint", "api_key_file"}), std::nullopt);
  EXPECT_EQ(find_nearest("x", {}), std::nullopt);
  EXPECT_EQ(find_nearest(std::string(100'000, 'x'), {"tenants"}), std::nullopt);
}

TEST(SuggestTest, AsksWhetherItWasMeant) {
  EXPECT_EQ(did_you_mean("staus", {"status"}), "did you mean 'status'?");
  EXPECT_EQ(did_you_mean("zzz", {"status"}), "");
}

}  // namespace
}  // namespace voicectl
