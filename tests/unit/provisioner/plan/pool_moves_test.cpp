// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/pool_moves.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/support/matchers.h"
#include "tests/support/plan/apply_model.h"
#include "tests/support/plan/plan_builders.h"
#include "tests/support/random_seed.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::size_t kAnyNumber = 100'000;

/// A pool of `instances`, and for each tenant the number of the instance that it is put on.
Snapshot a_pool_with(std::uint32_t instances, const std::vector<std::uint32_t>& homes) {
  std::vector<TenantSpec> tenants;
  for (std::size_t i = 0; i < homes.size(); ++i) {
    tenants.push_back(a_tenant(fmt::format("t{:03}", i)));
  }
  DesiredState desired = a_desired_state(std::move(tenants));
  desired.platform.pool_size = instances;
  desired.platform.last_port = desired.platform.first_port + 400;
  Snapshot snapshot = settled(desired);
  for (std::size_t i = 0; i < homes.size(); ++i) {
    snapshot.tenants.at(tenant_id(fmt::format("t{:03}", i))).placement =
        instance_id(fmt::format("shared-{}", homes[i]));
  }
  return snapshot;
}

std::map<InstanceId, std::uint64_t> loads_of(const Snapshot& snapshot,
                                             const SessionCounts& sessions) {
  std::map<InstanceId, std::uint64_t> out;
  for (const auto& [name, instance] : snapshot.instances) {
    out[name] = 0;
  }
  for (const auto& [name, tenant] : snapshot.tenants) {
    const auto known = sessions.find(name);
    out[*tenant.placement] += sessions.empty() ? 1 : (known == sessions.end() ? 0 : known->second);
  }
  return out;
}

