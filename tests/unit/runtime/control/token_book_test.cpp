// SPDX-License-Identifier: Apache-2.0
#include "runtime/control/token_book.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

TenantId tenant(int number) {
  return *TenantId::parse(fmt::format("tenant-{}", number));
}

TEST(TokenBookTest, RefusesWhatIsOlderThanWhatItMet) {
  TokenBook book;
  ASSERT_THAT(book.admit(tenant(1), FencingToken{7}), IsOk());

  EXPECT_THAT(book.admit(tenant(1), FencingToken{6}), FailsWith(ErrorCode::kFenced));
  EXPECT_THAT(book.admit(tenant(1), FencingToken{7}), IsOk());
  EXPECT_THAT(book.admit(tenant(2), FencingToken{1}), IsOk());
}

TEST(TokenBookTest, DoesNotGrowWithEveryTenantThatEverWasHere) {
  TokenBook book(16);
  std::uint64_t token = 0;
  for (int number = 0; number < 10'000; ++number) {
    ASSERT_THAT(book.admit(tenant(number), FencingToken{++token}), IsOk());
    book.hold(tenant(number));
    if (number >= 4) {
      book.release(tenant(number - 4));
    }
  }

  EXPECT_EQ(book.size(), 4U + 16U);
}

TEST(TokenBookTest, RefusesAnOldTokenOfATenantThatItForgot) {
  TokenBook book(2);
  for (std::uint64_t number = 1; number <= 10; ++number) {
    ASSERT_THAT(book.admit(tenant(static_cast<int>(number)), FencingToken{number}), IsOk());
  }

  for (int number = 1; number <= 8; ++number) {
    EXPECT_THAT(book.admit(tenant(number), FencingToken{static_cast<std::uint64_t>(number)}),
                FailsWith(ErrorCode::kFenced));
  }
  EXPECT_THAT(book.admit(tenant(1), FencingToken{11}), IsOk());
}

TEST(TokenBookTest, KeepsTheTokensOfTheTenantsThatAreHere) {
  TokenBook book(1);
  ASSERT_THAT(book.admit(tenant(0), FencingToken{1}), IsOk());
  book.hold(tenant(0));
  for (int number = 1; number <= 100; ++number) {
    ASSERT_THAT(book.admit(tenant(number), FencingToken{static_cast<std::uint64_t>(number) + 1}),
                IsOk());
  }

  // Lent again with the token that it has: a daemon that came back does that.
  EXPECT_THAT(book.admit(tenant(0), FencingToken{1}), IsOk());
  EXPECT_THAT(book.admit(tenant(0), FencingToken{0}), FailsWith(ErrorCode::kFenced));
}

}  // namespace
}  // namespace voicectl
