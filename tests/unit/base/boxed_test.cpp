// SPDX-License-Identifier: Apache-2.0
#include "base/boxed.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace voicectl {
namespace {

TEST(BoxedTest, IsEmptyUntilItIsGivenAValue) {
  Boxed<std::string> box;
  EXPECT_FALSE(box.has_value());

  box = std::string("here");

  ASSERT_TRUE(box);
  EXPECT_EQ(*box, "here");
  EXPECT_EQ(box->size(), 4U);
  box.reset();
  EXPECT_FALSE(box);
}

TEST(BoxedTest, ACopyHasItsOwnValue) {
  const Boxed<std::string> first(std::string("one"));
  Boxed<std::string> second = first;

  *second = "two";

  EXPECT_EQ(*first, "one");
  EXPECT_FALSE(Boxed<std::string>(Boxed<std::string>()));
}

TEST(BoxedTest, MovesWithoutMovingTheValue) {
  Boxed<std::string> first(std::string("here"));
  const std::string* const place = &*first;

  const Boxed<std::string> second = std::move(first);

  EXPECT_EQ(&*second, place);
}

}  // namespace
}  // namespace voicectl
