// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/support/matchers.h"
#include "tests/support/plan/apply_model.h"
#include "tests/support/plan/plan_builders.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

DesiredState a_pool(std::uint32_t size, std::vector<TenantSpec> tenants) {
  DesiredState desired = a_desired_state(std::move(tenants));
  desired.platform.pool_size = size;
  return desired;
}

std::string placement(const Snapshot& snapshot, std::string_view tenant) {
  const RecordedTenant& recorded = snapshot.tenants.at(tenant_id(tenant));
  return recorded.placement ? recorded.placement->str() : "nowhere";
}

TEST(PlannerPoolTest, SpreadsTenantsEvenlyAndTiesByName) {
  const Snapshot snapshot = settled(a_pool(2, {a_tenant("a"), a_tenant("b"), a_tenant("c")}));

  EXPECT_EQ(placement(snapshot, "a"), "shared-0");
  EXPECT_EQ(placement(snapshot, "b"), "shared-1");
  EXPECT_EQ(placement(snapshot, "c"), "shared-0");
}

TEST(PlannerPoolTest, SendsNewTenantsWhereTheLeastIsDone) {
  const Snapshot snapshot =
      settled(a_pool(2, {a_tenant("a"), a_tenant("b"), a_tenant("c")}));  // a and c on shared-0
  PlanInputs inputs = plan_inputs();
  inputs.loads = {{tenant_id("a"), 50}, {tenant_id("b"), 700}, {tenant_id("c"), 150}};

  const Plan plan = plan_of(a_pool(2, {a_tenant("a"), a_tenant("b"), a_tenant("c"), a_tenant("d")}),
                            snapshot, inputs);

  EXPECT_THAT(texts(plan), ::testing::Contains("lend listener of d to shared-0"));
  const auto lent = std::find_if(plan.steps.begin(), plan.steps.end(), [](const Step& step) {
    return std::holds_alternative<LendListener>(step.action);
  });
  ASSERT_NE(lent, plan.steps.end());
  EXPECT_THAT(
      lent->reason,
      HasSubstr("shared-0 is the least loaded (200 mCPU, 2 tenants) of 2 shared instances"));
}

TEST(PlannerPoolTest, ALittleMoreLoadIsNoReasonToGoElsewhere) {
  const Snapshot snapshot = settled(a_pool(2, {a_tenant("a"), a_tenant("b"), a_tenant("c")}));
  PlanInputs inputs = plan_inputs();
  inputs.loads = {{tenant_id("a"), 10}, {tenant_id("b"), 90}, {tenant_id("c"), 10}};

  const Plan plan = plan_of(a_pool(2, {a_tenant("a"), a_tenant("b"), a_tenant("c"), a_tenant("d")}),
                            snapshot, inputs);

  EXPECT_THAT(texts(plan), ::testing::Contains("lend listener of d to shared-1"))
      << "both do little, and there are fewer tenants";
}

TEST(PlannerPoolTest, ManyNewTenantsAreSpreadByWhatTheyAreExpectedToDo) {
  const Snapshot snapshot = settled(a_pool(2, {a_tenant("a"), a_tenant("b")}));
  PlanInputs inputs = plan_inputs();
  inputs.loads = {{tenant_id("a"), 1000}, {tenant_id("b"), 200}};  // 600 on average
  std::vector<TenantSpec> tenants = {a_tenant("a"), a_tenant("b")};
  for (const char* name : {"c", "d", "e", "f"}) {
    tenants.push_back(a_tenant(name));
  }

  const Plan plan = plan_of(a_pool(2, tenants), snapshot, inputs);

  EXPECT_THAT(texts(plan),
              ::testing::IsSupersetOf({"lend listener of c to shared-1",    // 200, 1000
                                       "lend listener of d to shared-1",    // 800, 1000
                                       "lend listener of e to shared-0",    // 1400, 1000
                                       "lend listener of f to shared-1"}))  // 1400, 1600
      << ::testing::PrintToString(texts(plan));
}

