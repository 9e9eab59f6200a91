// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "provisioner/plan/plan_draft.h"
#include "provisioner/plan/planner.h"
#include "provisioner/plan/port_allocator.h"

namespace voicectl {

/// What every theme of a plan reads, with the observed part indexed, and the draft that they share.
/// The references must outlive it.
class PlanContext {
 public:
  /// ERRORS: kInvalidArgument if the desired port range is none.
  static Result<PlanContext> make(const DesiredState& desired,
                                  const Snapshot& snapshot,
                                  const PlanInputs& inputs,
                                  WallTime now);

  const DesiredState& desired() const { return *desired_; }
  const Snapshot& snapshot() const { return *snapshot_; }
  const PlanInputs& inputs() const { return *inputs_; }
  WallTime now() const { return now_; }

  /// Null if it is not recorded.
  const RecordedTenant* find_recorded(const TenantId& tenant) const;
  const RecordedInstance* find_recorded(const InstanceId& instance) const;
  /// Null if the machine does not show it.
  const ObservedInstance* find_observed(const InstanceId& instance) const;
  bool has_listener(const TenantId& tenant) const { return listeners_.contains(tenant); }
  /// Placed on an instance that is ready and does not have it.
  bool is_unserved(const TenantId& tenant) const {
    return snapshot_->observed.unserved.contains(tenant);
  }
  /// Its instance may accept where nobody comes any more.
  bool is_rebound(const TenantId& tenant) const {
    return snapshot_->observed.rebound.contains(tenant);
  }
  /// Somebody took its socket away, although its listener is held.
  bool has_lost_socket(const TenantId& tenant) const { return find_lost_socket(tenant) != nullptr; }
  const DriftFinding* find_lost_socket(const TenantId& tenant) const;
  /// What is wrong with the edge's configuration on disk; null if nothing is.
  const DriftFinding* find_edge_drift() const;
  /// Its instance has an older configuration than the recorded one.
  bool is_outdated(const TenantId& tenant) const {
    return snapshot_->observed.outdated.contains(tenant);
  }
  /// Another program holds it.
  bool is_foreign(Port port) const { return snapshot_->observed.foreign_ports.contains(port); }
  /// When the certificate on disk ends; nullopt without one.
  std::optional<WallTime> certificate_end(const std::string& name) const;

  PortAllocator ports;
  PlanDraft draft;

 private:
  PlanContext(const DesiredState& desired,
              const Snapshot& snapshot,
              const PlanInputs& inputs,
              WallTime now,
              PortAllocator allocator);

  const DesiredState* desired_;
  const Snapshot* snapshot_;
  const PlanInputs* inputs_;
  WallTime now_;
  std::map<InstanceId, const ObservedInstance*> observed_;
  std::set<TenantId> listeners_;
  std::map<std::string, WallTime> certificates_;
};

/// Holders of port leases.
std::string holder_of(const TenantId& tenant);
std::string holder_of(const InstanceId& instance);

}  // namespace voicectl
