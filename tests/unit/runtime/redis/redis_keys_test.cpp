// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_keys.h"

#include <gmock/gmock.h>

#include <set>

#include "runtime/redis/redis_fence.h"
#include "runtime/redis/redis_opening.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const TenantId kTenant = *TenantId::parse("mario-pizza");
const SessionId kSession = make_session_id(kTenant, "0123456789abcdef");

TEST(RedisKeysTest, HasTheNamesOfTheContract) {
  const RedisKeys keys(kTenant);

  EXPECT_EQ(keys.session(kSession), "business:mario-pizza:session:mario-pizza_0123456789abcdef");
  EXPECT_EQ(keys.context(kSession), "business:mario-pizza:context:mario-pizza_0123456789abcdef");
  EXPECT_EQ(keys.usage("2026-11"), "usage:mario-pizza:2026-11");
  EXPECT_EQ(keys.usage_count("2026-11"), "usage:mario-pizza:2026-11:count");
}

TEST(RedisKeysTest, PutsAllKeysOfATenantIntoOneSlotOfACluster) {
  const RedisKeys keys(kTenant, RedisKeyStyle::kOneHashSlot);
  std::set<std::string> tags;
  const auto note = [&tags](const std::string& name) {
    const std::size_t begin = name.find('{');
    tags.insert(name.substr(begin + 1, name.find('}', begin) - begin - 1));
  };
  for (const RedisFixedKey& key : keys.fixed()) {
    note(key.name);
  }
  for (const std::string& name :
       {keys.session(kSession), keys.context(kSession), keys.events_of(kSession), keys.requests(5),
        keys.usage("2026-11"), keys.usage_count("2026-11")}) {
    note(name);
  }

  EXPECT_EQ(tags, std::set<std::string>{"mario-pizza"});
}

TEST(RedisKeysTest, CountsMonthsInUtc) {
  const WallTime last = std::chrono::sys_days(std::chrono::year(2026) / 12 / 31) +
                        std::chrono::milliseconds(86'399'999);

  EXPECT_EQ(usage_month(last), "2026-12");
  EXPECT_EQ(usage_month(last + std::chrono::milliseconds(1)), "2027-01");
}

TEST(RedisFenceTest, ReadsWhatItWritesAndNothingElse) {
  const auto fence = parse_redis_fence(RedisFence{FencingToken{7}, 42}.text());

  ASSERT_TRUE(fence.has_value());
  EXPECT_EQ(fence->token.value, 7U);
  EXPECT_EQ(fence->writes, 42U);
  for (const std::string_view text : {"", "7", "7.", ".1", "7.1x", "-1.1", " 7.1", "7.1 "}) {
    EXPECT_FALSE(parse_redis_fence(text).has_value()) << text;
  }
}

TEST(RedisRiskTest, SaysWhatAServerMayLose) {
  EXPECT_FALSE(redis_risk("s", {"yes", "always", "noeviction"}).has_value());
  EXPECT_FALSE(redis_risk("s", {}).has_value());
  EXPECT_THAT(*redis_risk("s", {"no", "always", ""}), StartsWith("Redis server s: appendonly"));
  EXPECT_THAT(*redis_risk("s", {"yes", "everysec", ""}), HasSubstr("two seconds"));
  EXPECT_THAT(*redis_risk("s", {"yes", "always", "allkeys-lru"}), HasSubstr("noeviction"));
}

}  // namespace
}  // namespace voicectl::runtime