TEST(PlannerPoolTest, WhoIsAloneSaysNothingAboutTheOthers) {
  TenantSpec alone = a_tenant("z");
  alone.tier = Tier::kDedicated;
  const Snapshot snapshot = settled(a_pool(2, {a_tenant("a"), a_tenant("b"), alone}));
  PlanInputs inputs = plan_inputs();
  inputs.loads = {{tenant_id("a"), 1000}, {tenant_id("b"), 400}, {tenant_id("z"), 8600}};

  const Plan plan =
      plan_of(a_pool(2, {a_tenant("a"), a_tenant("b"), a_tenant("c"), a_tenant("d"), alone}),
              snapshot, inputs);

  EXPECT_THAT(texts(plan),
              ::testing::IsSupersetOf({"lend listener of c to shared-1",    // 1000, 400
                                       "lend listener of d to shared-0"}))  // 1000, 1100
      << ::testing::PrintToString(texts(plan));
}

TEST(PlannerPoolTest, LeavesTenantsWhereTheyAreWhenThePoolGrows) {
  const std::vector<TenantSpec> tenants = {a_tenant("a"), a_tenant("b")};
  const Snapshot snapshot = settled(a_pool(1, tenants));

  EXPECT_THAT(texts(plan_of(a_pool(2, tenants), snapshot)),
              ElementsAre("record the settings of platform voice.localhost",
                          "start shared instance shared-1 (health on port 21003)"));
}

TEST(PlannerPoolTest, EmptiesASurplusInstanceBeforeItStops) {
  const std::vector<TenantSpec> tenants = {a_tenant("a"), a_tenant("b")};
  const Snapshot snapshot = settled(a_pool(2, tenants));

  const Plan plan = plan_of(a_pool(1, tenants), snapshot);

  EXPECT_THAT(texts(plan),
              ElementsAre("record the settings of platform voice.localhost",
                          "move b from shared-1 to shared-0", "stop instance shared-1"));
  EXPECT_THAT(plan.steps[2].needs, ElementsAre(1));
}

TEST(PlannerPoolTest, LeavesInstancesOfAnotherProgramAlone) {
  const DesiredState desired = a_pool(1, {a_tenant("a"), a_dedicated_tenant("big")});
  const Snapshot snapshot = settled(desired);
  PlanInputs inputs = plan_inputs();
  inputs.instance_fingerprint = "program-2";

  EXPECT_THAT(texts(plan_of(desired, snapshot, inputs)), IsEmpty());
}

TEST(PlannerPoolTest, StartsAnInstanceAgainWithItsOwnProgram) {
  const DesiredState desired = a_pool(1, {a_tenant("a")});
  Snapshot snapshot = settled(desired);
  lose_instance(snapshot, "shared-0");
  PlanInputs inputs = plan_inputs();
  inputs.instance_fingerprint = "program-2";

  const Plan plan = plan_of(desired, snapshot, inputs);

  ASSERT_EQ(plan.steps.size(), 1U);
  EXPECT_EQ(std::get<StartInstance>(plan.steps[0].action).fingerprint, "program-1");
}

TEST(PlannerPoolTest, KeepsTheWayBackUntilItIsRetired) {
  const DesiredState desired = a_pool(1, {a_tenant("a")});
  Snapshot snapshot = settled(desired);
  RecordedInstance& old = snapshot.instances.at(instance_id("shared-0"));
  old.fate = InstanceFate::kWayBack;

  const Plan plan = plan_of(desired, snapshot);

  EXPECT_THAT(texts(plan), ElementsAre("start shared instance shared-1 (health on port 21002)",
                                       "move a from shared-0 to shared-1"));
  apply_plan(snapshot, plan, kNoon);
  EXPECT_THAT(texts(plan_of(desired, snapshot)), IsEmpty());
  snapshot.instances.at(instance_id("shared-0")).fate = InstanceFate::kRetired;
  EXPECT_THAT(texts(plan_of(desired, snapshot)), ElementsAre("stop instance shared-0"));
}

