// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/business.h"

#include <gtest/gtest.h>

#include "runtime/backend/backend.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

TEST(MoneyTest, ReadsAndWritesCentsExactly) {
  for (const char* text : {"18.99", "0.01", "0.00", "1234567.10"}) {
    const Result<Money> price = Money::parse(text);

    ASSERT_THAT(price, IsOk()) << text;
    EXPECT_EQ(price->str(), text);
  }
}

TEST(MoneyTest, TakesOneDecimalAsTens) {
  EXPECT_EQ(Money::parse("18.9")->cents, 1890);
  EXPECT_EQ(Money::parse("18")->cents, 1800);
}

TEST(MoneyTest, RefusesWhatIsNoPrice) {
  for (const char* text : {"", "-1", "1.999", "1.", ".5", "1e3", "$5", "99999999", "1 2", "+1"}) {
    EXPECT_THAT(Money::parse(text), FailsWith(ErrorCode::kInvalidArgument)) << text;
  }
}

TEST(OpeningSpanTest, ReadsASpan) {
  const Result<OpeningSpan> span = OpeningSpan::parse("09:00-17:30");

  ASSERT_THAT(span, IsOk());
  EXPECT_EQ(span->open, 540);
  EXPECT_EQ(span->close, 1050);
  EXPECT_EQ(span->str(), "09:00-17:30");
}

TEST(OpeningSpanTest, CanLastUntilMidnight) {
  EXPECT_EQ(OpeningSpan::parse("18:00-24:00")->close, 1440);
}

TEST(OpeningSpanTest, RefusesWhatIsNoSpan) {
  for (const char* text : {"", "9-17", "17:00-09:00", "09:00-09:00", "09:00-24:01", "09:60-10:00",
                           "09:00/17:00", "09:00-17:00x"}) {
    EXPECT_THAT(OpeningSpan::parse(text), FailsWith(ErrorCode::kInvalidArgument)) << text;
  }
}

TEST(PriorityTest, IsNamedInAnyCase) {
  EXPECT_EQ(priority_named("High"), Priority::kHigh);
  EXPECT_EQ(priority_named("urgent"), Priority::kUrgent);
  EXPECT_EQ(priority_named("whatever"), std::nullopt);
}

TEST(OrderTypeTest, IsNamedHoweverAgentsSpellIt) {
  EXPECT_EQ(order_type_named("Dine In"), OrderType::kDineIn);
  EXPECT_EQ(order_type_named("dine-in"), OrderType::kDineIn);
  EXPECT_EQ(order_type_named("TAKEAWAY"), OrderType::kTakeaway);
  EXPECT_EQ(order_type_named("drone"), std::nullopt);
}

TEST(BusinessTypeTest, RefusesAnUnknownOne) {
  EXPECT_EQ(*parse_business_type("support"), BusinessType::kSupport);
  EXPECT_THAT(parse_business_type("bakery"), FailsWith(ErrorCode::kInvalidArgument));
}

}  // namespace
}  // namespace voicectl::runtime
