// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>

#include "provisioner/plan/open_imports.h"
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

std::string reason_of(const Plan& plan, std::string_view text) {
  for (const Step& step : plan.steps) {
    if (describe(step.action) == text) {
      return step.reason;
    }
  }
  return "no such step";
}

TEST(PlannerTest, PlansTheFirstApply) {
  const Plan plan = plan_of(a_desired_state({a_tenant("acme")}), Snapshot{});

  EXPECT_THAT(
      texts(plan),
      ElementsAre("record the settings of platform voice.localhost",
                  "issue certificate for *.voice.localhost", "publish edge configuration edge-1",
                  "start shared instance shared-0 (health on port 21000)", "create tenant acme",
                  "prepare data of acme", "bind listener of acme on port 21001",
                  "lend listener of acme to shared-0", "route acme.voice.localhost to acme"));
  EXPECT_EQ(plan.summary.tenants_created, 1U);
  EXPECT_EQ(plan.summary.instances_started, 1U);
  EXPECT_EQ(plan.summary.certificates, 1U);
  EXPECT_EQ(plan.summary.edge_reloads, 0U);
}

TEST(PlannerTest, PlansNothingWhenNothingIsToDo) {
  const DesiredState desired = a_desired_state({a_tenant("acme"), a_dedicated_tenant("big")});

  EXPECT_THAT(texts(plan_of(desired, settled(desired))), IsEmpty());
}

TEST(PlannerTest, MakesOnlyWhatIsMissingOfATenant) {
  const DesiredState desired = a_desired_state({a_tenant("acme")});
  Snapshot snapshot = settled(desired);
  RecordedTenant& tenant = snapshot.tenants.at(tenant_id("acme"));
  tenant.phase = TenantPhase::kCreating;
  tenant.placement = std::nullopt;
  tenant.routes.clear();

  EXPECT_THAT(texts(plan_of(desired, snapshot)), ElementsAre("lend listener of acme to shared-0",
                                                             "route acme.voice.localhost to acme"));
}

TEST(PlannerTest, PreparesDataWithTheGenerationThatIsRecorded) {
  const DesiredState desired = a_desired_state({a_tenant("acme")});
  Snapshot snapshot = settled(desired);
  snapshot.tenants.at(tenant_id("acme")).has_data = false;

  EXPECT_THAT(texts(plan_of(desired, snapshot)), ElementsAre("prepare data of acme"));
}

TEST(PlannerTest, UpdatesAChangedTenantAndSaysWhatChanged) {
  const Snapshot snapshot = settled(a_desired_state({a_tenant("acme")}));
  TenantSpec changed = a_tenant("acme");
  changed.plan = PricePlan::kEnterprise;
  changed.menu.push_back(MenuItem{.name = "Soup"});

  const Plan plan = plan_of(a_desired_state({changed}), snapshot);

  EXPECT_THAT(texts(plan), ElementsAre("update tenant acme to generation 2"));
  EXPECT_EQ(plan.steps[0].reason, "changed: plan starter -> enterprise; menu");
  EXPECT_EQ(plan.summary.tenants_changed, 1U);
}

TEST(PlannerTest, WhereItsDataCameFromIsNoChangeOfATenantThatHasThem) {
  TenantSpec imported = a_tenant("acme");
  imported.import_id = "import-1-2";
  Snapshot snapshot = settled(a_desired_state({imported}));
  const DesiredState kept_by_hand = a_desired_state({a_tenant("acme")});

  EXPECT_THAT(texts(plan_of(kept_by_hand, snapshot)), IsEmpty());

  snapshot.tenants.at(tenant_id("acme")).has_data = false;
  EXPECT_THAT(texts(plan_of(kept_by_hand, snapshot)),
              Contains("update tenant acme to generation 2"));
}

TEST(OpenImports, AreNotForgottenByADocumentThatDoesNotKnowThem) {
  TenantSpec imported = a_tenant("acme");
  imported.import_id = "import-1-2";
  const DesiredState before = a_desired_state({imported});
  const DesiredState kept_by_hand = a_desired_state({a_tenant("acme"), a_tenant("other")});
  const Snapshot served = settled(before);

  const DesiredState open = with_open_imports(kept_by_hand, before, Snapshot{});
  const DesiredState closed = with_open_imports(kept_by_hand, before, served);

  EXPECT_EQ(open.tenants[0].import_id, "import-1-2");
  EXPECT_EQ(open.tenants[1].import_id, "");
  EXPECT_EQ(closed, kept_by_hand);
  EXPECT_EQ(with_open_imports(kept_by_hand, std::nullopt, Snapshot{}), kept_by_hand);
}

