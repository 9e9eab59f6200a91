// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/customer_book.h"

#include <gmock/gmock.h>

#include "tests/support/fixed_clock.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;

TEST(PhoneKeyTest, TakesTheSameNumberHoweverItIsWritten) {
  for (const char* written : {"+43 660 1234567", "0043 660 1234567", "+43 (0)660 1234567",
                              "+43-660-123 45 67", "(+43) 660/1234567"}) {
    EXPECT_EQ(phone_key(written), "+436601234567") << written;
  }
  EXPECT_EQ(phone_key("555-123-4567"), "5551234567");
}

TEST(PhoneKeyTest, TakesNoExtensionAndNoNovelForANumber) {
  for (const char* written : {"", "1234", "+1-555", "unknown", "0012345"}) {
    EXPECT_EQ(phone_key(written), "") << written;
  }
  EXPECT_EQ(phone_key(std::string(21, '1')), "");
}

TEST(CustomerTest, CountsSessionsAndKeepsTheLastNameThatWasGiven) {
  const WallTime now = FixedWallClock().now();

  const Customer first = with_session(std::nullopt, "+43 660 1234567", "Jane", now);
  const Customer second = with_session(first, "+43 660 1234567", "", now + std::chrono::hours(1));

  EXPECT_EQ(second.phone, "+436601234567");
  EXPECT_EQ(second.name, "Jane");
  EXPECT_EQ(second.sessions, 2U);
  EXPECT_EQ(second.first_seen, now);
  EXPECT_EQ(second.last_seen, now + std::chrono::hours(1));
}

TEST(CustomerTest, TellsTheAgentOnlyOfThoseWhoCalledBefore) {
  const Customer known{"+436601234567", "Jane", {}, {}, 3, R"({"last_reference":"order-1"})"};

  EXPECT_EQ(recognised(std::nullopt), "{}");
  EXPECT_THAT(recognised(known), HasSubstr(R"("last_reference":"order-1")"));
  EXPECT_THAT(recognised(known), HasSubstr(R"("sessions":3)"));
}

}  // namespace
}  // namespace voicectl::runtime
