// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "provisioner/daemon/load_feed.h"
#include "provisioner/plan/effect_forecast.h"

namespace voicectl {

/// What was sampled, as far as a forecast needs it.
LiveLoad live_load(const LoadView& view);

}  // namespace voicectl