std::uint64_t highest(const std::map<InstanceId, std::uint64_t>& loads) {
  return std::max_element(loads.begin(), loads.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->second;
}

std::uint64_t unevenness(const std::map<InstanceId, std::uint64_t>& loads) {
  std::uint64_t out = 0;
  for (const auto& [name, load] : loads) {
    out += load * load;
  }
  return out;
}

Snapshot after(Snapshot snapshot, const std::vector<PoolMove>& moves) {
  apply_plan(snapshot, *plan_moves(snapshot, moves), kNoon);
  return snapshot;
}

TEST(PoolMovesTest, ATenantGoesToTheOtherInstanceWithTheFewestTenants) {
  const Snapshot snapshot = a_pool_with(3, {0, 0, 1, 1, 2});

  const auto move = choose_move(snapshot, tenant_id("t000"), std::nullopt);

  ASSERT_THAT(move, IsOk());
  EXPECT_EQ((*move)->to.str(), "shared-2");
  EXPECT_THAT((*move)->reason, HasSubstr("serves the fewest tenants (1)"));
}

TEST(PoolMovesTest, SeveralAreSpreadOverTheInstancesWithTheFewest) {
  const Snapshot snapshot = a_pool_with(3, {0, 0, 0, 1, 2});
  const std::vector<TenantId> tenants = {tenant_id("t000"), tenant_id("t001"), tenant_id("t000")};

  const auto moves = choose_moves(snapshot, tenants, std::nullopt);
  const auto to_one =
      choose_moves(snapshot, {tenant_id("t000"), tenant_id("t003")}, instance_id("shared-1"));

  ASSERT_THAT(moves, IsOk());
  ASSERT_EQ(moves->size(), 2U);
  EXPECT_EQ((*moves)[0].to.str(), "shared-1");
  EXPECT_EQ((*moves)[1].to.str(), "shared-2");
  // The other one is there already.
  ASSERT_THAT(to_one, IsOk());
  ASSERT_EQ(to_one->size(), 1U);
  EXPECT_EQ(to_one->front().tenant.str(), "t000");
  EXPECT_THAT(choose_moves(snapshot, {tenant_id("t000"), tenant_id("nobody")}, std::nullopt),
              FailsWith(ErrorCode::kNotFound));
}

TEST(PoolMovesTest, ATenantThatIsThereAlreadyNeedsNoMove) {
  const Snapshot snapshot = a_pool_with(2, {1});

  const auto move = choose_move(snapshot, tenant_id("t000"), instance_id("shared-1"));

  ASSERT_THAT(move, IsOk());
  EXPECT_FALSE(move->has_value());
}

TEST(PoolMovesTest, WhatCannotBeMovedIsRefusedWithWhatToDo) {
  Snapshot snapshot = a_pool_with(2, {0, 0, 0});
  snapshot.tenants.at(tenant_id("t001")).spec.tier = Tier::kDedicated;
  snapshot.tenants.at(tenant_id("t002")).placement.reset();
  snapshot.instances.emplace(instance_id("dedicated-t001"),
                             RecordedInstance{instance_id("dedicated-t001"),
                                              InstanceKind::kDedicated, port(21050), "p", kNoon});
  const auto why = [&](std::string_view tenant, std::string_view to) {
    const auto move = choose_move(snapshot, tenant_id(tenant), instance_id(to));
    return move.has_error()
               ? fmt::format("{}: {}", name_of(move.error().code()), move.error().text())
               : "no error";
  };

  EXPECT_THAT(why("nobody", "shared-1"), HasSubstr("not_found: cannot move tenant 'nobody'"));
  EXPECT_THAT(why("t001", "shared-1"), HasSubstr("'voicectl tenant demote t001'"));
  EXPECT_THAT(why("t002", "shared-1"), HasSubstr("served by no instance"));
  EXPECT_THAT(why("t000", "shared-9"), HasSubstr("there is none of that name"));
  EXPECT_THAT(why("t000", "dedicated-t001"), HasSubstr("'voicectl tenant promote t000'"));
  observed_instance(snapshot, "shared-1").ready = false;
  EXPECT_THAT(why("t000", "shared-1"), HasSubstr("unavailable"));
  EXPECT_THAT(choose_move(snapshot, tenant_id("t000"), std::nullopt),
              FailsWith(ErrorCode::kUnavailable));
  observed_instance(snapshot, "shared-1").ready = true;
  snapshot.instances.at(instance_id("shared-1")).fate = InstanceFate::kRetired;
  EXPECT_THAT(why("t000", "shared-1"), HasSubstr("being replaced"));
}

TEST(PoolMovesTest, AMovedTenantStaysWhereItWasPut) {
  DesiredState desired = a_desired_state({a_tenant("a"), a_tenant("b"), a_tenant("c")});
  desired.platform.pool_size = 2;
  Snapshot snapshot = settled(desired);
  const auto move = choose_move(snapshot, tenant_id("c"), instance_id("shared-1"));
  ASSERT_THAT(move, IsOk());

  snapshot = after(snapshot, {**move});

  EXPECT_EQ(snapshot.tenants.at(tenant_id("c")).placement, instance_id("shared-1"));
  EXPECT_THAT(texts(plan_of(desired, snapshot)), IsEmpty());
}

TEST(PoolMovesTest, OfTenantsWithoutSessionsNoMoreAreMovedThanNeeded) {
  const Snapshot snapshot = a_pool_with(3, {0, 0, 0, 0, 0, 0, 0, 1});

  const auto moves = even_out_pool(snapshot, {}, kAnyNumber);

  // 7, 1, 0 become 3, 3, 2 or the like.
  EXPECT_THAT(moves, SizeIs(4));
  EXPECT_EQ(highest(loads_of(after(snapshot, moves), {})), 3U);
}

TEST(PoolMovesTest, LiveSessionsCountMoreThanTenants) {
  const Snapshot snapshot = a_pool_with(2, {0, 0, 1, 1, 1});
  const SessionCounts sessions = {{tenant_id("t000"), 40}, {tenant_id("t001"), 60}};

  const auto moves = even_out_pool(snapshot, sessions, kAnyNumber);

  ASSERT_THAT(moves, SizeIs(1));
  EXPECT_EQ(moves[0].tenant.str(), "t000");
  EXPECT_EQ(moves[0].reason,
            "shared-0 has 100 live sessions and shared-1 has 0; with all moves 60 and 40 of 50 on "
            "average");
}

TEST(PoolMovesTest, OneThatIsTooBigForEverybodyStays) {
  const Snapshot snapshot = a_pool_with(2, {0});

  EXPECT_THAT(even_out_pool(snapshot, {{tenant_id("t000"), 500}}, kAnyNumber), IsEmpty());
}

TEST(PoolMovesTest, InstancesThatAreNotReadyTakeNoPart) {
  Snapshot snapshot = a_pool_with(2, {0, 0, 0, 0});
  observed_instance(snapshot, "shared-1").ready = false;

  EXPECT_THAT(even_out_pool(snapshot, {}, kAnyNumber), IsEmpty());
}

TEST(PoolMovesTest, AFewAreOnTheirWayAtATime) {
  const Snapshot snapshot = a_pool_with(2, std::vector<std::uint32_t>(20, 0));

  const Result<Plan> plan = plan_moves(snapshot, even_out_pool(snapshot, {}, kAnyNumber));

  ASSERT_THAT(plan, IsOk());
  ASSERT_THAT(plan->steps, SizeIs(10));
  EXPECT_EQ(plan->summary.tenants_moved, 10U);
  for (const Step& step : plan->steps) {
    if (step.number < kMovesAtOnce) {
      EXPECT_THAT(step.needs, IsEmpty());
    } else {
      EXPECT_THAT(step.needs, ElementsAre(step.number - kMovesAtOnce));
    }
  }
}

class EvenOutProperties : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  SeededRandom random{GetParam()};

  Snapshot snapshot() {
    const auto instances = static_cast<std::uint32_t>(1 + random.below(6));
    std::vector<std::uint32_t> homes(random.below(40));
    for (std::uint32_t& home : homes) {
      home = static_cast<std::uint32_t>(random.below(1 + random.below(instances)));
    }
    return a_pool_with(instances, homes);
  }
  SessionCounts sessions(const Snapshot& snapshot) {
    SessionCounts out;
    const std::uint64_t most = 1 + random.below(200);
    for (const auto& [name, tenant] : snapshot.tenants) {
      if (random.below(3) != 0) {
        out[name] = 1 + random.below(most);
      }
    }
    return out;
  }
};

