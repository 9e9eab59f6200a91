// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>

#include "base/random.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/model/snapshot.h"
#include "provisioner/plan/action.h"
#include "provisioner/plan/planner.h"

namespace voicectl {

/// Desired states, inputs and worlds for property tests. Few names and many draws, so that tenants
/// come and go, domains change hands and ports run short.
class PlanGenerator {
 public:
  explicit PlanGenerator(Random& random) : random_(random) {}

  DesiredState desired_state();
  PlanInputs inputs(const DesiredState& desired);

  /// Some of the plan's steps: a set that holds the needs of each of its members.
  std::set<std::size_t> some_steps(const Plan& plan);

  /// Changes what the machine shows: instances that fail, restart or vanish, listeners that are
  /// lost, an edge that stops, certificates that are removed.
  void disturb(Snapshot& snapshot);

 private:
  bool chance(std::uint64_t percent) { return random_.below(100) < percent; }
  TenantSpec tenant(const TenantId& id);

  Random& random_;
};

}  // namespace voicectl
