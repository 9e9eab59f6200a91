// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/drift_plan.h"

#include <gmock/gmock.h>

#include "provisioner/plan/edge_plan.h"
#include "tests/support/matchers.h"
#include "tests/support/plan/apply_model.h"
#include "tests/support/plan/plan_builders.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class DriftPlanTest : public ::testing::Test {
 protected:
  DriftFinding& find(DriftKind kind, DriftRepair repair) {
    DriftFinding finding;
    finding.kind = kind;
    finding.repair = repair;
    finding.name = "file/x";
    finding.subject = "platform";
    finding.path = "/var/lib/v/x";
    world.observed.drift.push_back(finding);
    return world.observed.drift.back();
  }
  DriftFinding& find_of_alpha(DriftKind kind, DriftRepair repair) {
    DriftFinding& finding = find(kind, repair);
    finding.tenant = tenant_id("alpha");
    finding.subject = "tenant/alpha";
    return finding;
  }

  const DesiredState desired = a_desired_state({a_tenant("alpha"), a_tenant("beta")});
  Snapshot world = settled(desired);
};

TEST_F(DriftPlanTest, FilesAreRestoredByOneStepForEachTenantWithItsReason) {
  find_of_alpha(DriftKind::kEdited, DriftRepair::kRestore);
  find_of_alpha(DriftKind::kMissingFile, DriftRepair::kRestore);
  find(DriftKind::kMissingFile, DriftRepair::kRestore);

  const Plan plan = plan_of(desired, world);

  EXPECT_THAT(texts(plan), ElementsAre("restore files of the platform", "restore files of alpha"));
  EXPECT_EQ(plan.steps[1].reason,
            "drift: '/var/lib/v/x' was edited by hand; '/var/lib/v/x' is missing");
}

TEST_F(DriftPlanTest, AnAppliedPlanLeavesAnEmptyOne) {
  find_of_alpha(DriftKind::kEdited, DriftRepair::kRestore);
  find(DriftKind::kEdited, DriftRepair::kPublishEdge);
  find_of_alpha(DriftKind::kMissingFile, DriftRepair::kBind);
  DriftFinding& stray = find(DriftKind::kStrayProcess, DriftRepair::kEnd);
  stray.pid = 4711;
  stray.start_ticks = 99;

  apply_plan(world, plan_of(desired, world), kNoon);

  EXPECT_THAT(texts(plan_of(desired, world)), IsEmpty());
}

TEST_F(DriftPlanTest, AnEditedConfigurationOfTheEdgeIsPublishedAgain) {
  find(DriftKind::kEdited, DriftRepair::kPublishEdge);

  const Plan plan = plan_of(desired, world);

  ASSERT_THAT(plan.steps, SizeIs(1));
  EXPECT_TRUE(std::holds_alternative<PublishEdge>(plan.steps[0].action));
  EXPECT_THAT(plan.steps[0].reason, HasSubstr("drift: '/var/lib/v/x' was edited by hand"));
  EXPECT_EQ(plan.summary.edge_reloads, 1U) << "though it serves that configuration already";
  EXPECT_EQ(reloads_of(plan.steps, world), 1U);
}

TEST_F(DriftPlanTest, AnEdgeThatDoesNotRunIsStartedAndNotReloaded) {
  find(DriftKind::kEdited, DriftRepair::kPublishEdge);
  world.observed.edge_fingerprint.clear();

  EXPECT_EQ(plan_of(desired, world).summary.edge_reloads, 0U);
}

TEST_F(DriftPlanTest, ALostSocketIsBoundAndLentAgainOnTheSamePort) {
  find_of_alpha(DriftKind::kMissingFile, DriftRepair::kBind);

  const Plan plan = plan_of(desired, world);

  ASSERT_THAT(plan.steps, SizeIs(2));
  EXPECT_EQ(std::get<BindListener>(plan.steps[0].action).port,
            *world.tenants.at(tenant_id("alpha")).port);
  EXPECT_THAT(plan.steps[0].reason, HasSubstr("drift: "));
  EXPECT_TRUE(std::holds_alternative<LendListener>(plan.steps[1].action));
}

