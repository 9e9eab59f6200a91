// SPDX-License-Identifier: Apache-2.0
// A replay beside the daemon's monitor and a driver that does one move in each round, as the
// daemon's.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "monitor/replay.h"
#include "tests/support/random_seed.h"
#include "tests/unit/monitor/played_host.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kTenants = 7;

TenantId tenant_numbered(std::size_t number) {
  return TenantId::parse(fmt::format("t{}", number)).value();
}
PricePlan plan_of(std::size_t number) {
  return static_cast<PricePlan>(number % 3);
}

PromotionPolicy a_policy(Duration frame) {
  const auto frames = [&](int count) {
    return std::chrono::duration_cast<std::chrono::seconds>(frame * count);
  };
  const LoadMarks marks{.high_sessions = 20, .low_sessions = 5, .high_dwell = frames(2)};
  PromotionPolicy policy;
  policy.starter = policy.professional = policy.enterprise = marks;
  policy.enterprise.high_dwell = frames(1);
  policy.low_dwell = frames(8);
  policy.cooldown = frames(5);
  policy.max_promoted = 3;
  policy.moves_per_minute = 2;
  return policy;
}

std::string line(PromotionKind kind, const TenantId& tenant, Duration at) {
  return fmt::format("{} {} at {}\n", name_of(kind), tenant.str(), format_duration(at));
}

/// One story, told to both.
class Both {
 public:
  explicit Both(Duration frame)
      : frame_(frame),
        host_(a_policy(frame), {.longest_gap = std::max<Duration>(30s, 5 * frame / 2)}),
        writer_(frame, WallTime{}) {
    for (std::size_t i = 0; i < kTenants; ++i) {
      host_.add(tenant_numbered(i), plan_of(i));
    }
  }

  void frame(const std::vector<std::uint32_t>& sessions) {
    std::vector<RecordedLoad> recorded;
    std::map<TenantId, PlayedLoad> seen;
    for (std::size_t i = 0; i < kTenants; ++i) {
      const TenantId tenant = tenant_numbered(i);
      recorded.push_back(
          {tenant, plan_of(i), Tier::kAuto, {sessions[i], 10, std::nullopt, std::nullopt}});
      seen.emplace(tenant, PlayedLoad{sessions[i], 10});
      // What was to move has moved.
      host_.put(tenant,
                host_.record_of(tenant).wish ? InstanceKind::kDedicated : InstanceKind::kShared);
    }
    bytes_ += writer_.frame(at_, recorded);
    host_.look(MonoTime(at_), seen);
    for (Duration round{0}; round < frame_; round += kSampleInterval) {
      decide(MonoTime(at_ + round));
      most_ = std::max(most_, host_.promoted());
    }
    at_ += frame_;
  }

  const std::string& done() const { return done_; }
  std::size_t most() const { return most_; }
  std::string replayed() const {
    const ReplayResult result =
        replay(a_policy(frame_), RecordingReader::open(bytes_).value()).value();
    std::string out;
    for (const ReplayMove& move : result.moves) {
      out += line(move.kind, result.tenants[move.tenant].tenant, move.at);
    }
    return out;
  }

 private:
  void decide(MonoTime now) {
    const std::vector<PromotionDecision> movers = host_.monitor.movers(now, host_.recorded);
    if (!movers.empty()) {
      host_.monitor.note_attempt(now, movers.front().tenant);
      host_.wish(movers.front());
      done_ += line(*movers.front().kind, movers.front().tenant, at_);
    }
  }

  Duration frame_;
  PlayedHost host_;
  RecordingWriter writer_;
  std::string bytes_ = writer_.head();
  Duration at_{0};
  std::string done_;
  std::size_t most_ = 0;
};

void expect_the_same(Duration frame) {
  std::size_t moves = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    SeededRandom random = make_test_random(seed);
    Both both(frame);
    std::vector<std::uint32_t> sessions(kTenants);
    for (int i = 0; i < 200; ++i) {
      for (std::uint32_t& one : sessions) {
        if (random.below(12) == 0) {
          one = static_cast<std::uint32_t>(random.below(30)) *
                static_cast<std::uint32_t>(random.below(2));
        }
      }
      both.frame(sessions);
    }

    ASSERT_EQ(both.replayed(), both.done()) << "seed " << seed;
    ASSERT_LE(both.most(), a_policy(frame).max_promoted);
    moves += static_cast<std::size_t>(std::count(both.done().begin(), both.done().end(), '\n'));
  }
  EXPECT_GT(moves, 60U);
}

TEST(ReplayTest, DecidesWhatTheDaemonDecidesWhenEveryRoundWasRecorded) {
  expect_the_same(kSampleInterval);
}

TEST(ReplayTest, DecidesWhatTheDaemonDecidesWhenEveryMinuteWasRecorded) {
  expect_the_same(1min);
}

}  // namespace
}  // namespace voicectl
