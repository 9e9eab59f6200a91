// SPDX-License-Identifier: Apache-2.0
#include "monitor/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/random.h"
#include "monitor/instance_monitor.h"
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

/// The daemon's monitor, fed with the same samples and moved as its driver moves tenants.
class Daemon {
 public:
  explicit Daemon(const PromotionPolicy& policy) : monitor_(policy, {.longest_gap = 150s}) {
    for (const auto& [name, kind] : {std::pair("shared-0", InstanceKind::kShared),
                                     std::pair("dedicated-acme", InstanceKind::kDedicated)}) {
      const InstanceId id = InstanceId::parse(name).value();
      recorded_.instances.emplace(id,
                                  RecordedInstance{id, kind, Port::make(21000).value(), "", {}});
    }
    const TenantId acme = TenantId::parse("acme").value();
    recorded_.tenants.emplace(
        acme,
        RecordedTenant{
            TenantSpec{acme}, TenantPhase::kServing, {}, {}, true, true, place(false), {}, {}, {}});
  }

  std::string minute(Duration at, std::uint32_t sessions) {
    RecordedTenant& acme = recorded_.tenants.begin()->second;
    acme.placement = place(acme.wish.has_value());
    const MonoTime now(at);
    TenantStats stats{acme.spec.tenant};
    stats.sessions = sessions;
    stats.processor_time = at / 100;  // 10 thousandths of a core
    InstanceReport report{*acme.placement, std::nullopt, {stats}};
    report.kind = acme.wish ? InstanceKind::kDedicated : InstanceKind::kShared;
    monitor_.ingest(now, report);
    std::string out;
    for (const PromotionDecision& decision : monitor_.movers(now, recorded_)) {
      monitor_.note_attempt(now, decision.tenant);
      out += std::string(name_of(*decision.kind)) + " acme at " + format_duration(at) + "; ";
      acme.wish = *decision.kind == PromotionKind::kPromote
                      ? std::optional(PromotionWish{decision.reason, kBegan})
                      : std::nullopt;
    }
    return out;
  }

 private:
  static InstanceId place(bool is_promoted) {
    return InstanceId::parse(is_promoted ? "dedicated-acme" : "shared-0").value();
  }
  InstanceMonitor monitor_;
  Snapshot recorded_;
};

TEST(ReplayTest, DecidesWhatTheDaemonDecides) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SeededRandom random(seed);
    Daemon daemon(a_policy());
    Story story;
    std::string expected;
    Duration at{0};
    for (int part = 0; part < 25; ++part) {
      const auto sessions = static_cast<std::uint32_t>(random.below(30));
      const int count = 1 + static_cast<int>(random.below(20));
      story.minutes(count, {{"acme", sessions}});
      for (int i = 0; i < count; ++i, at += 1min) {
        expected += daemon.minute(at, sessions);
      }
    }
    std::string found = moves(story.replayed());
    for (std::size_t flap; (flap = found.find(" (flap)")) != std::string::npos;) {
      found.erase(flap, 7);
    }

    ASSERT_EQ(found, expected) << "seed " << seed;
  }
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