TEST(PlannerTest, TakesADeletedTenantApartInOrder) {
  const Snapshot snapshot = settled(a_desired_state({a_dedicated_tenant("acme")}));

  const Plan plan = plan_of(a_desired_state({}), snapshot);

  EXPECT_THAT(texts(plan),
              ElementsAre("withdraw routes of acme", "reclaim listener of acme from dedicated-acme",
                          "release listener of acme", "set data of acme aside",
                          "delete tenant acme", "stop instance dedicated-acme"));
  EXPECT_EQ(plan.summary.tenants_deleted, 1U);
}

TEST(PlannerTest, GoesOnWithADeletionThatWasCutShort) {
  Snapshot snapshot = settled(a_desired_state({a_tenant("acme")}));
  RecordedTenant& tenant = snapshot.tenants.at(tenant_id("acme"));
  tenant.phase = TenantPhase::kDeleting;
  tenant.routes.clear();
  tenant.placement = std::nullopt;

  EXPECT_THAT(
      texts(plan_of(a_desired_state({}), snapshot)),
      ElementsAre("release listener of acme", "set data of acme aside", "delete tenant acme"));
}

TEST(PlannerTest, BringsBackATenantThatIsDesiredAgainBeforeItIsGone) {
  const DesiredState desired = a_desired_state({a_tenant("acme")});
  Snapshot snapshot = settled(desired);
  RecordedTenant& tenant = snapshot.tenants.at(tenant_id("acme"));
  tenant.phase = TenantPhase::kDeleting;
  tenant.routes.clear();
  tenant.placement = std::nullopt;

  EXPECT_THAT(texts(plan_of(desired, snapshot)), ElementsAre("lend listener of acme to shared-0",
                                                             "route acme.voice.localhost to acme"));
}

TEST(PlannerTest, BindsALostListenerOnTheSamePort) {
  const DesiredState desired = a_desired_state({a_tenant("acme")});
  Snapshot snapshot = settled(desired);
  lose_listener(snapshot, "acme");

  const Plan plan = plan_of(desired, snapshot);

  EXPECT_THAT(texts(plan), ElementsAre("bind listener of acme on port 21001",
                                       "lend listener of acme to shared-0"));
  EXPECT_EQ(plan.steps[0].reason,
            "drift: its listener on port 21001 is recorded and nobody holds it");
}

TEST(PlannerTest, LendsAgainWhatWasBoundAnewAndMovesItLikeAnyOther) {
  DesiredState desired = a_desired_state({a_tenant("acme"), a_tenant("other")});
  Snapshot snapshot = settled(desired);
  snapshot.observed.rebound.insert(tenant_id("acme"));

  const Plan plan = plan_of(desired, snapshot);
  desired.tenants.front().tier = Tier::kDedicated;
  const Plan move = plan_of(desired, snapshot);

  EXPECT_THAT(texts(plan), ElementsAre("lend listener of acme to shared-0"));
  EXPECT_EQ(plan.steps[0].reason, "its instance may not have its listener of now");
  EXPECT_TRUE(std::any_of(move.steps.begin(), move.steps.end(), [](const Step& step) {
    const auto* const lend = std::get_if<LendListener>(&step.action);
    return lend != nullptr && lend->from && lend->from->str() == "shared-0";
  }));
}

TEST(PlannerTest, LendsAgainWhatItsInstanceDidNotTakeAndWritesAnewWhatItReads) {
  const DesiredState desired = a_desired_state({a_tenant("acme"), a_tenant("other")});
  Snapshot snapshot = settled(desired);
  snapshot.observed.unserved.emplace(tenant_id("acme"), "cannot read its configuration");

  const Plan plan = plan_of(desired, snapshot);

  EXPECT_THAT(texts(plan),
              ElementsAre("prepare data of acme", "lend listener of acme to shared-0"));
  EXPECT_EQ(plan.steps[1].needs, std::vector<std::size_t>{0});
}

TEST(PlannerTest, KeepsAReleasedPortInQuarantine) {
  Snapshot snapshot = settled(a_desired_state({a_tenant("acme")}));
  apply_plan(snapshot, plan_of(a_desired_state({}), snapshot), kNoon);
  const DesiredState desired = a_desired_state({a_tenant("acme")});

  const Plan soon = *make_plan(desired, snapshot, plan_inputs(),
                               kNoon + kPortQuarantine - std::chrono::seconds(1));
  const Plan later = *make_plan(desired, snapshot, plan_inputs(), kNoon + kPortQuarantine);

  EXPECT_THAT(texts(soon), Contains("bind listener of acme on port 21002"));
  EXPECT_THAT(texts(later), Contains("bind listener of acme on port 21001"));
}

TEST(PlannerTest, GivesAwayNoRecordedPortWhoseLeaseIsMissing) {
  Snapshot snapshot = settled(a_desired_state({a_tenant("acme")}));
  snapshot.leases.clear();

  const Plan plan = plan_of(a_desired_state({a_tenant("acme"), a_tenant("best")}), snapshot);

  EXPECT_THAT(texts(plan), Contains("bind listener of best on port 21002"));
}

