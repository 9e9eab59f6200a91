// SPDX-License-Identifier: Apache-2.0
#include "base/units.h"

#include <gmock/gmock.h>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

TEST(PortTest, IsOneTo65535) {
  EXPECT_EQ(Port::make(1)->value(), 1);
  EXPECT_EQ(Port::make(65535)->str(), "65535");
  for (const std::int64_t number : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{65536},
                                    std::int64_t{65536 + 80}, INT64_MAX, INT64_MIN}) {
    EXPECT_THAT(Port::make(number), FailsWith(ErrorCode::kInvalidArgument)) << number;
  }
}

TEST(PortRangeTest, ReadsFirstAndLast) {
  const auto range = PortRange::parse("21000-21999");

  ASSERT_THAT(range, IsOk());
  EXPECT_EQ(range->size(), 1000U);
  EXPECT_EQ(range->str(), "21000-21999");
  EXPECT_TRUE(range->contains(*Port::make(21000)));
  EXPECT_TRUE(range->contains(*Port::make(21999)));
  EXPECT_FALSE(range->contains(*Port::make(20999)));
  EXPECT_FALSE(range->contains(*Port::make(22000)));
}

TEST(PortRangeTest, MayBeOnePortOrAll) {
  EXPECT_EQ(PortRange::parse("80-80")->size(), 1U);
  EXPECT_EQ(PortRange::parse("1-65535")->size(), 65535U);
}

TEST(PortRangeTest, RefusesEverythingElse) {
  for (const char* text : {"", "-", "80", "80-", "-80", "2-1", "0-5", "1-65536", "1-2-3", "a-b",
                           " 1-2", "1 - 2", "+1-2", "1--2", "99999999999999999999-1"}) {
    EXPECT_THAT(PortRange::parse(text), FailsWith(ErrorCode::kInvalidArgument)) << text;
  }
}

TEST(BytesTest, ReadsDecimalAndBinaryMultiples) {
  EXPECT_EQ(Bytes::parse("512")->count, 512U);
  EXPECT_EQ(Bytes::parse("512B")->count, 512U);
  EXPECT_EQ(Bytes::parse("64KiB")->count, 65536U);
  EXPECT_EQ(Bytes::parse("10MB")->count, 10'000'000U);
  EXPECT_EQ(Bytes::parse("2GiB")->count, 2147483648U);
  EXPECT_EQ(Bytes::parse("0")->count, 0U);
}

TEST(BytesTest, RefusesWhatIsNoSizeOrTooLarge) {
  for (const char* text : {"", "B", "KiB", "-1", "+1", "1.5MB", "1 MB", "1mb", "10X", "0x10",
                           "18446744073709551616", "18446744073709551615KiB"}) {
    EXPECT_THAT(Bytes::parse(text), FailsWith(ErrorCode::kInvalidArgument)) << text;
  }
}

TEST(BytesTest, PrintsWithAUnit) {
  EXPECT_EQ(Bytes{0}.str(), "0 B");
  EXPECT_EQ(Bytes{1023}.str(), "1023 B");
  EXPECT_EQ(Bytes{1024}.str(), "1.0 KiB");
  EXPECT_EQ(Bytes{10240}.str(), "10.0 KiB");
  EXPECT_EQ(Bytes{1468006}.str(), "1.4 MiB");
  EXPECT_EQ(Bytes{1ULL << 50}.str(), "1024.0 TiB");
}

TEST(GenerationTest, OrdersByValue) {
  EXPECT_LT(Generation{1}, Generation{2});
  EXPECT_LT(FencingToken{9}, FencingToken{10});
  EXPECT_EQ(Epoch{3}, Epoch{3});
}

}  // namespace
}  // namespace voicectl
