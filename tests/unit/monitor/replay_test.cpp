// SPDX-License-Identifier: Apache-2.0
#include "monitor/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/support/monitor/synthetic_load.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr WallTime kBegan{std::chrono::milliseconds(1'790'000'000'000)};

PromotionPolicy a_policy() {
  PromotionPolicy policy;
  policy.starter = {.high_sessions = 20,
                    .low_sessions = 5,
                    .high_cpu = {500},
                    .low_cpu = {100},
                    .high_dwell = 2min};
  policy.low_dwell = 10min;
  policy.cooldown = 5min;
  return policy;
}

/// Minutes of tenants' live sessions; nothing else of them is known.
class Story {
 public:
  Story& minutes(int count, const std::map<std::string, std::uint32_t>& sessions) {
    for (int i = 0; i < count; ++i, at_ += 1min) {
      std::vector<RecordedLoad> loads;
      for (const auto& [name, number] : sessions) {
        loads.push_back({TenantId::parse(name).value(),
                         PricePlan::kStarter,
                         tier_,
                         {number, 10, std::nullopt, std::nullopt}});
      }
      bytes_ += writer_.frame(at_, loads);
    }
    return *this;
  }
  Story& silence(Duration length) {
    at_ += length;
    return *this;
  }
  Story& of(Tier tier) {
    tier_ = tier;
    return *this;
  }
  ReplayResult replayed(const PromotionPolicy& policy = a_policy()) const {
    return replay(policy, RecordingReader::open(bytes_).value()).value();
  }

 private:
  RecordingWriter writer_{1min, kBegan};
  std::string bytes_ = writer_.head();
  Duration at_{0};
  Tier tier_ = Tier::kAuto;
};

std::string moves(const ReplayResult& result) {
  std::string out;
  for (const ReplayMove& move : result.moves) {
    out += std::string(name_of(move.kind)) + " " + result.tenants[move.tenant].tenant.str() +
           " at " + format_duration(move.at) + (move.is_flap ? " (flap)" : "") + "; ";
  }
  return out;
}

TEST(ReplayTest, PromotesAtTheDwellAndDemotesWhenItIsQuietForLongEnough) {
  const ReplayResult result = Story()
                                  .minutes(10, {{"acme", 3}})
                                  .minutes(30, {{"acme", 25}})
                                  .minutes(30, {{"acme", 2}})
                                  .replayed();

  EXPECT_EQ(moves(result), "promote acme at 12m00s; demote acme at 50m00s (flap); ");
  // From the first busy sample until the promotion is seen, one sample after it was decided.
  EXPECT_EQ(result.over_mark, 3min);
  EXPECT_EQ(result.dedicated, 38min);
  EXPECT_EQ(result.most_promoted, 1U);
  EXPECT_EQ(result.flaps, 1U);
  EXPECT_EQ(result.over_mark_spans, (std::vector<ReplaySpan>{{0, 10min, 13min}}));
  EXPECT_EQ(result.dedicated_spans, (std::vector<ReplaySpan>{{0, 13min, 51min}}));
}

TEST(ReplayTest, CountsAMoveBackAfterAnHourAsNoFlap) {
  const ReplayResult result =
      Story().minutes(70, {{"acme", 25}}).minutes(30, {{"acme", 2}}).replayed();

  EXPECT_EQ(moves(result), "promote acme at 2m00s; demote acme at 1h20m; ");
  EXPECT_EQ(result.flaps, 0U);
}

TEST(ReplayTest, TellsWhoWasHeldBackByTheBudget) {
  PromotionPolicy policy = a_policy();
  policy.max_promoted = 1;

  const ReplayResult result = Story().minutes(11, {{"acme", 25}, {"beta", 90}}).replayed(policy);

  EXPECT_EQ(moves(result), "promote beta at 2m00s; ");
  EXPECT_EQ(result.held_back, 8min);
  EXPECT_EQ(result.tenants[0].over_mark, 10min);
}

TEST(ReplayTest, AGapBreaksTheDwellAndCountsForNothing) {
  const ReplayResult result =
      Story().minutes(2, {{"acme", 25}}).silence(1h).minutes(2, {{"acme", 25}}).replayed();

  EXPECT_EQ(moves(result), "");
  EXPECT_EQ(result.over_mark, 2min);
  EXPECT_EQ(result.over_mark_spans.size(), 2U);
}

TEST(ReplayTest, ATenantThatGoesTakesItsInstanceAlong) {
  const ReplayResult result =
      Story().minutes(10, {{"acme", 25}, {"beta", 0}}).minutes(10, {{"beta", 0}}).replayed();

  EXPECT_EQ(moves(result), "promote acme at 2m00s; ");
  EXPECT_EQ(result.dedicated, 7min);
  EXPECT_EQ(result.length, 19min);
}

TEST(ReplayTest, MovesNobodyWhoseTierSaysWhereItRuns) {
  EXPECT_EQ(moves(Story().of(Tier::kPooled).minutes(60, {{"acme", 99}}).replayed()), "");
}

TEST(ReplayTest, PlaysAPolicyThatIsOffAsIfItWereOn) {
  PromotionPolicy policy = a_policy();
  policy.mode = PromotionMode::kOff;

  EXPECT_EQ(moves(Story().minutes(10, {{"acme", 25}}).replayed(policy)), "promote acme at 2m00s; ");
}

TEST(ReplayTest, RefusesAPolicyThatMakesNoSense) {
  PromotionPolicy policy = a_policy();
  policy.starter.low_sessions = 20;
  RecordingWriter writer(1min, kBegan);
  const std::string bytes = writer.head();

  EXPECT_TRUE(replay(policy, RecordingReader::open(bytes).value()).has_error());
}

TEST(ReplayTest, SaysTheSameOnEveryRunAndEveryMachine) {
  const std::string recording =
      make_recording({.tenants = 60, .length = std::chrono::hours(72), .seed = 3});
  const auto digest = [&] {
    return replay(PromotionPolicy{}, RecordingReader::open(recording).value()).value().digest();
  };

  EXPECT_EQ(digest(), digest());
  EXPECT_EQ(digest(), "a8911bdea747e61a466492fc2212c6312915249c29c5c71a144d5d9be6244f61");
}

TEST(ReplayTest, AMadeUpRecordingKeepsThePolicyBusy) {
  const std::string recording =
      make_recording({.tenants = 60, .length = std::chrono::hours(72), .seed = 3});

  const ReplayResult result =
      replay(PromotionPolicy{}, RecordingReader::open(recording).value()).value();

  EXPECT_GT(result.promotions, 0U);
  EXPECT_GT(result.demotions, 0U);
  EXPECT_EQ(result.tenants.size(), 60U);
  EXPECT_LE(result.most_promoted, PromotionPolicy{}.max_promoted);
}

}  // namespace
}  // namespace voicectl
