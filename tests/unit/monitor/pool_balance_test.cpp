// SPDX-License-Identifier: Apache-2.0
#include "monitor/pool_balance.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <deque>
#include <map>

#include "monitor/instance_monitor.h"
#include "tests/support/random_seed.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

InstanceId shared(std::size_t number) {
  return *InstanceId::parse(fmt::format("shared-{}", number));
}
TenantId tenant_named(std::size_t number) {
  return *TenantId::parse(fmt::format("t{:03}", number));
}
std::vector<InstanceId> pool_of(std::size_t instances) {
  std::vector<InstanceId> out;
  for (std::size_t i = 0; i < instances; ++i) {
    out.push_back(shared(i));
  }
  return out;
}
PoolTenant on(std::size_t instance, std::size_t number, double load, bool may_move = true) {
  return {tenant_named(number), shared(instance), load, may_move};
}

TEST(PoolBalanceTest, TakesTheTenantThatBringsTheEndsClosest) {
  const auto move = choose_balance_move(
      {}, pool_of(3), {on(0, 0, 500), on(0, 1, 200), on(0, 2, 10), on(1, 3, 100), on(2, 4, 300)});

  ASSERT_TRUE(move.has_value());
  EXPECT_EQ(move->tenant, tenant_named(1)) << "500 would leave 610 there";
  EXPECT_EQ(move->from, shared(0));
  EXPECT_EQ(move->to, shared(1));
  EXPECT_THAT(move->reason, HasSubstr("shared-0 uses 710 mCPU and shared-1 uses 100"));
}

TEST(PoolBalanceTest, LeavesAloneWhatIsNotWorthTheMove) {
  EXPECT_FALSE(choose_balance_move({}, pool_of(2), {on(0, 0, 299), on(1, 1, 0)})) << "too near";
  EXPECT_FALSE(choose_balance_move({}, pool_of(2), {on(0, 0, 900)})) << "only trades places";
  EXPECT_FALSE(choose_balance_move({}, pool_of(1), {on(0, 0, 900)}));
  EXPECT_FALSE(choose_balance_move({}, pool_of(2), {on(0, 0, 600), on(0, 1, 50)}))
      << "50 are not worth it";
  EXPECT_FALSE(choose_balance_move({.spread = {0}}, pool_of(2), {on(0, 0, 600), on(0, 1, 300)}))
      << "switched off";
}

TEST(PoolBalanceTest, MovesNobodyWhoMayNot) {
  const auto move = choose_balance_move(
      {}, pool_of(2), {on(0, 0, 400, false), on(0, 1, 400, false), on(0, 2, 100)});

  ASSERT_TRUE(move.has_value());
  EXPECT_EQ(move->tenant, tenant_named(2));
}

TEST(PoolBalanceTest, CountsOnlyInstancesOfThePool) {
  EXPECT_EQ(spread_of(pool_of(2), {on(0, 0, 400), on(1, 1, 100), on(7, 2, 9000)}), 300);
  EXPECT_FALSE(choose_balance_move({}, pool_of(2), {on(7, 2, 9000), on(7, 3, 9000)}));
}

TEST(PoolBalanceProperties, OnSteadyLoadsItComesToAnEndAndNeverMakesItWorse) {
  SeededRandom random = make_test_random();
  for (int round = 0; round < 200; ++round) {
    const std::size_t instances = 2 + random.next() % 6;
    std::vector<PoolTenant> tenants;
    for (std::size_t i = 0; i < 1 + random.next() % 60; ++i) {
      tenants.push_back(on(random.next() % instances, i, static_cast<double>(random.next() % 700)));
    }
    const std::vector<InstanceId> pool = pool_of(instances);
    std::size_t moves = 0;
    while (const auto move = choose_balance_move({}, pool, tenants)) {
      const double before = spread_of(pool, tenants);
      const auto moved = std::find_if(tenants.begin(), tenants.end(),
                                      [&](const auto& one) { return one.tenant == move->tenant; });
      ASSERT_EQ(moved->instance, move->from);
      moved->instance = move->to;
      ASSERT_LE(spread_of(pool, tenants), before);
      ASSERT_LT(++moves, 10 * tenants.size()) << "it does not end";
    }
  }
}

