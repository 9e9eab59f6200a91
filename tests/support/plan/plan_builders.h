// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/random.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/model/snapshot.h"
#include "provisioner/plan/action.h"
#include "provisioner/plan/planner.h"

namespace voicectl {

/// An arbitrary fixed point: 2026-11-21T09:00:00Z.
inline constexpr WallTime kNoon{std::chrono::milliseconds(1'795'251'600'000)};

TenantId tenant_id(std::string_view text);
InstanceId instance_id(std::string_view text);
Port port(std::int64_t number);

/// A tenant of business type custom and tier auto.
TenantSpec a_tenant(std::string_view slug);
TenantSpec a_dedicated_tenant(std::string_view slug);
TenantSpec a_tenant_with_domains(std::string_view slug,
                                 std::initializer_list<std::string_view> domains);

/// Tenants are sorted by slug; everything else is the default.
DesiredState a_desired_state(std::vector<TenantSpec> tenants);

/// What the planner is told of the machine: fixed fingerprints.
PlanInputs plan_inputs();

/// make_plan at kNoon, checked to succeed.
Plan plan_of(const DesiredState& desired,
             const Snapshot& snapshot,
             const PlanInputs& inputs = plan_inputs());

/// The world after plans for `desired` were applied until nothing was left to do.
Snapshot settled(const DesiredState& desired, const PlanInputs& inputs = plan_inputs());

/// The descriptions of all steps, in order.
std::vector<std::string> texts(const Plan& plan);

/// Mutable parts of a snapshot, to make drift.
ObservedInstance& observed_instance(Snapshot& snapshot, std::string_view instance);
void lose_instance(Snapshot& snapshot, std::string_view instance);
void lose_listener(Snapshot& snapshot, std::string_view tenant);

}  // namespace voicectl
