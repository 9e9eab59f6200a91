// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <gmock/gmock.h>

#include <array>
#include <set>
#include <string>
#include <vector>

namespace voicectl {
namespace {

TEST(SeededRandomTest, GivesThePublishedSequenceOfSplitMix64) {
  SeededRandom random(1234567);

  EXPECT_EQ(random.next(), 6457827717110365317ULL);
  EXPECT_EQ(random.next(), 3203168211198807973ULL);
  EXPECT_EQ(random.next(), 9817491932198370423ULL);
}

TEST(RandomTest, StaysBelowItsBoundAndReachesEveryNumber) {
  SeededRandom random(7);
  std::array<int, 6> counts{};
  for (int i = 0; i < 6000; ++i) {
    ++counts.at(random.below(counts.size()));
  }

  for (const int count : counts) {
    EXPECT_NEAR(count, 1000, 150);
  }
  EXPECT_EQ(random.below(1), 0U);
}

/// Gives the numbers it was told.
class ListedRandom final : public Random {
 public:
  explicit ListedRandom(std::vector<std::uint64_t> numbers) : numbers_(std::move(numbers)) {}
  std::uint64_t next() override { return numbers_.at(used_++); }
  std::size_t used() const { return used_; }

 private:
  std::vector<std::uint64_t> numbers_;
  std::size_t used_ = 0;
};

TEST(RandomTest, DrawsAgainInTheShortLastStretch) {
  ListedRandom random({UINT64_MAX, UINT64_MAX - 1, 12});

  EXPECT_EQ(random.below(10), 2U);
  EXPECT_GE(random.used(), 2U);
}

TEST(RandomTest, MakesTokensOfLowerCaseLettersAndDigits) {
  SeededRandom random(1);

  const std::string token = random.token(1000);

  EXPECT_EQ(token.size(), 1000U);
  EXPECT_EQ(token.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789"), std::string::npos);
  EXPECT_EQ(std::set<char>(token.begin(), token.end()).size(), 36U);
  EXPECT_EQ(random.token(0), "");
}

TEST(SystemRandomTest, DoesNotRepeatItself) {
  SystemRandom random;
  std::set<std::string> tokens;
  for (int i = 0; i < 100; ++i) {
    tokens.insert(random.token(16));
  }

  EXPECT_EQ(tokens.size(), 100U);
}

}  // namespace
}  // namespace voicectl
