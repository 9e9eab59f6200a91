// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/sim/provisioner/workload/many_seeds.h"
#include "tests/sim/provisioner/workload/totals.h"
#include "tests/sim/provisioner/workload/workload.h"

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
    EXPECT_TRUE(played.wrong_forecasts.empty()) << "seed " << seed;
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

TEST(WorkloadSeeds, ComeToTheSameHoweverManyArePlayedAtOnce) {
  Seeds seeds{.first = 5, .count = 6, .length = 20, .shift = 3, .jobs = 1};
  std::vector<std::string> alone;
  std::vector<std::string> together;

  EXPECT_TRUE(play_seeds(seeds, GoOn::kNo, [&](const Played& one) {
                alone.push_back(one.digest);
              }).empty());
  seeds.jobs = 3;
  EXPECT_TRUE(play_seeds(seeds, GoOn::kNo, [&](const Played& one) {
                together.push_back(one.digest);
              }).empty());

  EXPECT_EQ(alone.size(), seeds.count);
  EXPECT_EQ(together, alone);
}

TEST(WorkloadSeeds, AreAddedUp) {
  Totals totals;
  Played played;
  played.ops = 3;
  played.faults = {{Deed::kTear, 2}};
  played.acknowledged = 7;
  played.forecasts = 4;
  played.wrong_forecasts = {{{"tenants_moved"}, "after 1 s"}};
  played.simulated = std::chrono::hours(2);
  totals.add(played);
  totals.add(played);

  EXPECT_EQ(totals.stories(), 2U);
  EXPECT_EQ(totals.str(0),
            "all laws hold: 2 stories\n"
            "steps: 6 operations, 0 calls into the world; 0 daemons, 0 hand-overs, 0 promotions by "
            "the monitor\n"
            "callers: 14 events of sessions acknowledged\n"
            "simulated hours: 4.0\n"
            "faults: 4: tear 4\n"
            "plans carried out whole: 8; counted otherwise than forecast: 2: tenants_moved 2\n"
            "time taken by time forecast: median 0.00, 10th of 100 0.00, 90th 0.00\n");
}

TEST(WorkloadStories, AreShortenedToWhatBreaksTheSameLaw) {
  Story story = make_story(3, kLength);
  story.insert(story.begin() + 20, Op{Deed::kCreate, 5, 0});
  story.push_back(Op{Deed::kDelete, 5, 0});
  story.push_back(Op{Deed::kWait, 59, 0});
  // Whoever waits long enough after somebody was deleted breaks a law; who jumps, another one.
  const LawOf law_of = [](const Story& played) -> std::optional<std::string> {
    bool is_deleted = false;
    for (const Op& op : played) {
      is_deleted = is_deleted || op.deed == Deed::kDelete;
      if (is_deleted && op.deed == Deed::kWait && op.a >= 10) {
        return "served";
      }
    }
    return played.empty() ? std::nullopt : std::optional<std::string>("rest");
  };

  const Story shortest = shrink(story, "served", law_of);

  ASSERT_EQ(shortest.size(), 2U) << render_story(shortest);
  EXPECT_EQ(shortest[0], (Op{Deed::kDelete, 0, 0}));
  EXPECT_EQ(shortest[1].deed, Deed::kWait);
  EXPECT_GE(shortest[1].a, 10);
  EXPECT_LT(shortest[1].a, 20);
  EXPECT_EQ(shortest[1].b, 0);
}

TEST(WorkloadStories, CanHaveTheirFaultPointsShifted) {
  const Story story = {{Deed::kKillAt, 3, 1}, {Deed::kWait, 3, 0}, {Deed::kTear, 0, 0}};

  EXPECT_EQ(shifted(story, 5),
            (Story{{Deed::kKillAt, 8, 1}, {Deed::kWait, 3, 0}, {Deed::kTear, 5, 0}}));
}

TEST(WorkloadStories, AreRefusedWhenTheyMakeNoSense) {
  EXPECT_TRUE(parse_story("create 1\nfly 2\n").has_error());
  EXPECT_TRUE(parse_story("# nothing\n\n").has_value());
}

}  // namespace
}  // namespace voicectl