TEST(PlannerTest, SaysThatThePortRangeIsFull) {
  DesiredState desired = a_desired_state({a_tenant("acme"), a_tenant("best")});
  desired.platform.first_port = 21000;
  desired.platform.last_port = 21001;

  const Result<Plan> plan = make_plan(desired, Snapshot{}, plan_inputs(), kNoon);

  ASSERT_THAT(plan, FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_EQ(plan.error().message(),
            "cannot lease a port for 'tenant/best': range 21000-21001 is full (2 leased, 0 in "
            "quarantine); widen ports.range");
}

TEST(PlannerTest, PromotesAndDemotesByMoving) {
  const DesiredState pooled = a_desired_state({a_tenant("acme")});
  const DesiredState dedicated = a_desired_state({a_dedicated_tenant("acme")});
  Snapshot snapshot = settled(pooled);

  const Plan promote = plan_of(dedicated, snapshot);
  apply_plan(snapshot, promote, kNoon);
  const Plan demote = plan_of(pooled, snapshot);

  EXPECT_THAT(texts(promote),
              ElementsAre("start dedicated instance dedicated-acme (health on port 21002)",
                          "move acme from shared-0 to dedicated-acme",
                          "update tenant acme to generation 2"));
  EXPECT_EQ(promote.summary.tenants_moved, 1U);
  EXPECT_THAT(texts(demote),
              ElementsAre("move acme from dedicated-acme to shared-0",
                          "update tenant acme to generation 3", "stop instance dedicated-acme"));
}

TEST(PlannerTest, UpdatesATenantOnADeadInstanceOnlyAfterItHasMoved) {
  // An update is told to the instance: without one it would fail for ever.
  DesiredState desired = a_desired_state({a_tenant("acme")});
  Snapshot snapshot = settled(desired);
  observed_instance(snapshot, "shared-0").failed = true;
  desired.tenants[0].name = "Acme";

  EXPECT_THAT(texts(plan_of(desired, snapshot)),
              ElementsAre("start shared instance shared-0 (health on port 21000)",
                          "update tenant acme to generation 2"));
}

TEST(PlannerTest, RecordsAChangedPlatformBeforeEverythingElse) {
  DesiredState desired = a_desired_state({a_tenant("acme")});
  const Snapshot snapshot = settled(desired);
  desired.platform.domain = "voice.example";

  const Plan plan = plan_of(desired, snapshot);

  EXPECT_THAT(texts(plan), ElementsAre("record the settings of platform voice.example",
                                       "issue certificate for *.voice.example",
                                       "route acme.voice.example to acme",
                                       "remove certificate for *.voice.localhost"));
  EXPECT_EQ(plan.steps[0].reason, "changed: domain voice.localhost -> voice.example");
  for (std::size_t i = 1; i < plan.steps.size(); ++i) {
    EXPECT_THAT(plan.steps[i].needs, Not(IsEmpty()));
  }
}

TEST(PlannerTest, KeepsTheKeyOfAStepThatIsPlannedAgain) {
  const DesiredState desired = a_desired_state({a_tenant("acme"), a_tenant("best")});
  Snapshot snapshot;
  const Plan first = plan_of(desired, snapshot);
  apply_steps(snapshot, first, {0, 1, 2, 3}, kNoon);

  const Plan second = plan_of(desired, snapshot);

  EXPECT_NE(first.id, second.id);
  const auto bind = [](const Plan& plan) {
    return std::find_if(plan.steps.begin(), plan.steps.end(),
                        [](const Step& step) {
                          return describe(step.action) == "bind listener of best on port 21002";
                        })
        ->key;
  };
  EXPECT_EQ(bind(first), bind(second));
}

TEST(PlannerTest, ChangesTheKeyWhenTheFactsHaveChanged) {
  const DesiredState desired = a_desired_state({a_tenant("acme")});
  Snapshot snapshot = settled(desired);
  lose_listener(snapshot, "acme");
  const Plan first = plan_of(desired, snapshot);
  apply_plan(snapshot, first, kNoon);
  lose_listener(snapshot, "acme");

  const Plan again = plan_of(desired, snapshot);

  EXPECT_EQ(describe(first.steps[0].action), describe(again.steps[0].action));
  EXPECT_NE(first.steps[0].key, again.steps[0].key);
}

TEST(PlannerTest, SaysWhyATenantGoesWhereItGoes) {
  DesiredState desired = a_desired_state({a_tenant("a"), a_tenant("b"), a_tenant("c")});
  desired.platform.pool_size = 2;

  const Plan plan = plan_of(desired, Snapshot{});

  EXPECT_EQ(reason_of(plan, "lend listener of b to shared-1"),
            "shared-1 serves the fewest tenants (0) of 2 shared instances");
  EXPECT_THAT(reason_of(plan, "create tenant a"), HasSubstr("desired and not recorded"));
}

}  // namespace
}  // namespace voicectl
