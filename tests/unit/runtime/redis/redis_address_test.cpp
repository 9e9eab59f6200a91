// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_address.h"

#include <gmock/gmock.h>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RedisAddressTest, ReadsHostPortDatabaseAndWhoWeAre) {
  const Result<RedisAddress> address = parse_redis_url("redis://app:s%40cret@db.example:6380/2");

  ASSERT_THAT(address, IsOk());
  EXPECT_EQ(address->host, "db.example");
  EXPECT_EQ(address->port, 6380);
  EXPECT_EQ(address->user, "app");
  EXPECT_EQ(address->password.reveal(), "s@cret");
  EXPECT_EQ(address->database, 2U);
}

TEST(RedisAddressTest, FillsInWhatIsUsual) {
  const Result<RedisAddress> address = parse_redis_url("redis://127.0.0.1");

  ASSERT_THAT(address, IsOk());
  EXPECT_EQ(address->port, 6379);
  EXPECT_EQ(address->database, 0U);
  EXPECT_TRUE(address->password.empty());
}

TEST(RedisAddressTest, ReadsUnixSocketsAndIpv6) {
  const Result<RedisAddress> unix_one = parse_redis_url("unix://:pw@/run/redis.sock?db=4");
  const Result<RedisAddress> v6 = parse_redis_url("redis://[::1]:7000/");

  ASSERT_THAT(unix_one, IsOk());
  EXPECT_EQ(unix_one->unix_socket, "/run/redis.sock");
  EXPECT_EQ(unix_one->database, 4U);
  EXPECT_EQ(unix_one->password.reveal(), "pw");
  ASSERT_THAT(v6, IsOk());
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->text(), "redis://[::1]:7000/0");
}

TEST(RedisAddressTest, NeverTellsThePassword) {
  const Result<RedisAddress> address = parse_redis_url("redis://app:hunter2@h");
  const Result<RedisAddress> broken = parse_redis_url("redis://app:hunter2@h:port");

  EXPECT_EQ(address->text(), "redis://app@h:6379/0");
  EXPECT_THAT(broken.error().text(), Not(HasSubstr("hunter2")));
}

TEST(RedisAddressTest, RefusesWhatItCannotUse) {
  for (const std::string_view url :
       {"", "http://h", "redis://", "redis://:0", "redis://h:0", "redis://h:65536", "redis://h:1x",
        "redis://h/x", "redis://h/-1", "redis://[::1", "redis://[::1]x", "redis://h\r\nPING",
        "redis://a:%zz@h", "unix://relative", "unix:///s?x=1", "unix:///s?db=x"}) {
    EXPECT_THAT(parse_redis_url(url), FailsWith(ErrorCode::kInvalidArgument)) << url;
  }
  EXPECT_THAT(parse_redis_url("rediss://h").error().text(), HasSubstr("without TLS"));
}

}  // namespace
}  // namespace voicectl