/// A pool whose monitor looks every five seconds at loads that change, and whose moves come about.
class BalanceWorld {
 public:
  BalanceWorld(std::size_t instances, std::size_t tenants, Random& random)
      : instances_(instances), random_(random) {
    for (std::size_t i = 0; i < instances; ++i) {
      recorded_.instances.emplace(
          shared(i),
          RecordedInstance{shared(i), InstanceKind::kShared, *Port::make(21000), "", {}});
    }
    for (std::size_t i = 0; i < tenants; ++i) {
      const TenantSpec spec{tenant_named(i)};
      const InstanceId home = shared(random_.next() % instances);
      recorded_.tenants.emplace(
          spec.tenant,
          RecordedTenant{spec, TenantPhase::kServing, {}, {}, true, true, home, {}, {}, {}});
      used_[tenant_named(i)] = Duration::zero();
      load_[tenant_named(i)] = 0;
    }
    PromotionPolicy policy;
    policy.starter = {
        .high_sessions = 1000, .low_sessions = 1, .high_cpu = {100'000}, .low_cpu = {1}};
    policy.cooldown = 600s;
    policy.moves_per_minute = 2;
    policy.balance = {.spread = {200}, .dwell = 60s};
    monitor_.set_policy(policy);
  }

  void set_policy(std::chrono::seconds cooldown, std::chrono::seconds dwell) {
    PromotionPolicy policy = monitor_.policy();
    policy.cooldown = cooldown;
    policy.balance.dwell = dwell;
    monitor_.set_policy(policy);
  }
  /// All the work is done by who is on that instance now.
  void give_work_to(const InstanceId& instance, double each) {
    for (const auto& [tenant, record] : recorded_.tenants) {
      load_[tenant] = record.placement == instance ? each : 0;
    }
  }
  void put(const TenantId& tenant, const InstanceId& instance) {
    recorded_.tenants.at(tenant).placement = instance;
  }
  void give_marks(const LoadMarks& marks) {
    PromotionPolicy policy = monitor_.policy();
    policy.starter = marks;
    monitor_.set_policy(policy);
  }
  void set_load(const TenantId& tenant, double load) { load_[tenant] = load; }
  void set_tier(Tier tier) {
    for (auto& [name, record] : recorded_.tenants) {
      record.spec.tier = tier;
    }
  }

  void change_loads() {
    for (auto& [tenant, load] : load_) {
      load = static_cast<double>(random_.next() % 400);
    }
  }
  /// One round; who was moved in it.
  std::optional<BalanceMove> step() {
    now_ += 5s;
    std::map<InstanceId, InstanceReport> reports;
    for (const auto& [name, instance] : recorded_.instances) {
      reports.emplace(name, InstanceReport{name, std::nullopt, {}, {}});
    }
    for (const auto& [tenant, record] : recorded_.tenants) {
      used_[tenant] += std::chrono::duration_cast<Duration>(5s * load_[tenant] / 1000);
      TenantStats stats{tenant};
      stats.processor_time = used_[tenant];
      reports.at(*record.placement).tenants.push_back(stats);
    }
    for (const auto& [name, report] : reports) {
      monitor_.ingest(now_, report);
    }
    monitor_.note_pool(now_, recorded_);
    std::optional<BalanceMove> move = monitor_.balance(now_, recorded_);
    if (move) {
      monitor_.note_attempt(now_, move->tenant, Attempted::kPool);
      recorded_.tenants.at(move->tenant).placement = move->to;
    }
    return move;
  }
  MonoTime now() const { return now_; }

 private:
  std::size_t instances_;
  Random& random_;
  MonoTime now_{1000s};
  Snapshot recorded_;
  std::map<TenantId, Duration> used_;
  std::map<TenantId, double> load_;
  InstanceMonitor monitor_;
};

TEST(PoolBalanceProperties, WhateverTheLoadsNobodyMovesTwiceWithinTheCooldownNorTooManyAMinute) {
  SeededRandom random = make_test_random();
  std::size_t moves = 0;
  for (int round = 0; round < 3; ++round) {
    BalanceWorld world(2 + random.next() % 4, 5 + random.next() % 30, random);
    std::map<TenantId, MonoTime> last;
    std::deque<MonoTime> recent;
    for (int turn = 0; turn < 400; ++turn) {
      if (turn % (3 + random.next() % 40) == 0) {
        world.change_loads();
      }
      const std::optional<BalanceMove> move = world.step();
      if (!move) {
        continue;
      }
      ++moves;
      const auto before = last.find(move->tenant);
      ASSERT_TRUE(before == last.end() || world.now() - before->second >= 600s) << move->reason;
      last[move->tenant] = world.now();
      recent.push_back(world.now());
      while (world.now() - recent.front() >= 1min) {
        recent.pop_front();
      }
      ASSERT_LE(recent.size(), 2U);
    }
  }
  EXPECT_GT(moves, 0U) << "nothing was tried";
}

TEST(PoolBalanceProperties, WorkThatGoesToAndFroMovesNobody) {
  SeededRandom random = make_test_random();
  BalanceWorld world(2, 20, random);
  world.set_policy(0s, 300s);
  for (std::size_t i = 0; i < 20; ++i) {
    world.put(tenant_named(i), shared(i % 2));
  }
  for (int turn = 0; turn < 24 * 60; ++turn) {
    world.give_work_to(shared(turn / 24 % 2), 400);  // for two minutes each
    EXPECT_FALSE(world.step()) << "after " << turn * 5 << " s";
  }
}

TEST(PoolBalanceProperties, WithoutACooldownATenantRestsForTheDwell) {
  SeededRandom random = make_test_random();
  BalanceWorld world(2, 12, random);
  world.set_policy(0s, 120s);
  std::map<TenantId, MonoTime> last;
  std::size_t moves = 0;
  for (int turn = 0; turn < 2000; ++turn) {
    if (turn % 40 == 0) {
      world.give_work_to(shared(random.next() % 2), 300);
    }
    if (const std::optional<BalanceMove> move = world.step()) {
      const auto before = last.find(move->tenant);
      ASSERT_TRUE(before == last.end() || world.now() - before->second >= 120s) << move->reason;
      last[move->tenant] = world.now();
      ++moves;
    }
  }
  EXPECT_GT(moves, 0U);
}

TEST(PoolBalanceProperties, WhoIsAboutToBePromotedIsNotMovedInADip) {
  SeededRandom random = make_test_random();
  BalanceWorld world(2, 2, random);
  world.put(tenant_named(0), shared(0));
  world.put(tenant_named(1), shared(0));
  world.give_marks({.high_cpu = {500}, .low_cpu = {100}, .high_dwell = 300s});
  std::size_t moves = 0;
  for (int turn = 0; turn < 120; ++turn) {
    world.set_load(tenant_named(0), turn % 6 == 5 ? 480 : 600);
    world.set_load(tenant_named(1), 300);
    if (const std::optional<BalanceMove> move = world.step()) {
      EXPECT_EQ(move->tenant, tenant_named(1)) << "after " << turn * 5 << " s";
      ++moves;
    }
  }
  EXPECT_GT(moves, 0U) << "the other one may go";
}

TEST(PoolBalanceProperties, WhoIsToBeAloneIsNotMovedWithinThePool) {
  const auto moves_of = [](Tier tier) {
    SeededRandom random = make_test_random();
    BalanceWorld world(2, 12, random);
    world.set_tier(tier);
    std::size_t moves = 0;
    for (int turn = 0; turn < 60; ++turn) {
      world.give_work_to(shared(0), 300);
      moves += world.step() ? 1 : 0;
    }
    return moves;
  };

  EXPECT_EQ(moves_of(Tier::kDedicated), 0U) << "it would be refused each time";
  EXPECT_GT(moves_of(Tier::kPooled), 0U);
}

TEST(PoolBalanceProperties, ABurstShorterThanTheDwellMovesNobody) {
  SeededRandom random = make_test_random();
  BalanceWorld world(3, 12, random);
  for (int turn = 0; turn < 11; ++turn) {
    if (turn == 0) {
      world.change_loads();
    }
    EXPECT_FALSE(world.step()) << "after " << turn * 5 << " s";
  }
}

}  // namespace
}  // namespace voicectl
