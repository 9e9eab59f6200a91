// SPDX-License-Identifier: Apache-2.0
// Instances that wait for whoever the monitor promotes next.
#include <gmock/gmock.h>

#include "tests/support/matchers.h"
#include "tests/support/plan/apply_model.h"
#include "tests/support/plan/plan_builders.h"

namespace voicectl {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

DesiredState with_spares(std::uint32_t spare, std::uint32_t max_promoted = 8) {
  DesiredState desired = a_desired_state({a_tenant("a"), a_tenant("b")});
  desired.platform.monitor.spare = spare;
  desired.platform.monitor.max_promoted = max_promoted;
  return desired;
}

Snapshot promoted(Snapshot snapshot, std::string_view tenant) {
  snapshot.tenants.at(tenant_id(tenant)).wish = PromotionWish{"busy", kNoon};
  return snapshot;
}

bool has_instance(const Snapshot& snapshot, std::string_view instance) {
  return snapshot.instances.contains(instance_id(instance));
}

TEST(PlannerSpareTest, AsManyWaitAsAreWantedAndThenThereIsNothingToDo) {
  const DesiredState desired = with_spares(2);
  const Snapshot snapshot = settled(desired);

  EXPECT_TRUE(has_instance(snapshot, "spare-0"));
  EXPECT_TRUE(has_instance(snapshot, "spare-1"));
  EXPECT_FALSE(has_instance(snapshot, "spare-2"));
  EXPECT_TRUE(plan_of(desired, snapshot).empty());
}

TEST(PlannerSpareTest, WhoIsPromotedWaitsForNoProcessAndTheNextOneIsStarted) {
  const DesiredState desired = with_spares(1);
  const Plan plan = plan_of(desired, promoted(settled(desired), "a"));

  EXPECT_THAT(texts(plan), Contains("move a from shared-0 to spare-0"));
  EXPECT_THAT(texts(plan), Contains(HasSubstr("start dedicated instance spare-1")));
  for (const Step& step : plan.steps) {
    if (std::holds_alternative<LendListener>(step.action)) {
      EXPECT_THAT(step.needs, IsEmpty()) << "the move waits for nothing";
      EXPECT_THAT(step.reason, HasSubstr("the monitor promotes a: busy"));
    }
  }
  const Snapshot after = settled(desired);
  EXPECT_TRUE(plan_of(desired, after).empty());
}

TEST(PlannerSpareTest, OneThatIsNotReadyHelpsNobody) {
  const DesiredState desired = with_spares(1);
  Snapshot snapshot = promoted(settled(desired), "a");
  observed_instance(snapshot, "spare-0").ready = false;

  EXPECT_THAT(texts(plan_of(desired, snapshot)),
              Contains(HasSubstr("start dedicated instance dedicated-a")));
}

TEST(PlannerSpareTest, OneThatRunsAnOlderProgramIsReplacedAndServesNobody) {
  const DesiredState desired = with_spares(1);
  Snapshot snapshot = settled(desired);
  snapshot.instances.at(instance_id("spare-0")).fingerprint = "older";

  EXPECT_THAT(texts(plan_of(desired, snapshot)),
              ElementsAre(HasSubstr("start dedicated instance spare-1"), "stop instance spare-0"));
  EXPECT_THAT(texts(plan_of(desired, promoted(snapshot, "a"))),
              Contains(HasSubstr("start dedicated instance dedicated-a")));
}

TEST(PlannerSpareTest, TheyCountAgainstTheBudget) {
  const DesiredState desired = with_spares(2, 2);
  const std::vector<std::string> steps = texts(plan_of(desired, promoted(settled(desired), "a")));

  EXPECT_THAT(steps, Contains("move a from shared-0 to spare-0"));
  EXPECT_THAT(steps, Not(Contains(HasSubstr("start dedicated"))))
      << "one is promoted and one waits: two";
}

TEST(PlannerSpareTest, NobodyWaitsUnlessTheMonitorPromotes) {
  DesiredState desired = with_spares(1);
  const Snapshot snapshot = settled(desired);
  desired.platform.monitor.mode = PromotionMode::kObserve;

  EXPECT_THAT(texts(plan_of(desired, snapshot)), Contains("stop instance spare-0"));
}

TEST(PlannerSpareTest, OneThatHasServedIsStoppedAndNotUsedAgain) {
  const DesiredState desired = with_spares(1);
  Snapshot snapshot = settled(desired);
  snapshot.tenants.at(tenant_id("a")).placement = instance_id("spare-0");

  const Plan plan = plan_of(desired, snapshot);  // nobody wishes it there any more

  EXPECT_THAT(texts(plan), Contains("move a from spare-0 to shared-0"));
  EXPECT_THAT(texts(plan), Contains("stop instance spare-0"));
  EXPECT_THAT(texts(plan), Contains(HasSubstr("start dedicated instance spare-1")));
}

TEST(PlannerSpareTest, OneThatHasServedAndCouldNotBeStoppedIsNotUsedAgain) {
  const DesiredState desired = with_spares(1);
  Snapshot snapshot = settled(desired);
  snapshot.tenants.at(tenant_id("a")).placement = instance_id("spare-0");
  apply_action(snapshot,
               LendListener{tenant_id("a"), instance_id("shared-0"), instance_id("spare-0")},
               kNoon);

  const std::vector<std::string> steps = texts(plan_of(desired, promoted(snapshot, "b")));

  EXPECT_THAT(steps, Not(Contains(HasSubstr("to spare-0"))));
  EXPECT_THAT(steps, Contains("stop instance spare-0"));
}

TEST(PlannerSpareTest, ATenantOfTierDedicatedGetsAnInstanceOfItsOwnName) {
  DesiredState desired = with_spares(1);
  const Snapshot snapshot = settled(desired);
  desired.tenants[0].tier = Tier::kDedicated;

  EXPECT_THAT(texts(plan_of(desired, snapshot)),
              Contains(HasSubstr("start dedicated instance dedicated-a")));
}

}  // namespace
}  // namespace voicectl
