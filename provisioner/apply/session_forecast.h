// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "provisioner/model/snapshot.h"
#include "provisioner/plan/action.h"
#include "provisioner/plan/effect_forecast.h"

namespace voicectl {

/// Says in `forecast` what becomes of the live sessions of each tenant when `plan` is carried out
/// on `before`, and which WebSockets that moves and drops. REQUIRES: its count of reloads is set.
void forecast_sessions(const Plan& plan,
                       const Snapshot& before,
                       const LiveLoad& load,
                       EffectForecast& forecast);

}  // namespace voicectl
