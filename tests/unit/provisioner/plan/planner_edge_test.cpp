// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/support/plan/apply_model.h"
#include "tests/support/plan/plan_builders.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

DesiredState a_static_edge(std::vector<TenantSpec> tenants) {
  DesiredState desired = a_desired_state(std::move(tenants));
  desired.platform.edge.mode = EdgeMode::kStatic;
  return desired;
}

PlanInputs with_edge(std::string fingerprint) {
  PlanInputs inputs = plan_inputs();
  inputs.edge_fingerprint = std::move(fingerprint);
  return inputs;
}

std::vector<std::string> needs_of(const Plan& plan, std::string_view text) {
  std::vector<std::string> out;
  for (const Step& step : plan.steps) {
    if (describe(step.action) == text) {
      for (const std::size_t need : step.needs) {
        out.push_back(describe(plan.steps[need].action));
      }
    }
  }
  return out;
}

TEST(PlannerEdgeTest, PublishesAChangedConfigurationAndCountsTheReload) {
  const DesiredState desired = a_desired_state({});
  const Snapshot snapshot = settled(desired);

  const Plan plan = plan_of(desired, snapshot, with_edge("edge-2"));

  EXPECT_THAT(texts(plan), ElementsAre("publish edge configuration edge-2"));
  EXPECT_EQ(plan.steps[0].reason, "the edge configuration changes from edge-1 to edge-2");
  EXPECT_EQ(plan.summary.edge_reloads, 1U);
}

TEST(PlannerEdgeTest, StartsAnEdgeThatDoesNotRun) {
  const DesiredState desired = a_desired_state({});
  Snapshot snapshot = settled(desired);
  snapshot.observed.edge_fingerprint.clear();

  const Plan plan = plan_of(desired, snapshot);

  EXPECT_THAT(texts(plan), ElementsAre("publish edge configuration edge-1"));
  EXPECT_EQ(plan.steps[0].reason, "drift: the edge does not run");
  EXPECT_EQ(plan.summary.edge_reloads, 0U);
}

TEST(PlannerEdgeTest, StopsTheEdgeInModeNone) {
  DesiredState desired = a_desired_state({a_tenant("acme")});
  const Snapshot snapshot = settled(desired);
  desired.platform.edge.mode = EdgeMode::kNone;

  EXPECT_THAT(texts(plan_of(desired, snapshot, with_edge(""))),
              ElementsAre("record the settings of platform voice.localhost", "stop the edge"));
}

TEST(PlannerEdgeTest, OrdersNoCertificateWithoutAnEdge) {
  DesiredState desired = a_desired_state({a_tenant_with_domains("acme", {"acme.example"})});
  desired.platform.edge.mode = EdgeMode::kNone;

  EXPECT_EQ(plan_of(desired, Snapshot{}, with_edge("")).summary.certificates, 0U);
}

TEST(PlannerEdgeTest, RenewsACertificateThatEndsSoonWithoutAReload) {
  const DesiredState desired = a_desired_state({a_tenant("acme")});
  Snapshot snapshot = settled(desired);
  snapshot.observed.certificates[0].not_after = kNoon + std::chrono::hours(24 * 9);

  const Plan plan = plan_of(desired, snapshot);

  EXPECT_THAT(texts(plan), ElementsAre("issue certificate for *.voice.localhost"));
  EXPECT_EQ(plan.summary.edge_reloads, 0U);
}

TEST(PlannerEdgeTest, RoutesWhatItCanBeforeTheCertificateOfADomainIsThere) {
  const DesiredState before = a_desired_state({a_tenant("acme")});
  const DesiredState after = a_desired_state({a_tenant_with_domains("acme", {"acme.example"})});

  const Plan fresh = plan_of(after, Snapshot{});
  const Plan added = plan_of(after, settled(before));

  EXPECT_THAT(needs_of(fresh, "route acme.voice.localhost to acme"),
              ElementsAre("publish edge configuration edge-1", "create tenant acme",
                          "lend listener of acme to shared-0"));
  EXPECT_THAT(needs_of(fresh, "route acme.voice.localhost, acme.example to acme"),
              ::testing::Contains("issue certificate for acme.example"));
  EXPECT_THAT(texts(added), ElementsAre("update tenant acme to generation 2",
                                        "issue certificate for acme.example",
                                        "route acme.voice.localhost, acme.example to acme"));
}

