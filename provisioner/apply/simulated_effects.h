// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "provisioner/model/snapshot.h"
#include "provisioner/plan/action.h"
#include "provisioner/registry/registry.h"

namespace voicectl {

/// How long a certificate of the simulation is good for.
inline constexpr std::chrono::hours kSimulatedCertificateLife{24 * 90};

/// What `action` changes in a world where every effect works: the contract of action.h as code. It
/// returns what is recorded, as the action's handler would, and changes in `observed` what the
/// machine shows afterwards.
RecordedChange simulate_effect(const Action& action,
                               const Snapshot& recorded,
                               ObservedState& observed,
                               WallTime now);

}  // namespace voicectl
