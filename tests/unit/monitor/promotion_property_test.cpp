// SPDX-License-Identifier: Apache-2.0
// What holds of the monitor and whoever carries out its decisions, whatever the load.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/random_seed.h"
#include "tests/unit/monitor/played_host.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{10'000s};
constexpr std::size_t kTenants = 6;

bool one_in(SeededRandom& random, std::uint64_t many) {
  return random.below(many) == 0;
}
std::chrono::seconds draw_seconds(SeededRandom& random, std::uint64_t most) {
  return std::chrono::seconds(5 * random.below(most / 5 + 1));
}

LoadMarks draw_marks(SeededRandom& random) {
  LoadMarks marks;
  marks.high_sessions = 10 + static_cast<std::uint32_t>(random.below(20));
  marks.low_sessions = static_cast<std::uint32_t>(random.below(marks.high_sessions));
  marks.high_cpu.count = 200 + static_cast<std::uint32_t>(random.below(400));
  marks.low_cpu.count = static_cast<std::uint32_t>(random.below(marks.high_cpu.count));
  if (one_in(random, 3)) {
    marks.p99_ms = ExtraMarks{400, static_cast<std::uint32_t>(random.below(400))};
  }
  if (one_in(random, 3)) {
    marks.in_flight = ExtraMarks{8, static_cast<std::uint32_t>(random.below(8))};
  }
  marks.high_dwell = draw_seconds(random, 60);
  return marks;
}

/// With a cooldown that is often shorter than the dwells, or none: then it is the dwells that hold.
PromotionPolicy draw_policy(SeededRandom& random) {
  PromotionPolicy policy;
  policy.starter = draw_marks(random);
  policy.professional = draw_marks(random);
  policy.enterprise = draw_marks(random);
  policy.low_dwell = 30s + draw_seconds(random, 60);
  policy.cooldown = one_in(random, 2) ? 0s : draw_seconds(random, one_in(random, 2) ? 20 : 120);
  policy.max_promoted = static_cast<std::uint32_t>(random.below(4));
  policy.moves_per_minute = 1 + static_cast<std::uint32_t>(random.below(6));
  return policy;
}

TenantId tenant_numbered(std::size_t number) {
  return TenantId::parse(fmt::format("t{}", number)).value();
}

void add_tenants(SeededRandom& random, PlayedHost& host) {
  for (std::size_t i = 0; i < kTenants; ++i) {
    const Tier tier = one_in(random, 8)   ? Tier::kPooled
                      : one_in(random, 8) ? Tier::kDedicated
                                          : Tier::kAuto;
    host.add(tenant_numbered(i), static_cast<PricePlan>(random.below(3)), tier);
  }
}

/// Levels that hold for a while, and what lies about them; now and then nothing is heard.
class DrawnLoads {
 public:
  explicit DrawnLoads(SeededRandom& random) : random_(random), levels_(kTenants) {}

  std::map<TenantId, PlayedLoad> next() {
    std::map<TenantId, PlayedLoad> out;
    for (std::size_t i = 0; i < kTenants; ++i) {
      if (one_in(random_, 15)) {
        levels_[i] = static_cast<std::uint32_t>(random_.below(4));
      }
      if (silent_[i] == 0 && one_in(random_, 60)) {
        silent_[i] = 1 + random_.below(10);
      }
      silent_[i] -= silent_[i] > 0 ? 1 : 0;
      if (silent_[i] == 0) {
        PlayedLoad& load = out.emplace(tenant_numbered(i), drawn_at(levels_[i])).first->second;
        // One tells it: histograms are most of what a round costs.
        load.latency_ms = i == 0 ? load.latency_ms : std::nullopt;
      }
    }
    return out;
  }

 private:
  /// 0: idle; 1: between the marks, more or less; 2 and 3: busy in one thing or in all.
  PlayedLoad drawn_at(std::uint32_t level) {
    const auto about = [&](std::uint32_t middle) {
      return middle + static_cast<std::uint32_t>(random_.below(middle / 4 + 1));
    };
    PlayedLoad load;
    load.sessions = level == 0 ? 0 : level == 1 ? about(12) : about(32);
    load.milli_cpu = level < 3 ? about(level * 60) : about(700);
    load.latency_ms = level < 3 ? about(20) : about(450);
    load.in_flight = level < 3 ? level : about(9);
    return load;
  }

