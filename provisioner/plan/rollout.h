// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "provisioner/model/rollout_spec.h"
#include "provisioner/model/snapshot.h"
#include "provisioner/plan/action.h"
#include "provisioner/plan/effect_forecast.h"

/// How a plan is carried out a few tenants at a time: who goes when, and which steps that takes.
/// Values only: nothing here waits or knows how a step went.
namespace voicectl {

/// Tenants that go together.
struct RolloutBatch {
  std::vector<TenantId> tenants{};
  bool is_canary = false;
  friend bool operator==(const RolloutBatch&, const RolloutBatch&) = default;
};

/// For each step of the plan the one tenant that it is done for: its own, or that of all steps that
/// need it. Absent for what is done for nobody or for several.
std::vector<std::optional<TenantId>> tenants_of_steps(const Plan& plan);

/// The tenants that the plan does something for, as they go: canaries, then the others in the order
/// of their names, those that are deleted last. A canary that nothing is done for is left out.
std::vector<RolloutBatch> batches_of(const Plan& plan, const RolloutSpec& spec);

/// Of the plan the steps for the tenants that `is_in` names, with all that those need, whoever that
/// is for; and what is done for nobody, once all that it needs is among them. The steps are
/// numbered anew; id and base stay.
Plan part_of(const Plan& plan, const std::function<bool(const TenantId&)>& is_in);

/// `desired`, but that the tenants in `held` are to be as they are recorded: as before, not there
/// yet, or not deleted yet. A domain that another tenant is to have is not theirs any more.
DesiredState held_back(const DesiredState& desired,
                       const Snapshot& snapshot,
                       const std::set<TenantId>& held);

/// Of `held` those whose making had been begun: there is nothing yet that could be kept as it is.
std::set<TenantId> begun_among(const std::set<TenantId>& held, const Snapshot& snapshot);

/// `forecast`, which is of all tenants side by side, when they go in so many batches: with the
/// pauses between them, and with what is not known of the rest.
EffectForecast rolled_out(EffectForecast forecast, std::size_t batches, const RolloutSpec& spec);

/// As render_plan_json(), with how it is rolled out.
std::string render_plan_json(const Plan& plan,
                             const EffectForecast& forecast,
                             const RolloutSpec& spec);

}  // namespace voicectl
