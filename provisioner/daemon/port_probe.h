// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>

#include "base/os/listener_factory.h"
#include "provisioner/plan/action.h"
#include "provisioner/plan/planner.h"

namespace voicectl {

/// Finds out which ports other programs hold: by binding those that a plan would bind, and letting
/// them go again. The whole range is never tried, only what is to be bound now.
///
/// THREADS: loop thread only.
class PortProbe {
 public:
  /// OWNS nothing: `listeners` must outlive it.
  explicit PortProbe(ListenerFactory& listeners) : listeners_(listeners) {}

  /// Plans with what `seen` knows of other programs' ports, to which is added, in a copy, until the
  /// plan binds none of them.
  /// ERRORS: as make_plan.
  Result<Plan> plan_around(const DesiredState& desired,
                           const Snapshot& seen,
                           const PlanInputs& inputs,
                           WallTime now) const;

 private:
  class Search;

  ListenerFactory& listeners_;
};

}  // namespace voicectl