  SeededRandom& random_;
  std::vector<std::uint32_t> levels_;
  std::array<std::uint64_t, kTenants> silent_{};
};

/// A driver as the daemon's: one move at a time, each round decided anew; some are refused, and
/// some fail and are tried again.
class MovedHost {
 public:
  explicit MovedHost(SeededRandom& random)
      : random_(random), policy_(draw_policy(random)), host_(policy_), loads_(random) {
    add_tenants(random, host_);
  }

  /// One round of samples, and what is decided by then. `clock_was_set`: so far off is the
  /// calendar.
  void round(Duration clock_was_set) {
    now_ += kSampleInterval;
    host_.look(now_, loads_.next());
    host_.monitor.forget_older_than(now_, 4 * kSampleInterval);
    if (moving_ && now_ >= moving_->second) {
      finish();
    } else if (!moving_) {
      act(clock_was_set);
    }
    ASSERT_LE(host_.wishes(), policy_.max_promoted);
    ASSERT_LE(host_.promoted(), policy_.max_promoted) << "a demoted one counts until it has left";
  }

  /// Another daemon: it knows what is recorded, by a calendar that may have been set.
  void restart(Duration clock_was_set) {
    host_.monitor = InstanceMonitor(policy_);
    for (const auto& [tenant, decided] : decided_) {
      const Duration passed = std::max(Duration::zero(), now_ - decided.second + clock_was_set);
      host_.monitor.recall_move(tenant, now_ - passed);
    }
    moving_.reset();
    is_cooldown_known_ = is_cooldown_known_ && clock_was_set <= Duration::zero();
  }

  const std::string& story() const { return story_; }
  std::size_t decisions() const { return count_; }

 private:
  void act(Duration clock_was_set) {
    const std::vector<PromotionDecision> movers = host_.monitor.movers(now_, host_.recorded);
    if (!movers.empty()) {
      const PromotionDecision& first = movers.front();
      host_.monitor.note_attempt(now_, first.tenant);
      if (!one_in(random_, 6)) {  // else its hook refuses
        ASSERT_NO_FATAL_FAILURE(judge(first));
        host_.wish(first, WallTime(std::chrono::duration_cast<std::chrono::milliseconds>(
                              now_.time_since_epoch() + clock_was_set)));
        begin(first.tenant);
      }
      return;
    }
    const std::vector<TenantId> stranded = host_.monitor.stranded(now_, host_.recorded);
    for (const TenantId& tenant : stranded) {
      host_.monitor.note_attempt(now_, tenant);
    }
    if (!stranded.empty()) {
      begin(stranded.front());
    }
  }

  void begin(const TenantId& tenant) {
    moving_ = {tenant, now_ + kSampleInterval * static_cast<Duration::rep>(random_.below(4))};
  }
  void finish() {
    const TenantId tenant = moving_->first;
    moving_.reset();
    if (!one_in(random_, 5)) {  // else it stays where it is
      host_.put(tenant,
                host_.record_of(tenant).wish ? InstanceKind::kDedicated : InstanceKind::kShared);
    }
  }

  /// What must hold when this is carried out.
  void judge(const PromotionDecision& decision) {
    const RecordedTenant& record = host_.record_of(decision.tenant);
    const bool is_promotion = decision.kind == PromotionKind::kPromote;
    story_ += fmt::format("{} {} at {}\n", name_of(*decision.kind), decision.tenant.str(),
                          (now_ - kStart).count());
    ++count_;
    ASSERT_EQ(record.spec.tier, Tier::kAuto);
    ASSERT_NE(record.wish.has_value(), is_promotion);
    const auto before = decided_.find(decision.tenant);
    if (before != decided_.end()) {
      const Duration since = now_ - before->second.second;
      const Duration dwell =
          is_promotion ? policy_.marks_for(record.spec.plan).high_dwell : policy_.low_dwell;
      ASSERT_NE(before->second.first, is_promotion);
      ASSERT_GE(since, dwell) << story_;
      if (is_cooldown_known_) {
        ASSERT_GE(since, Duration(policy_.cooldown)) << story_;
      }
    }
    decided_.insert_or_assign(decision.tenant, std::pair(is_promotion, now_));
  }

