// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/upgrade_plan.h"

#include <gmock/gmock.h>

#include "tests/support/matchers.h"
#include "tests/support/plan/apply_model.h"
#include "tests/support/plan/plan_builders.h"
#include "tests/support/plan/plan_laws.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kOld = "program-1";
constexpr const char* kNew = "program-2";

class UpgradePlanTest : public ::testing::Test {
 protected:
  UpgradePlanTest() {
    desired = a_desired_state(
        {a_tenant("a"), a_tenant("b"), a_tenant("c"), a_tenant("d"), a_dedicated_tenant("big")});
    desired.platform.pool_size = 3;
    snapshot = settled(desired);
    snapshot.programs.current = kOld;
    for (const char* name : {kOld, kNew}) {
      snapshot.programs.known.emplace(name, ProgramRecord{name, "1", "layout", kNoon});
    }
  }

  void begin(UpgradeWish wish = {}) {
    wish.target = kNew;
    const Result<SetPrograms> first = begin_upgrade(snapshot, wish, kNoon);
    ASSERT_THAT(first, IsOk());
    apply_action(snapshot, *first, kNoon);
  }
  /// Plans and applies; whoever may look must find everybody served, and nothing left to do.
  void settle() {
    const Plan plan = plan_of(desired, snapshot);
    EXPECT_THAT(broken_orders(plan, snapshot), IsEmpty());
    apply_plan(snapshot, plan, kNoon);
    EXPECT_THAT(misplaced_tenants(snapshot), IsEmpty());
    EXPECT_THAT(texts(plan_of(desired, snapshot)), IsEmpty());
    if (snapshot.programs.upgrade) {
      EXPECT_TRUE(is_upgrade_settled(snapshot));
    }
  }
  std::vector<std::string> on(const std::string& program) const {
    std::vector<std::string> out;
    for (const auto& [name, instance] : snapshot.instances) {
      if (instance.fingerprint == program) {
        out.push_back(name.str());
      }
    }
    return out;
  }
  std::string program_of(std::string_view tenant) const {
    return snapshot.instances.at(*snapshot.tenants.at(tenant_id(tenant)).placement).fingerprint;
  }
  /// To the end; how many batches there were.
  int go_through() {
    int batches = 0;
    settle();
    while (snapshot.programs.upgrade) {
      EXPECT_LT(++batches, 20);
      apply_action(snapshot, advance_upgrade(snapshot, kNoon), kNoon);
      settle();
    }
    return batches;
  }

  DesiredState desired;
  Snapshot snapshot;
};

TEST_F(UpgradePlanTest, TheCanaryGoesFirstAndItsOldInstanceStays) {
  begin();
  EXPECT_FALSE(is_upgrade_settled(snapshot));

  settle();

  EXPECT_EQ(snapshot.programs.upgrade->canary, "instance/shared-1");
  EXPECT_THAT(on(kNew), ElementsAre("shared-3"));
  EXPECT_EQ(snapshot.instances.at(instance_id("shared-1")).fate, InstanceFate::kWayBack);
  EXPECT_THAT(upgraded_instances(snapshot), ElementsAre(instance_id("shared-3")));
  EXPECT_EQ(program_of("b"), kNew);
  EXPECT_EQ(program_of("a"), kOld);
}

TEST_F(UpgradePlanTest, ItEndsWithEverybodyOnTheNewProgram) {
  begin();

  EXPECT_EQ(go_through(), 4);  // three others, and the end

  EXPECT_THAT(on(kOld), IsEmpty());
  EXPECT_EQ(on(kNew).size(), 4U);
  EXPECT_EQ(snapshot.programs.current, kNew);
  EXPECT_EQ(snapshot.programs.previous, kOld);
  EXPECT_EQ(snapshot.programs.last->why, "");
  EXPECT_THAT(programs_in_use(snapshot), ElementsAre(kOld, kNew));
}

TEST_F(UpgradePlanTest, BatchesGoTogether) {
  begin(UpgradeWish{.batch = 3});

  EXPECT_EQ(go_through(), 2);
}