TEST_F(DriftPlanTest, ATenantThatGoesIsNotRepaired) {
  find_of_alpha(DriftKind::kEdited, DriftRepair::kRestore);

  const Plan plan = plan_of(a_desired_state({a_tenant("beta")}), world);

  for (const Step& step : plan.steps) {
    EXPECT_FALSE(std::holds_alternative<RestoreFiles>(step.action));
  }
}

TEST_F(DriftPlanTest, WhatOnlyAPersonCanMendIsInNoPlan) {
  find(DriftKind::kForeignListener, DriftRepair::kNone);
  find(DriftKind::kMissingFile, DriftRepair::kNone).is_held = true;

  const Plan plan = plan_of(desired, world);

  EXPECT_THAT(texts(plan), IsEmpty());
  EXPECT_EQ(plan.summary.drift_left, 1U) << "what was adopted is as it should be";
}

TEST_F(DriftPlanTest, AnAdoptedConfigurationIsStartedButNeverReplaced) {
  const std::string name(kEdgeFileName);
  world.adoptions[name] = {name, "digest", "ann", "campaign", kNoon};
  find(DriftKind::kEdited, DriftRepair::kPublishEdge).is_held = true;
  PlanInputs other = plan_inputs();
  other.edge_fingerprint = "another";

  EXPECT_THAT(texts(plan_of(desired, world, other)), IsEmpty());
  EXPECT_THAT(check_adoptions(world, "another"), FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(check_adoptions(world, world.edge_fingerprint), IsOk());
  world.observed.edge_fingerprint.clear();
  const Plan start = plan_of(desired, world, other);
  ASSERT_THAT(start.steps, SizeIs(1));
  EXPECT_EQ(std::get<PublishEdge>(start.steps[0].action).fingerprint, world.edge_fingerprint);
}

TEST_F(DriftPlanTest, AnAdoptedConfigurationThatIsNotThereAnyMoreIsPublishedAgain) {
  const std::string name(kEdgeFileName);
  world.adoptions[name] = {name, "digest", "ann", "campaign", kNoon};
  for (const DriftKind kind : {DriftKind::kMissingFile, DriftKind::kReplaced}) {
    world.observed.drift.clear();
    find(kind, DriftRepair::kPublishEdge);

    const Plan plan = plan_of(desired, world);

    ASSERT_THAT(plan.steps, SizeIs(1));
    EXPECT_TRUE(std::holds_alternative<PublishEdge>(plan.steps[0].action));
    EXPECT_THAT(plan.steps[0].reason, HasSubstr("drift: '/var/lib/v/x'"));
  }
}

TEST_F(DriftPlanTest, FilesAreRestoredBeforeSettingsAreWrittenIntoThem) {
  find_of_alpha(DriftKind::kReplaced, DriftRepair::kRestore);
  DesiredState changed = desired;
  changed.platform.ultravox.endpoint = "http://127.0.0.1:4200/api";
  changed.tenants[0].name = "Another name";

  const Plan plan = plan_of(changed, world);

  std::optional<std::size_t> restore;
  std::size_t waiting = 0;
  for (const Step& step : plan.steps) {
    if (std::holds_alternative<RestoreFiles>(step.action)) {
      restore = step.number;
      EXPECT_THAT(step.needs, IsEmpty());
    } else if (std::holds_alternative<SetPlatform>(step.action) ||
               std::holds_alternative<UpdateTenant>(step.action)) {
      ASSERT_TRUE(restore);
      EXPECT_THAT(step.needs, ::testing::Contains(*restore));
      ++waiting;
    }
  }
  EXPECT_EQ(waiting, 2U);
}

TEST_F(DriftPlanTest, ActionsComeBackFromTheJournalAsTheyWere) {
  const AcceptedDrift accepted{"process/4711", "99", "ann", "a look inside", kNoon};
  for (const Action& action :
       {Action(RestoreFiles{}), Action(RestoreFiles{tenant_id("alpha")}),
        Action(EndProcess{4711, 99}), Action(RecordAdoption{"process/4711", accepted}),
        Action(RecordAdoption{"process/4711"})}) {
    const Result<Action> back = parse_action(render_action(action));
    ASSERT_TRUE(back.has_value()) << render_action(action);
    EXPECT_EQ(render_action(*back), render_action(action));
  }
  EXPECT_TRUE(parse_action(R"({"kind":"end_process","pid":1,"start_ticks":0})").has_error());
}

}  // namespace
}  // namespace voicectl
