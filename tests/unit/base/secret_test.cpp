// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace voicectl {
namespace {

TEST(SecretTest, PrintsAsStars) {
  EXPECT_EQ(to_string(Secret("hunter2")), "***");
  EXPECT_EQ(to_string(Secret()), "***");
}

TEST(SecretTest, RevealsItsTextOnlyWhenAsked) {
  EXPECT_EQ(Secret("hunter2").reveal(), "hunter2");
  EXPECT_TRUE(Secret().empty());
}

TEST(SecretTest, LeavesNothingBehindWhenItMoves) {
  Secret first("a secret that is too long for the object itself");
  Secret second = std::move(first);
  Secret third;
  third = std::move(second);

  EXPECT_TRUE(first.empty());   // NOLINT(bugprone-use-after-move): the state after it is the point
  EXPECT_TRUE(second.empty());  // NOLINT(bugprone-use-after-move): the same
  EXPECT_EQ(third.reveal(), "a secret that is too long for the object itself");
}

TEST(SecretTest, WipesTheBytesOfAShortTextWhenItMoves) {
  Secret first("short");
  const char* const place = first.reveal().data();
  const Secret second = std::move(first);

  EXPECT_EQ(std::string(place, 5), std::string(5, '\0'));
  EXPECT_EQ(second.reveal(), "short");
}

TEST(SecretTest, CopiesAndComparesByText) {
  const Secret first("a");
  Secret second("b");
  EXPECT_NE(first, second);

  second = first;

  EXPECT_EQ(first, second);
  EXPECT_EQ(first.reveal(), "a");
}

TEST(SecretTest, SurvivesAssignmentToItself) {
  Secret secret("a secret that is too long for the object itself");
  Secret& alias = secret;

  secret = alias;
  secret = std::move(alias);

  EXPECT_EQ(secret.reveal(), "a secret that is too long for the object itself");
}

}  // namespace
}  // namespace voicectl