TEST(PlannerPoolTest, ReplacesAnInstanceThatIsToBeReplaced) {
  const DesiredState desired = a_pool(2, {a_tenant("a"), a_tenant("b")});
  Snapshot snapshot = settled(desired);
  snapshot.instances.at(instance_id("shared-0")).fate = InstanceFate::kRetired;

  const Plan plan = plan_of(desired, snapshot);

  ASSERT_EQ(plan.steps.size(), 3U);
  EXPECT_THAT(texts(plan)[1], HasSubstr("from shared-0 to shared-2"));
  EXPECT_EQ(texts(plan)[2], "stop instance shared-0");
  EXPECT_EQ(plan.steps[0].reason, "1 of 2 shared instances are to be replaced, as was asked");
  EXPECT_EQ(plan.steps[2].reason, "it was replaced, as was asked");
}

TEST(PlannerPoolTest, ReplacesADedicatedInstanceUnderAnotherName) {
  const DesiredState desired = a_pool(1, {a_dedicated_tenant("big")});
  Snapshot snapshot = settled(desired);
  snapshot.instances.at(instance_id("dedicated-big")).fate = InstanceFate::kRetired;
  apply_plan(snapshot, plan_of(desired, snapshot), kNoon);
  const std::string second = placement(snapshot, "big");
  snapshot.instances.at(instance_id("dedicated2-big")).fate = InstanceFate::kRetired;
  apply_plan(snapshot, plan_of(desired, snapshot), kNoon);

  EXPECT_EQ(second, "dedicated2-big");
  EXPECT_EQ(placement(snapshot, "big"), "dedicated-big");
  EXPECT_EQ(snapshot.instances.size(), 2U);
}

TEST(PlannerPoolTest, StartsAFailedInstanceAgainWithItsOwnPort) {
  const DesiredState desired = a_pool(1, {a_tenant("a")});
  Snapshot snapshot = settled(desired);
  observed_instance(snapshot, "shared-0").failed = true;

  const Plan plan = plan_of(desired, snapshot);

  EXPECT_THAT(texts(plan), ElementsAre("start shared instance shared-0 (health on port 21000)"));
  EXPECT_EQ(plan.steps[0].reason, "drift: it failed and its restart budget is spent");
}

TEST(PlannerPoolTest, StartsAnInstanceAgainThatIsNotObservedAtAll) {
  const DesiredState desired = a_pool(1, {a_dedicated_tenant("big")});
  Snapshot snapshot = settled(desired);
  lose_instance(snapshot, "dedicated-big");

  EXPECT_THAT(texts(plan_of(desired, snapshot)),
              ElementsAre("start dedicated instance dedicated-big (health on port 21001)"));
}

TEST(PlannerPoolTest, LeavesARestartingInstanceToItsSupervisor) {
  const DesiredState desired = a_pool(1, {a_tenant("a")});
  Snapshot snapshot = settled(desired);
  observed_instance(snapshot, "shared-0").ready = false;

  EXPECT_THAT(texts(plan_of(desired, snapshot)), IsEmpty());
}

TEST(PlannerPoolTest, SendsNewTenantsToInstancesThatAreReady) {
  const DesiredState before = a_pool(2, {a_tenant("a"), a_tenant("b"), a_tenant("c")});
  Snapshot snapshot = settled(before);
  observed_instance(snapshot, "shared-1").ready = false;
  const DesiredState after =
      a_pool(2, {a_tenant("a"), a_tenant("b"), a_tenant("c"), a_tenant("d")});

  apply_plan(snapshot, plan_of(after, snapshot), kNoon);

  EXPECT_EQ(placement(snapshot, "d"), "shared-0");
}

TEST(PlannerPoolTest, RebuildsEverythingAfterAReboot) {
  const DesiredState desired = a_pool(1, {a_tenant("a")});
  Snapshot snapshot = settled(desired);
  snapshot.observed.instances.clear();
  snapshot.observed.listeners.clear();
  snapshot.observed.edge_fingerprint.clear();

  EXPECT_THAT(texts(plan_of(desired, snapshot)),
              ElementsAre("publish edge configuration edge-1",
                          "start shared instance shared-0 (health on port 21000)",
                          "bind listener of a on port 21001", "lend listener of a to shared-0"));
}

TEST(PlannerPoolTest, SaysThatAPoolOfNoneServesNobody) {
  EXPECT_THAT(make_plan(a_pool(0, {a_tenant("a")}), Snapshot{}, plan_inputs(), kNoon),
              FailsWith(ErrorCode::kInvalidArgument));
}

}  // namespace
}  // namespace voicectl