  SeededRandom& random_;
  PromotionPolicy policy_;
  PlayedHost host_;
  DrawnLoads loads_;
  MonoTime now_ = kStart;
  std::optional<std::pair<TenantId, MonoTime>> moving_;
  /// Whether it was a promotion, and when.
  std::map<TenantId, std::pair<bool, MonoTime>> decided_;
  bool is_cooldown_known_ = true;
  std::string story_;
  std::size_t count_ = 0;
};

constexpr int kRounds = 400;

TEST(PromotionPropertyTest, NobodyMovesBackWithinTheDwellAndTheBudgetIsKept) {
  std::size_t decisions = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random = make_test_random(seed);
    MovedHost host(random);
    for (int i = 0; i < kRounds; ++i) {
      ASSERT_NO_FATAL_FAILURE(host.round(0s));
    }
    decisions += host.decisions();
  }
  EXPECT_GT(decisions, 50U) << "the loads must move tenants";
}

TEST(PromotionPropertyTest, ARestartOfTheDaemonBreaksNeitherDwellNorCooldownNorBudget) {
  std::size_t decisions = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random = make_test_random(seed);
    MovedHost host(random);
    // In every second one the clock is set meanwhile: back as far as a cooldown, or forward.
    for (int i = 0; i < kRounds; ++i) {
      if (one_in(random, 20)) {
        const auto off = static_cast<std::int64_t>(random.below(7200));
        host.restart(seed % 2 == 0 ? 0s : std::chrono::seconds(off - 3600));
      }
      ASSERT_NO_FATAL_FAILURE(host.round(0s));
    }
    decisions += host.decisions();
  }
  EXPECT_GT(decisions, 50U) << "the loads must move tenants";
}

TEST(PromotionPropertyTest, AClockThatIsSetChangesNoDecision) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    SCOPED_TRACE(seed);
    const auto played = [&](bool is_clock_set) {
      SeededRandom random = make_test_random(seed);
      SeededRandom clock(seed);
      MovedHost host(random);
      Duration off{0};
      for (int i = 0; i < kRounds; ++i) {
        if (is_clock_set && one_in(clock, 10)) {
          off = std::chrono::hours(clock.below(20'000)) - std::chrono::hours(10'000);
        }
        host.round(off);
      }
      return host.story();
    };

    const std::string expected = played(false);
    ASSERT_EQ(played(true), expected);
  }
}

/// By little or by much: who is quiet may stay so.
PlayedLoad heavier(PlayedLoad load, SeededRandom& random) {
  const std::uint32_t most = one_in(random, 20) ? 20 : 1;
  const auto more = [&](std::uint32_t each) {
    return static_cast<std::uint32_t>(random.below(std::uint64_t{most} * each + 1));
  };
  load.sessions += more(1);
  load.milli_cpu += more(20);
  *load.in_flight += more(1);
  if (load.latency_ms) {
    *load.latency_ms += more(15);
  }
  return load;
}

std::optional<PromotionKind> kind_for(const std::vector<PromotionDecision>& decisions,
                                      const TenantId& tenant) {
  for (const PromotionDecision& one : decisions) {
    if (one.tenant == tenant) {
      return one.kind;
    }
  }
  return std::nullopt;
}