TEST(PlannerEdgeTest, PassesADomainOnOnlyAfterItWasGivenUp) {
  const Snapshot snapshot =
      settled(a_desired_state({a_tenant("new"), a_tenant_with_domains("old", {"shop.example"})}));

  const Plan plan = plan_of(
      a_desired_state({a_tenant_with_domains("new", {"shop.example"}), a_tenant("old")}), snapshot);

  EXPECT_THAT(needs_of(plan, "route new.voice.localhost, shop.example to new"),
              ::testing::Contains("route old.voice.localhost to old"));
}

TEST(PlannerEdgeTest, LetsTwoTenantsSwapTheirDomains) {
  Snapshot snapshot = settled(a_desired_state(
      {a_tenant_with_domains("a", {"one.example"}), a_tenant_with_domains("b", {"two.example"})}));
  const DesiredState swapped = a_desired_state(
      {a_tenant_with_domains("a", {"two.example"}), a_tenant_with_domains("b", {"one.example"})});

  const Plan plan = plan_of(swapped, snapshot);
  apply_plan(snapshot, plan, kNoon);

  EXPECT_THAT(needs_of(plan, "route a.voice.localhost, two.example to a"),
              ::testing::Contains("route b.voice.localhost to b"));
  EXPECT_THAT(needs_of(plan, "route b.voice.localhost, one.example to b"),
              ::testing::Contains("route a.voice.localhost to a"));
  EXPECT_THAT(texts(plan_of(swapped, snapshot)), IsEmpty());
}

TEST(PlannerEdgeTest, PublishesAStaticEdgeAfterTheTenantsAreRecorded) {
  const Snapshot snapshot = settled(a_static_edge({a_tenant("old")}));

  const Plan plan = plan_of(a_static_edge({a_tenant("new")}), snapshot, with_edge("edge-2"));

  EXPECT_THAT(needs_of(plan, "publish edge configuration edge-2"),
              ElementsAre("withdraw routes of old", "create tenant new"));
  EXPECT_THAT(needs_of(plan, "reclaim listener of old from shared-0"),
              ElementsAre("withdraw routes of old", "publish edge configuration edge-2"));
  EXPECT_THAT(needs_of(plan, "route new.voice.localhost to new"),
              ::testing::Contains("publish edge configuration edge-2"));
}

TEST(PlannerEdgeTest, GivesAStaticEdgeATenantWhoseDeletionHadBegun) {
  const DesiredState desired = a_static_edge({a_tenant("acme")});
  Snapshot snapshot = settled(desired);
  RecordedTenant& tenant = snapshot.tenants.at(tenant_id("acme"));
  tenant.phase = TenantPhase::kDeleting;
  tenant.routes.clear();
  snapshot.edge_fingerprint = "edge-0";
  snapshot.observed.edge_fingerprint = "edge-0";

  const Plan plan = plan_of(desired, snapshot);

  EXPECT_THAT(texts(plan),
              ElementsAre("update tenant acme to generation 1", "publish edge configuration edge-1",
                          "route acme.voice.localhost to acme"));
  EXPECT_EQ(plan.steps[0].reason, "it was being deleted and is desired again");
  EXPECT_THAT(needs_of(plan, "publish edge configuration edge-1"),
              ElementsAre("update tenant acme to generation 1"));
}

TEST(PlannerEdgeTest, AStaticEdgeWaitsForNoInstanceOfATenantThatIsBack) {
  const DesiredState before = a_static_edge({a_tenant("acme")});
  Snapshot snapshot = settled(before);
  snapshot.tenants.at(tenant_id("acme")).phase = TenantPhase::kDeleting;
  DesiredState desired = before;
  desired.tenants[0].name = "Renamed";

  const Plan plan = plan_of(desired, snapshot, with_edge("edge-2"));

  EXPECT_THAT(needs_of(plan, "publish edge configuration edge-2"),
              ElementsAre("update tenant acme to generation 1"));
  EXPECT_THAT(needs_of(plan, "update tenant acme to generation 2"),
              ElementsAre("update tenant acme to generation 1"));
}

TEST(PlannerEdgeTest, NeverReloadsADynamicEdgeForATenant) {
  const Snapshot snapshot = settled(a_desired_state({a_tenant("old")}));

  const Plan plan = plan_of(
      a_desired_state({a_tenant_with_domains("new", {"new.example"}), a_dedicated_tenant("big")}),
      snapshot);

  EXPECT_EQ(plan.summary.edge_reloads, 0U);
}

}  // namespace
}  // namespace voicectl