TEST_P(EvenOutProperties, ItNeverMakesAnythingWorseAndASecondOneIsEmpty) {
  const Snapshot before = snapshot();
  const SessionCounts weights = sessions(before);

  const auto moves = even_out_pool(before, weights, kAnyNumber);

  const Snapshot changed = after(before, moves);
  EXPECT_LE(highest(loads_of(changed, weights)), highest(loads_of(before, weights)));
  if (!moves.empty()) {
    EXPECT_LT(unevenness(loads_of(changed, weights)), unevenness(loads_of(before, weights)));
  }
  EXPECT_THAT(even_out_pool(changed, weights, kAnyNumber), IsEmpty());
}

TEST_P(EvenOutProperties, ALimitedOneIsBetterAlreadyAndComesToAnEnd) {
  Snapshot world = snapshot();
  const SessionCounts weights = sessions(world);

  for (int round = 0;; ++round) {
    ASSERT_LT(round, 1000);
    const auto moves = even_out_pool(world, weights, 2);
    ASSERT_LE(moves.size(), 2U);
    if (moves.empty()) {
      break;
    }
    const std::uint64_t before = unevenness(loads_of(world, weights));
    world = after(world, moves);
    EXPECT_LT(unevenness(loads_of(world, weights)), before);
  }
  EXPECT_THAT(even_out_pool(world, weights, kAnyNumber), IsEmpty());
}

TEST_P(EvenOutProperties, WithoutSessionsAPoolEndsAsEvenAsItCanWithTheFewestMoves) {
  const Snapshot before = snapshot();
  const std::size_t instances = before.instances.size();
  const std::size_t share = before.tenants.size() / instances;
  if (share / 10 > 1) {
    GTEST_SKIP() << "a tenth of the average is more than one";
  }

  const auto moves = even_out_pool(before, {}, kAnyNumber);

  const auto loads = loads_of(after(before, moves), {});
  for (const auto& [name, load] : loads) {
    EXPECT_GE(load, share);
    EXPECT_LE(load, share + 1);
  }
  // Whoever ends with less than it had has lost as many, and nobody has lost and won.
  std::uint64_t lost = 0;
  for (const auto& [name, load] : loads_of(before, {})) {
    lost += load > loads.at(name) ? load - loads.at(name) : 0;
  }
  EXPECT_EQ(moves.size(), lost);
}

INSTANTIATE_TEST_SUITE_P(Seeds, EvenOutProperties, ::testing::Range<std::uint64_t>(1, 201));

}  // namespace
}  // namespace voicectl
