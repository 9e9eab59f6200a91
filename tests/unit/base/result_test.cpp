// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <gmock/gmock.h>

#include <memory>
#include <set>
#include <string>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

Error some_error() {
  return Error(ErrorCode::kNotFound, "cannot find 'it'");
}

Result<int> half_of(int number) {
  if (number % 2 != 0) {
    return Error(ErrorCode::kInvalidArgument, "cannot halve an odd number");
  }
  return number / 2;
}

Result<int> quarter_of(int number) {
  VC_TRY(const int half, half_of(number));
  VC_TRY(const int quarter, half_of(half));
  return quarter;
}

Status check_even(int number) {
  VC_TRY(half_of(number));
  VC_TRY(half_of(number + 2));
  return ok_status();
}

Result<std::unique_ptr<int>> make_box(int number) {
  VC_TRY(const int half, half_of(number));
  return std::make_unique<int>(half);
}

Result<int> unbox(int number) {
  VC_TRY(std::unique_ptr<int> box, make_box(number));
  return *box;
}

TEST(ResultTest, GoesOnWithTheValueOrReturnsTheError) {
  EXPECT_THAT(quarter_of(12), IsOkAnd(3));
  EXPECT_THAT(quarter_of(6), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(quarter_of(7), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(ResultTest, TriesAStatusWithoutAValue) {
  EXPECT_THAT(check_even(4), IsOk());
  EXPECT_THAT(check_even(5), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(ResultTest, MovesValuesThatCannotBeCopied) {
  EXPECT_THAT(unbox(8), IsOkAnd(4));
}

TEST(ResultTest, TakesADeclarationWithCommas) {
  const auto pair = []() -> Result<std::pair<int, int>> { return std::pair(1, 2); };
  const auto sum = [&]() -> Result<int> {
    VC_TRY(const auto both, pair());
    return both.first + both.second;
  };

  EXPECT_THAT(sum(), IsOkAnd(3));
}

TEST(ResultTest, IsASuccessWhenStatusIsDefault) {
  EXPECT_THAT(Status(), IsOk());
  EXPECT_THAT(ok_status(), IsOk());
}

TEST(ErrorTest, PutsContextBeforeTheMessageOutermostFirst) {
  const Error error =
      some_error().with_context("reading 'b'").with_context("starting instance 'a'");

  EXPECT_EQ(error.text(), "starting instance 'a': reading 'b': cannot find 'it'");
  EXPECT_EQ(error.message(), "cannot find 'it'");
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
}

TEST(ErrorTest, LeavesTheOriginalAsItWasWhenContextIsAddedToACopy) {
  const Error error = some_error();

  const Error more = error.with_context("outside");

  EXPECT_EQ(error.text(), "cannot find 'it'");
  EXPECT_NE(error, more);
}

TEST(ErrorCodeTest, HasANameForEachCodeAndFindsItAgain) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    names.insert(name_of(code));
    EXPECT_EQ(error_code_named(name_of(code)), code);
  }

  EXPECT_EQ(names.size(), static_cast<std::size_t>(ErrorCode::kInternal) + 1);
}

TEST(ErrorCodeTest, TakesAnUnknownNameAsInternal) {
  EXPECT_EQ(error_code_named("invented_later"), ErrorCode::kInternal);
  EXPECT_EQ(error_code_named(""), ErrorCode::kInternal);
}

}  // namespace
}  // namespace voicectl
