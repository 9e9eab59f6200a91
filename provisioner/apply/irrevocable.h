// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "provisioner/model/snapshot.h"
#include "provisioner/plan/action.h"
#include "provisioner/plan/effect_forecast.h"

namespace voicectl {

/// What of the plan no later plan takes back, and why; the rest can be undone by applying the
/// revision before. `before` is the state that it was planned for. REQUIRES: of `forecast` all but
/// this and what comes behind it.
std::vector<Irrevocable> irrevocable_in(const Plan& plan,
                                        const Snapshot& before,
                                        const EffectForecast& forecast);

}  // namespace voicectl
