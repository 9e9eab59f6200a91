// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "provisioner/model/desired_state.h"

namespace voicectl {

/// Whether `wanted` may follow `before`, the desired state as last accepted: a tenant that is
/// protected there is neither deleted nor taken off an instance of its own. Who wants that says
/// `protect: false` first.
/// ERRORS: kPermissionDenied, naming the tenants.
Status check_protection(const std::optional<DesiredState>& before, const DesiredState& wanted);

/// A change that every tenant's customers would feel at once.
struct SevereAct {
  /// What it does, for people.
  std::string what;
  /// The word that has to be typed for it.
  std::string confirmation;
};

/// Those of going from `before`, as recorded, to `wanted`: another domain, another session store.
/// Deletions are counted by the plan.
std::vector<SevereAct> severe_acts(const std::optional<PlatformSpec>& before,
                                   const PlatformSpec& wanted);

}  // namespace voicectl
