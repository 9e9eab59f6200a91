// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "provisioner/apply/effect_forecaster.h"
#include "tests/support/plan/apply_model.h"
#include "tests/support/plan/plan_builders.h"

namespace voicectl {
namespace {

DesiredState many_tenants(std::size_t count) {
  std::vector<TenantSpec> tenants;
  for (std::size_t i = 0; i < count; ++i) {
    tenants.push_back(i % 10 == 0 ? a_dedicated_tenant("tenant-" + std::to_string(i))
                                  : a_tenant("tenant-" + std::to_string(i)));
    for (int item = 0; item < 50; ++item) {
      tenants.back().menu.push_back(MenuItem{.name = "Item " + std::to_string(item)});
    }
  }
  DesiredState desired = a_desired_state(std::move(tenants));
  desired.platform.pool_size = 4;
  return desired;
}

/// Best of several, in milliseconds: what the code costs, not what the machine was doing.
template <typename Work>
double best_of(int tries, const Work& work) {
#ifndef NDEBUG
  tries = 1;  // nobody reads the time of an unoptimised build
#endif
  double best = 1e9;
  for (int i = 0; i < tries; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count());
  }
  return best;
}

TEST(PlannerBench, PlansAThousandTenants) {
  const DesiredState desired = many_tenants(1000);
  Snapshot snapshot;
  Plan first = plan_of(a_desired_state({}), snapshot);
  const double all = best_of(1, [&] { first = plan_of(desired, snapshot); });
  apply_plan(snapshot, first, kNoon);

  const double nothing = best_of(10, [&] { (void)plan_of(desired, snapshot); });

  std::printf(
      "1,000 tenants with 50 menu items: first plan (%zu steps) %.1f ms, nothing to do %.2f ms\n",
      first.steps.size(), all, nothing);
#ifdef NDEBUG
  EXPECT_LT(nothing, 50.0);
#endif
}

TEST(PlannerBench, ForecastsAThousandTenants) {
  const DesiredState desired = many_tenants(1000);
  const PlanInputs inputs = plan_inputs();
  const LiveLoad load;
  const ActionTimes times;
  Snapshot snapshot;
  const auto forecast = [&](const Plan& plan, const DesiredState& wanted) {
    return forecast_effect(plan, ForecastInputs{.desired = wanted,
                                                .snapshot = snapshot,
                                                .planner = inputs,
                                                .load = load,
                                                .times = times,
                                                .now = kNoon});
  };
  const Plan first = plan_of(desired, snapshot);
  const double all = best_of(3, [&] { (void)forecast(first, desired); });
  apply_plan(snapshot, first, kNoon);
  DesiredState edited = desired;
  for (std::size_t i = 0; i < 10; ++i) {
    edited.tenants[i].phone = "+1 555 0100";
  }
  const Plan ten = plan_of(edited, snapshot);

  const double few = best_of(5, [&] { (void)forecast(ten, edited); });

  std::printf(
      "1,000 tenants: forecast of the first plan (%zu steps) %.1f ms, of %zu changes %.1f ms\n",
      first.steps.size(), all, ten.steps.size(), few);
#ifdef NDEBUG
  EXPECT_LT(few, 50.0);
#endif
}

}  // namespace
}  // namespace voicectl
