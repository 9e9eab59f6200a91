// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/rollout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "tests/support/matchers.h"
#include "tests/support/plan/apply_model.h"
#include "tests/support/plan/plan_builders.h"
#include "tests/support/plan/plan_generator.h"
#include "tests/support/random_seed.h"

namespace voicectl {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::string> slugs(const RolloutBatch& batch) {
  std::vector<std::string> out;
  for (const TenantId& tenant : batch.tenants) {
    out.push_back(tenant.str());
  }
  return out;
}

std::function<bool(const TenantId&)> only(std::string_view slug) {
  return [wanted = tenant_id(slug)](const TenantId& tenant) { return tenant == wanted; };
}

DesiredState four() {
  return a_desired_state(
      {a_tenant("alpha"), a_tenant("beta"), a_tenant("gamma"), a_tenant("zeta")});
}

/// All four with another name.
DesiredState four_renamed() {
  DesiredState out = four();
  for (TenantSpec& tenant : out.tenants) {
    tenant.name = "Renamed";
  }
  return out;
}

TEST(RolloutTest, CanariesGoFirstAndTheRestInBatchesOfTheirNames) {
  const Plan plan = plan_of(four(), Snapshot{});

  const std::vector<RolloutBatch> batches =
      batches_of(plan, {.canary = {tenant_id("zeta"), tenant_id("nobody")}, .batch = 2});

  ASSERT_EQ(batches.size(), 3U);
  EXPECT_TRUE(batches[0].is_canary);
  EXPECT_THAT(slugs(batches[0]), ElementsAre("zeta"));
  EXPECT_FALSE(batches[1].is_canary);
  EXPECT_THAT(slugs(batches[1]), ElementsAre("alpha", "beta"));
  EXPECT_THAT(slugs(batches[2]), ElementsAre("gamma"));
}

TEST(RolloutTest, WithoutABatchTheRestGoesTogether) {
  const std::vector<RolloutBatch> batches =
      batches_of(plan_of(four(), Snapshot{}), {.canary = {tenant_id("beta")}});

  ASSERT_EQ(batches.size(), 2U);
  EXPECT_THAT(slugs(batches[1]), ElementsAre("alpha", "gamma", "zeta"));
}

TEST(RolloutTest, WhoIsDeletedGoesLast) {
  const Snapshot before = settled(a_desired_state({a_tenant("alpha"), a_tenant("beta")}));
  DesiredState desired = a_desired_state({a_tenant("beta"), a_tenant("gamma")});
  desired.tenants[0].name = "Renamed";

  const std::vector<RolloutBatch> batches = batches_of(plan_of(desired, before), {.batch = 1});

  ASSERT_EQ(batches.size(), 3U);
  EXPECT_THAT(slugs(batches[0]), ElementsAre("beta"));
  EXPECT_THAT(slugs(batches[1]), ElementsAre("gamma"));
  EXPECT_THAT(slugs(batches[2]), ElementsAre("alpha"));
}

TEST(RolloutTest, APartHasWhatItNeedsAndNothingOfOthers) {
  const Plan part = part_of(plan_of(four(), Snapshot{}), only("beta"));

  const std::vector<std::string> steps = texts(part);
  EXPECT_THAT(steps, Contains(HasSubstr("start shared instance")));
  EXPECT_THAT(steps, Contains(HasSubstr("create tenant beta")));
  EXPECT_THAT(steps, Not(Contains(HasSubstr("alpha"))));
  for (const Step& step : part.steps) {
    EXPECT_EQ(&step - part.steps.data(), static_cast<std::ptrdiff_t>(step.number));
  }
}

TEST(RolloutTest, AnInstanceOfItsOwnStartsWithItsTenantAndNotBefore) {
  const Snapshot before = settled(four());
  DesiredState desired = four();
  desired.tenants[3].tier = Tier::kDedicated;
  desired.tenants[0].name = "Renamed";
  const Plan plan = plan_of(desired, before);

  EXPECT_THAT(texts(part_of(plan, only("alpha"))), Not(Contains(HasSubstr("dedicated"))));
  EXPECT_THAT(texts(part_of(plan, only("zeta"))), Contains(HasSubstr("start dedicated")));
}

TEST(RolloutTest, AnInstanceStopsWithTheLastTenantThatLeavesIt) {
  DesiredState two = a_desired_state({a_tenant("alpha"), a_tenant("beta")});
  two.platform.pool_size = 2;
  Snapshot before = settled(two);
  before.instances.at(instance_id("shared-0")).fate = InstanceFate::kRetired;
  for (auto& [name, tenant] : before.tenants) {
    tenant.placement = instance_id("shared-0");
  }
  const Plan plan = plan_of(two, before);
  ASSERT_THAT(texts(plan), Contains(HasSubstr("stop instance shared-0")));

  EXPECT_THAT(texts(part_of(plan, only("alpha"))), Not(Contains(HasSubstr("stop instance"))));
}

TEST(RolloutTest, WhoComesBackIsChangedInItsTurnOnly) {
  DesiredState before = four();
  before.platform.edge.mode = EdgeMode::kStatic;
  Snapshot snapshot = settled(before);
  snapshot.tenants.at(tenant_id("beta")).phase = TenantPhase::kDeleting;
  DesiredState desired = four_renamed();
  desired.platform.edge.mode = EdgeMode::kStatic;
  desired.tenants.push_back(a_tenant("newco"));
  PlanInputs inputs = plan_inputs();
  inputs.edge_fingerprint = "edge-2";

  const Plan part = part_of(plan_of(desired, snapshot, inputs), only("newco"));

  EXPECT_THAT(texts(part), Contains("update tenant beta to generation 1"))
      << "the edge is given all that are recorded";
  EXPECT_THAT(texts(part), Not(Contains("update tenant beta to generation 2")));
}

TEST(RolloutTest, WhoIsHeldBackStaysAsRecorded) {
  const Snapshot before = settled(four());
  DesiredState desired = four_renamed();
  desired.tenants.erase(desired.tenants.begin());  // alpha is to go
  desired.tenants.push_back(a_tenant("zz-new"));   // zz-new is to come

  const DesiredState kept =
      held_back(desired, before, {tenant_id("alpha"), tenant_id("beta"), tenant_id("zz-new")});

  ASSERT_EQ(kept.tenants.size(), 4U);
  EXPECT_EQ(kept.tenants[0], four().tenants[0]);
  EXPECT_EQ(kept.tenants[1], four().tenants[1]);
  EXPECT_EQ(kept.tenants[2].name, "Renamed");
  EXPECT_EQ(find_tenant(kept, tenant_id("zz-new")), nullptr);
}

TEST(RolloutTest, ADomainThatAnotherOneHasNowIsNotKept) {
  const Snapshot before = settled(
      a_desired_state({a_tenant_with_domains("alpha", {"shop.example.com"}), a_tenant("beta")}));
  const DesiredState desired =
      a_desired_state({a_tenant("alpha"), a_tenant_with_domains("beta", {"shop.example.com"})});

  const DesiredState kept = held_back(desired, before, {tenant_id("alpha")});

  EXPECT_THAT(kept.tenants[0].domains, IsEmpty());
  EXPECT_EQ(kept.tenants[1].domains.size(), 1U);
}

TEST(RolloutTest, WhoIsHeldBackBeforeItWasMadeIsNotFinished) {
  Snapshot before = settled(four());
  before.tenants.at(tenant_id("beta")).phase = TenantPhase::kCreating;

  EXPECT_THAT(begun_among({tenant_id("alpha"), tenant_id("beta")}, before),
              ElementsAre(tenant_id("beta")));
}

TEST(RolloutTest, BatchesTogetherLeaveNothingToDo) {
  SeededRandom random = make_test_random();
  PlanGenerator generator(random);
  Snapshot world;
  for (int turn = 0; turn < 60; ++turn) {
    const DesiredState desired = generator.desired_state();
    const PlanInputs inputs = generator.inputs(desired);
    const WallTime now = kNoon + std::chrono::hours(turn);
    const RolloutSpec spec{.batch = static_cast<std::uint32_t>(1 + random.below(3))};
    for (const RolloutBatch& batch : batches_of(plan_of(desired, world, inputs), spec)) {
      const Result<Plan> plan = make_plan(desired, world, inputs, now);
      ASSERT_THAT(plan, IsOk());
      const Plan part = part_of(*plan, [&batch](const TenantId& tenant) {
        return std::find(batch.tenants.begin(), batch.tenants.end(), tenant) != batch.tenants.end();
      });
      apply_plan(world, part, now);
    }
    const Result<Plan> rest = make_plan(desired, world, inputs, now);
    ASSERT_THAT(rest, IsOk());
    // What is done for nobody may wait for a batch in which it comes to be.
    apply_plan(world, part_of(*rest, [](const TenantId&) { return false; }), now);
    const Result<Plan> nothing = make_plan(desired, world, inputs, now);
    ASSERT_THAT(nothing, IsOk());
    EXPECT_THAT(texts(*nothing), IsEmpty()) << "turn " << turn;
    generator.disturb(world);
  }
}

TEST(RolloutSpecTest, WhatIsNotSaidIsAsBefore) {
  const RolloutSpec document{.canary = {tenant_id("alpha")},
                             .batch = 5,
                             .pause = std::chrono::seconds(30),
                             .max_failures = 2};

  const Result<RolloutSpec> out =
      parse_rollout(Json{{"batch", 10}, {"max_failures", nullptr}}, document);

  ASSERT_THAT(out, IsOk());
  EXPECT_THAT(out->canary, ElementsAre(tenant_id("alpha")));
  EXPECT_EQ(out->batch, 10U);
  EXPECT_EQ(out->pause, std::chrono::seconds(30));
  EXPECT_EQ(out->max_failures, std::nullopt);
  EXPECT_EQ(*parse_rollout(rollout_json(*out)), *out);
}

TEST(RolloutSpecTest, APauseThatComesBetweenNothingIsRefused) {
  EXPECT_THAT(parse_rollout(Json{{"pause_s", 60}}), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(parse_rollout(Json{{"pause_s", 60}, {"max_failures", 1}}),
              FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(parse_rollout(Json{{"pause_s", 60}, {"batch", 1}}), IsOk());
  EXPECT_THAT(parse_rollout(Json{{"pause_s", 60}}, {.canary = {tenant_id("alpha")}}), IsOk());
  EXPECT_THAT(parse_rollout(rollout_json({})), IsOk());
}

TEST(RolloutSpecTest, BadNumbersAreRefused) {
  for (const char* text :
       {R"({"batch":0})", R"({"batch":"x"})", R"({"pause_s":-1})", R"({"pause_s":86401})",
        R"({"canary":["Not A Slug"]})", R"({"canary":"x"})", R"({"max_failures":1.5})", R"([])"}) {
    EXPECT_TRUE(parse_rollout(*parse_json(text)).has_error()) << text;
  }
}

}  // namespace
}  // namespace voicectl
