// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/model/snapshot.h"
#include "provisioner/plan/action.h"

namespace voicectl {

/// How long a released port may not be leased again: longer than TIME_WAIT and any late packet.
inline constexpr std::chrono::minutes kPortQuarantine{10};

/// What the planner must know of the machine beside the snapshot. Values, so that a plan repeats.
struct PlanInputs {
  /// Of the program that new instances are started with while no upgrade says otherwise. Instances
  /// of another one go on: an upgrade replaces them, and nothing else does.
  std::string instance_fingerprint;
  /// Hash of the edge configuration that the desired platform (in static mode: and the tenants)
  /// gives; empty for edge mode none.
  std::string edge_fingerprint;
  /// Processor time that tenants use, in thousandths of a processor, as it was measured over some
  /// minutes; who is not named was not measured. New tenants go where it adds up to the least.
  std::map<TenantId, std::uint32_t> loads{};
  /// Certificates that end before this point are made again.
  Duration renew_before = std::chrono::hours(24 * 10);
};

/// Compares what is asked with what is recorded and what is observed, and says what to do.
///
/// Pure and deterministic: the same inputs give the same plan, byte for byte. An applied plan
/// leaves an empty plan. For each tenant: data, instance, listener, placement, certificate and
/// then routes; on the way out the other way round. New instances are ready before tenants move to
/// them, and an old one stops when its last tenant has left.
/// ERRORS: kResourceExhausted when the port range is full.
Result<Plan> make_plan(const DesiredState& desired,
                       const Snapshot& snapshot,
                       const PlanInputs& inputs,
                       WallTime now);

}  // namespace voicectl
