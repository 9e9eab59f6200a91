// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/plan/ownership.h"
#include "tests/support/plan/apply_model.h"
#include "tests/support/plan/plan_builders.h"
#include "tests/support/plan/plan_generator.h"
#include "tests/support/plan/schema_check.h"
#include "tests/support/random_seed.h"

namespace voicectl {
namespace {

using ::testing::IsEmpty;

TEST(PlanSchemaTest, HoldsForEveryRenderedPlan) {
  SeededRandom random = make_test_random();
  PlanGenerator generator(random);
  Snapshot snapshot;
  for (int turn = 0; turn < 20; ++turn) {
    const DesiredState desired = generator.desired_state();
    const Plan plan = plan_of(desired, snapshot, generator.inputs(desired));
    SchemaCheck check("plan.schema.json");
    check.check(*parse_json(render_plan_json(plan), JsonBudget{.bytes = 16U << 20}));
    ASSERT_THAT(check.problems, IsEmpty());
    apply_steps(snapshot, plan, generator.some_steps(plan), kNoon);
    generator.disturb(snapshot);
  }
}

TEST(PlanSchemaTest, HoldsForAPlanThatTellsOfOwners) {
  const FieldClaim claim{3, kNoon, "ann", "tenant promote acme"};
  OwnershipReport report;
  report.conflicts.add({"tenants[acme].tier", "\"dedicated\"", "\"pooled\"", claim});
  report.conflicts.add({"tenants[acme].limits.webhooks", "7", "null", claim, "it is too much"});
  report.kept.add({"tenants[luigi]", "", "", claim});
  report.taken.add({"platform.monitor.marks.starter.high_p99_ms", "200", "", std::nullopt});
  report.taken.add({"tenants[acme].menu", "[" + std::string(5000, ' ') + "]", "[]", std::nullopt});
  SchemaCheck check("plan.schema.json");

  check.check(*parse_json(
      with_ownership(render_plan_json(plan_of(a_desired_state({}), Snapshot{})), report)));

  EXPECT_THAT(check.problems, IsEmpty());
}

TEST(PlanSchemaTest, WouldNoticeAStepWithoutItsReason) {
  Json plan = *parse_json(render_plan_json(plan_of(a_desired_state({}), Snapshot{})));
  plan["steps"][0].erase("reason");
  plan["steps"][1]["kind"] = "do_something";
  SchemaCheck check("plan.schema.json");

  check.check(plan);

  EXPECT_EQ(check.problems.size(), 2U);
}

TEST(PlanSchemaTest, NamesEveryKindOfAction) {
  const Json kinds =
      load_schema("plan.schema.json")["properties"]["steps"]["items"]["properties"]["kind"]["enum"];

  EXPECT_EQ(kinds.size(), std::variant_size_v<Action>);
}

}  // namespace
}  // namespace voicectl
