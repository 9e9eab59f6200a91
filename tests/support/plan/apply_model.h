// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>

#include "base/clock.h"
#include "provisioner/model/snapshot.h"
#include "provisioner/plan/action.h"

namespace voicectl {

/// What an action that succeeds changes, recorded and observed, on a world where every effect works
/// at once (provisioner/apply/simulated_effects.h). The generation rises by one.
void apply_action(Snapshot& snapshot, const Action& action, WallTime now);

/// All steps, in their order.
void apply_plan(Snapshot& snapshot, const Plan& plan, WallTime now);

/// Only the steps whose numbers are in `steps`. REQUIRES: what they need is among them.
void apply_steps(Snapshot& snapshot,
                 const Plan& plan,
                 const std::set<std::size_t>& steps,
                 WallTime now);

}  // namespace voicectl
