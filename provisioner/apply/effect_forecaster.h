// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/clock.h"
#include "provisioner/apply/action_times.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/model/snapshot.h"
#include "provisioner/plan/action.h"
#include "provisioner/plan/effect_forecast.h"
#include "provisioner/plan/planner.h"

namespace voicectl {

/// Memory of an instance that has just started, where no instance runs that could be measured: as
/// ./run bench runtime finds a fresh process, rounded up.
inline constexpr Bytes kFreshInstance{10U << 20};

/// Whether it is asked what a plan after this one would still have to do.
enum class LookFurther { kNo, kYes };

/// Everything that a forecast is made from. Values, so that it repeats.
struct ForecastInputs {
  const DesiredState& desired;
  /// What the plan was made for.
  const Snapshot& snapshot;
  const PlanInputs& planner;
  const LiveLoad& load;
  const ActionTimes& times;
  OrderLimit limit{};
  /// How long a worker of nginx that is replaced keeps its connections.
  Duration linger{0};
  WallTime now{};
  std::size_t moves_at_once = 1;
  LookFurther look_further = LookFurther::kYes;
};

/// What carrying out `plan` will do, in numbers and by name.
///
/// The plan is carried out by the executor on a copy of the state, with effects that all work
/// (simulate_run()), and the planner is asked again about what that leaves. What a count says is
/// read off the two states, exactly as it is afterwards off the machine.
EffectForecast forecast_effect(const Plan& plan, const ForecastInputs& inputs);

}  // namespace voicectl
