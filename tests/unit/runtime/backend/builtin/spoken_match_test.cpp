// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/builtin/spoken_match.h"

#include <gmock/gmock.h>

namespace voicectl::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::vector<Sayable> kMenu = {
    {"Margherita Pizza", {"margherita", "classic pizza"}},
    {"Pepperoni Pizza", {"pepperoni"}},
    {"Chicken Wings", {"wings", "chicken wings"}},
    {"Grilled Chicken", {"chicken", "grilled chicken"}},
    {"Coca Cola", {"coke", "cola"}},
    {"X-Ray", {"xray"}},
};

std::string found(std::string_view spoken) {
  const SpokenMatch match = match_spoken(spoken, kMenu);
  return match.index ? kMenu[*match.index].name : "";
}

TEST(SpokenMatchTest, FoldsCasePunctuationAndPlural) {
  EXPECT_EQ(fold_spoken("  Two PIZZAS, please! "), "two pizza please");
  EXPECT_EQ(fold_spoken("Women's Health"), "women health");
  EXPECT_EQ(fold_spoken("glass"), "glass");
  EXPECT_EQ(fold_spoken("..."), "");
}

TEST(SpokenMatchTest, FindsNamesAndKeywords) {
  EXPECT_EQ(found("margherita pizza"), "Margherita Pizza");
  EXPECT_EQ(found("Margheritas"), "Margherita Pizza");
  EXPECT_EQ(found("coke"), "Coca Cola");
  EXPECT_EQ(found("x ray"), "X-Ray");
}

TEST(SpokenMatchTest, PrefersAnExactKeywordToOneWithin) {
  EXPECT_EQ(found("chicken"), "Grilled Chicken");
}

TEST(SpokenMatchTest, PrefersTheLongestKeywordWithin) {
  EXPECT_EQ(found("some chicken wings please"), "Chicken Wings");
}

TEST(SpokenMatchTest, ForgivesAFewLettersInLongWords) {
  EXPECT_EQ(found("margarita"), "Margherita Pizza");
  EXPECT_EQ(found("peperoni"), "Pepperoni Pizza");
}

TEST(SpokenMatchTest, HearsWhatARecogniserMisspells) {
  const std::vector<Sayable> menu = {{"Gnocchi", {}},
                                     {"Cheesecake", {}},
                                     {"Bruschetta", {}},
                                     {"Margherita Pizza", {"margherita"}},
                                     {"Quattro Formaggi", {"four cheese"}},
                                     {"Physiotherapy", {}}};
  const auto heard = [&menu](std::string_view spoken) -> std::string {
    const SpokenMatch match = match_spoken(spoken, menu);
    return match.index ? menu[*match.index].name : "";
  };

  EXPECT_EQ(heard("nyoki"), "Gnocchi");
  EXPECT_EQ(heard("a piece of cheese cake please"), "Cheesecake");
  EXPECT_EQ(heard("brusketta"), "Bruschetta");
  EXPECT_EQ(heard("one marguerita for me"), "Margherita Pizza");
  EXPECT_EQ(heard("kwatro formagi"), "Quattro Formaggi");
  EXPECT_EQ(heard("fisio therapy"), "Physiotherapy");
  EXPECT_EQ(heard("a burger"), "");
}

TEST(SpokenMatchTest, LeavesTheChoiceToTheCallerWhenTwoSoundAlike) {
  const std::vector<Sayable> menu = {{"Pasta Nera", {}}, {"Basta Nera", {}}};

  const SpokenMatch match = match_spoken("bbastah nehrah", menu);

  EXPECT_FALSE(match.index);
  EXPECT_THAT(match.close_names, SizeIs(2));
}

TEST(SpokenMatchTest, ForgivesNothingInShortWords) {
  EXPECT_EQ(found("cake"), "");
}

TEST(SpokenMatchTest, OffersWhatSharesAWordWhenSeveralFit) {
  const SpokenMatch match = match_spoken("pizza", kMenu);

  EXPECT_FALSE(match.index);
  ASSERT_THAT(match.close_names, SizeIs(3));
  EXPECT_THAT(match.close_names[0], testing::HasSubstr("Pizza"));
  EXPECT_THAT(match.close_names[1], testing::HasSubstr("Pizza"));
}

TEST(SpokenMatchTest, OffersNothingFromAnEmptyMenu) {
  const SpokenMatch match = match_spoken("pizza", {});

  EXPECT_FALSE(match.index);
  EXPECT_THAT(match.close_names, IsEmpty());
}

TEST(SpokenMatchTest, FindsNothingInSilence) {
  EXPECT_EQ(found(""), "");
  EXPECT_EQ(found("!?"), "");
}

TEST(SpokenMatchTest, BoundsTheWorkForEndlessSpeech) {
  EXPECT_EQ(found(std::string(1'000'000, 'a')), "");
}

TEST(JoinChoicesTest, SpeaksLists) {
  EXPECT_EQ(join_choices({}), "");
  EXPECT_EQ(join_choices({"A"}), "A");
  EXPECT_EQ(join_choices({"A", "B"}), "A or B");
  EXPECT_EQ(join_choices({"A", "B", "C"}), "A, B or C");
}

}  // namespace
}  // namespace voicectl::runtime