TEST_F(UpgradePlanTest, ATenantOfThePoolGoesFirstAlone) {
  begin(UpgradeWish{.canary = "tenant/c"});

  settle();

  EXPECT_THAT(on(kNew), ElementsAre("shared-3"));
  EXPECT_EQ(program_of("c"), kNew);
  for (const char* other : {"a", "b", "d", "big"}) {
    EXPECT_EQ(program_of(other), kOld) << other;
  }
  go_through();
  EXPECT_THAT(on(kOld), IsEmpty());
  EXPECT_EQ(on(kNew).size(), 4U);
}

TEST_F(UpgradePlanTest, ADedicatedTenantGoesFirstWithItsInstance) {
  begin(UpgradeWish{.canary = "tenant/big"});

  settle();

  EXPECT_THAT(on(kNew), ElementsAre("dedicated2-big"));
  EXPECT_EQ(program_of("big"), kNew);
}

TEST_F(UpgradePlanTest, ATenantThatComesMeanwhileIsNoPartOfTheExperiment) {
  begin(UpgradeWish{.canary = "tenant/c"});
  settle();
  desired.tenants.push_back(a_tenant("newcomer"));

  settle();

  EXPECT_EQ(program_of("newcomer"), kOld);
}

TEST_F(UpgradePlanTest, FromWhereverItIsItCanBeTurnedBack) {
  for (const char* canary : {"", "tenant/c", "tenant/big", "shared-2"}) {
    for (int steps = 0; steps < 5; ++steps) {
      for (const bool is_settled : {false, true}) {
        SCOPED_TRACE(testing::Message()
                     << canary << " after " << steps << " settled " << is_settled);
        const Snapshot before = snapshot;
        begin(UpgradeWish{.canary = canary});
        for (int i = 0; i < steps && snapshot.programs.upgrade; ++i) {
          settle();
          apply_action(snapshot, advance_upgrade(snapshot, kNoon), kNoon);
        }
        if (snapshot.programs.upgrade) {
          if (is_settled) {
            settle();
          }
          apply_action(snapshot, reverse_upgrade(snapshot, "a probe failed"), kNoon);
          apply_action(snapshot, reverse_upgrade(snapshot, "another reason"), kNoon);
          settle();
          EXPECT_EQ(snapshot.programs.upgrade->why, "a probe failed");
          apply_action(snapshot, end_reversal(snapshot, kNoon), kNoon);
          settle();

          EXPECT_THAT(on(kNew), IsEmpty());
          EXPECT_EQ(on(kOld).size(), 4U);
          EXPECT_EQ(snapshot.programs.current, kOld);
          EXPECT_EQ(snapshot.programs.last->why, "a probe failed");
        }
        snapshot = before;
      }
    }
  }
}

TEST_F(UpgradePlanTest, WithNothingToReplaceTheProgramIsRecordedAtOnce) {
  snapshot.instances.clear();
  snapshot.tenants.clear();

  begin();

  EXPECT_FALSE(snapshot.programs.upgrade.has_value());
  EXPECT_EQ(snapshot.programs.current, kNew);
}

TEST_F(UpgradePlanTest, WhatIsNotThereIsRefused) {
  const auto code = [&](UpgradeWish wish) {
    wish.target = kNew;
    const Result<SetPrograms> first = begin_upgrade(snapshot, wish, kNoon);
    return first.has_error() ? first.error().code() : ErrorCode::kInternal;
  };

  EXPECT_EQ(code({.canary = "tenant/nobody"}), ErrorCode::kNotFound);
  EXPECT_EQ(code({.canary = "shared-9"}), ErrorCode::kNotFound);
  EXPECT_EQ(code({.canary = "instance/"}), ErrorCode::kInvalidArgument);
  EXPECT_THAT(begin_upgrade(snapshot, {.target = "unknown"}, kNoon),
              FailsWith(ErrorCode::kNotFound));
  begin();
  EXPECT_EQ(code({}), ErrorCode::kConflict);
}

}  // namespace
}  // namespace voicectl
