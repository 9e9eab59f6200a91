// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>

#include "base/clock.h"
#include "provisioner/model/snapshot.h"
#include "provisioner/plan/action.h"

namespace voicectl {

/// How a plan ended that was carried out nowhere.
struct SimulatedRun {
  /// Recorded and observed state afterwards.
  Snapshot after;
  Duration took{0};
};

/// Has `plan` carried out by the executor that carries out all plans, on a copy of `before`, on a
/// loop with a time of its own, with effects that all work and take as long as `time_of` says.
///
/// So needs, subjects and the limits of what goes side by side count as they do in earnest.
SimulatedRun simulate_run(const Plan& plan,
                          Snapshot before,
                          WallTime now,
                          const std::function<Duration(const Action&)>& time_of,
                          std::size_t moves_at_once);

}  // namespace voicectl