/// Two hosts that differ in nothing but that one tenant does more on the second.
TEST(PromotionPropertyTest, MoreLoadUndoesNoPromotionAndLessNoDemotion) {
  std::size_t promotions = 0;
  std::size_t demotions = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    SeededRandom random = make_test_random(seed);
    PromotionPolicy policy = draw_policy(random);
    policy.mode = PromotionMode::kObserve;
    policy.max_promoted = kTenants / 2;
    PlayedHost lighter(policy);
    add_tenants(random, lighter);
    PlayedHost more = lighter;
    DrawnLoads loads(random);
    const TenantId who = tenant_numbered(random.below(kTenants));
    lighter.record_of(who).spec.tier = more.record_of(who).spec.tier = Tier::kAuto;
    for (int i = 0; i < kRounds; ++i) {
      const MonoTime now = kStart + i * kSampleInterval;
      if (one_in(random, 40)) {
        const TenantId moved = tenant_numbered(random.below(kTenants));
        const auto kind = one_in(random, 2) ? InstanceKind::kDedicated : InstanceKind::kShared;
        lighter.put(moved, kind);
        more.put(moved, kind);
      }
      std::map<TenantId, PlayedLoad> seen = loads.next();
      lighter.look(now, seen);
      if (const auto its = seen.find(who); its != seen.end()) {
        its->second = heavier(its->second, random);
      }
      more.look(now, seen);
      const auto less_kind = kind_for(lighter.monitor.movers(now, lighter.recorded), who);
      const auto more_kind = kind_for(more.monitor.movers(now, more.recorded), who);
      if (less_kind == PromotionKind::kPromote) {
        ASSERT_EQ(more_kind, PromotionKind::kPromote) << "seed " << seed << ", round " << i;
        ++promotions;
      }
      if (more_kind == PromotionKind::kDemote) {
        ASSERT_EQ(less_kind, PromotionKind::kDemote) << "seed " << seed << ", round " << i;
        ++demotions;
      }
    }
  }
  EXPECT_GT(promotions, 20U);
  EXPECT_GT(demotions, 20U);
}

/// Who is busier is never held back where who is less busy is not; and one more of them, or less
/// room, lets nobody in who was not.
TEST(PromotionPropertyTest, AdmissionIsMonotoneInLoad) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    SeededRandom random = make_test_random(seed);
    PromotionPolicy policy = draw_policy(random);
    policy.reserve = {Bytes{random.below(4) * 100},
                      MilliCpu{static_cast<std::uint32_t>(random.below(3)) * 500}};
    HostSituation host{random.below(4), random.below(4), {}, Bytes{random.below(200)}};
    if (one_in(random, 2)) {
      host.room = {Bytes{random.below(1000)},
                   MilliCpu{static_cast<std::uint32_t>(random.below(2000))}};
    }
    std::vector<std::string> names;
    for (std::size_t i = 0; i < kTenants; ++i) {
      names.push_back(tenant_numbered(i).str());
    }
    std::vector<MoveCandidate> candidates;
    for (const std::string& name : names) {
      candidates.push_back({one_in(random, 4) ? PromotionKind::kDemote : PromotionKind::kPromote,
                            static_cast<PricePlan>(random.below(3)),
                            static_cast<double>(random.below(5)), name});
    }
    const std::vector<MoveAdmission> before = admit_moves(policy, host, candidates);
    const std::size_t who = random.below(kTenants);
    if (candidates[who].kind != PromotionKind::kPromote) {
      continue;
    }
    std::vector<MoveCandidate> busier = candidates;
    busier[who].pressure += 1 + static_cast<double>(random.below(4));
    const std::vector<MoveAdmission> after = admit_moves(policy, host, busier);

    ASSERT_TRUE(before[who].held_by || !after[who].held_by) << "seed " << seed;
    std::size_t promoted = host.promoted;
    for (std::size_t i = 0; i < kTenants; ++i) {
      promoted += candidates[i].kind == PromotionKind::kPromote && !after[i].held_by ? 1 : 0;
      ASSERT_TRUE(i == who || after[i].held_by || !before[i].held_by)
          << "seed " << seed << ": " << names[i] << " came in because another is busier";
    }
    ASSERT_LE(promoted, std::max<std::size_t>(policy.max_promoted, host.promoted));
  }
}

}  // namespace
}  // namespace voicectl
