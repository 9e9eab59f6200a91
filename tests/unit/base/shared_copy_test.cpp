// SPDX-License-Identifier: Apache-2.0
#include "base/shared_copy.h"

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Words = SharedCopy<std::vector<std::string>>;

TEST(SharedCopy, ACopyHasTheSameElementsUntilOneIsChanged) {
  Words one = {"a", "b"};
  Words other = one;
  EXPECT_EQ(one.get().data(), other.get().data());

  other.push_back("c");

  EXPECT_THAT(one.get(), ElementsAre("a", "b"));
  EXPECT_THAT(other.get(), ElementsAre("a", "b", "c"));
}

TEST(SharedCopy, WhoHasItAloneIsChangedInPlace) {
  Words one = {"a", "b"};
  const std::string* const before = one.get().data();
  one[1] = "c";
  { const Words gone = one; }
  one.front() = "d";
  EXPECT_EQ(one.get().data(), before);
  EXPECT_THAT(one.get(), ElementsAre("d", "c"));
}

TEST(SharedCopy, ToReadWhatIsConstCopiesNothing) {
  const Words one = {"a"};
  const Words other = one;
  EXPECT_EQ(one.front(), "a");
  EXPECT_EQ(other[0], "a");
  EXPECT_EQ(&*one.begin(), &*other.begin());
}

TEST(SharedCopy, AnEmptyOneIsLikeAnyOther) {
  Words one;
  const Words other = one;
  EXPECT_THAT(one.get(), IsEmpty());
  EXPECT_EQ(one, other);
  one.emplace_back("a");
  EXPECT_NE(one, other);
  EXPECT_TRUE(other.empty());
  Words moved = std::move(one);
  moved.clear();
  EXPECT_EQ(moved, other);
}

TEST(SharedCopy, HoldsMapsToo) {
  SharedCopy<std::map<std::string, int>> one;
  one["a"] = 1;
  const auto before = one;
  one.insert_or_assign("a", 2);
  one.erase("b");
  EXPECT_EQ(before.at("a"), 1);
  EXPECT_EQ(one.find("a")->second, 2);
  EXPECT_FALSE(one.contains("b"));
}

}  // namespace
}  // namespace voicectl
