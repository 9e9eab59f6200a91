// SPDX-License-Identifier: Apache-2.0
#include "tests/support/plan/apply_model.h"

#include "provisioner/apply/recorded_state.h"
#include "provisioner/apply/simulated_effects.h"

namespace voicectl {

void apply_action(Snapshot& snapshot, const Action& action, WallTime now) {
  apply_change(snapshot, simulate_effect(action, snapshot, snapshot.observed, now));
  ++snapshot.generation.value;
}

void apply_plan(Snapshot& snapshot, const Plan& plan, WallTime now) {
  for (const Step& step : plan.steps) {
    apply_action(snapshot, step.action, now);
  }
}

void apply_steps(Snapshot& snapshot,
                 const Plan& plan,
                 const std::set<std::size_t>& steps,
                 WallTime now) {
  for (const std::size_t number : steps) {
    apply_action(snapshot, plan.steps.at(number).action, now);
  }
}

}  // namespace voicectl
