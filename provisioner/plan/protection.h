// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/plan/action.h"

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

/// What whoever asks for an apply has agreed to, beyond the plan.
struct Agreement {
  /// Most tenants that it may delete.
  std::size_t deletions = 0;
  /// Confirmations of severe acts.
  std::vector<std::string> words{};
};

/// Whether `plan`, with the severe acts that go with it, is agreed to. A plan without a step is.
/// ERRORS: kPermissionDenied, saying what is missing.
Status check_agreement(const Plan& plan,
                       const std::vector<SevereAct>& severe,
                       const Agreement& agreement);

}  // namespace voicectl
