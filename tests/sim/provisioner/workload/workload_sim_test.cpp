// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/provisioner/workload/workload.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace voicectl {
namespace {

constexpr std::size_t kLength = 60;

class WorkloadSim : public ::testing::TestWithParam<std::uint64_t> {};

/// Five seeds each, so that they run side by side.
TEST_P(WorkloadSim, HoldsEveryLaw) {
  for (std::uint64_t seed = GetParam(); seed < GetParam() + 5; ++seed) {
    const Played played = play(make_story(seed, kLength));
    ASSERT_EQ(played.violation.value_or(""), "") << "seed " << seed << "; ./run sim --from " << seed
                                                 << " --seeds 1 tells the shortest story";
    EXPECT_GT(played.calls, 100U);
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, WorkloadSim, ::testing::Range<std::uint64_t>(1, 41, 5));

class WorkloadForecasts : public ::testing::TestWithParam<std::uint64_t> {};

/// What operators and the monitor do where nothing goes wrong.
TEST_P(WorkloadForecasts, CountRightWhatIsCarriedOutWhole) {
  std::size_t forecasts = 0;
  for (std::uint64_t seed = GetParam(); seed < GetParam() + 5; ++seed) {
    Story story = make_story(seed, 2 * kLength);
    std::erase_if(story, [](const Op& op) { return is_fault(op.deed); });
    const Played played = play(story);
    ASSERT_EQ(played.violation.value_or(""), "") << "seed " << seed;
    EXPECT_EQ(played.wrong_forecasts, 0U) << "seed " << seed;
    forecasts += played.forecasts;
  }
  EXPECT_GT(forecasts, 20U);
}
INSTANTIATE_TEST_SUITE_P(Seeds, WorkloadForecasts, ::testing::Range<std::uint64_t>(1, 21, 5));

TEST(WorkloadStories, ThatOnceBrokeALawHold) {
  std::size_t stories = 0;
  for (const auto& entry : std::filesystem::directory_iterator(VOICECTL_STORIES)) {
    SCOPED_TRACE(entry.path().filename().string());
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    const Result<Story> story = parse_story(text.str());
    ASSERT_TRUE(story.has_value());
    EXPECT_EQ(play(*story).violation.value_or(""), "");
    ++stories;
  }
  EXPECT_GT(stories, 0U);
}

TEST(WorkloadStories, AreTheSameForTheSameSeed) {
  const Story story = make_story(7, kLength);

  EXPECT_EQ(make_story(7, kLength), story);
  EXPECT_EQ(*parse_story(render_story(story)), story);
  EXPECT_NE(make_story(8, kLength), story);
  const Played once = play(story);
  const Played twice = play(story);
  EXPECT_EQ(once.digest, twice.digest);
  EXPECT_EQ(once.calls, twice.calls);
}

TEST(WorkloadStories, AreRefusedWhenTheyMakeNoSense) {
  EXPECT_TRUE(parse_story("create 1\nfly 2\n").has_error());
  EXPECT_TRUE(parse_story("# nothing\n\n").has_value());
}

}  // namespace
}  // namespace voicectl
