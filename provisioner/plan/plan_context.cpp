// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/plan_context.h"

namespace voicectl {

std::string holder_of(const TenantId& tenant) {
  return "tenant/" + tenant.str();
}

std::string holder_of(const InstanceId& instance) {
  return "instance/" + instance.str();
}

Result<PlanContext> PlanContext::make(const DesiredState& desired,
                                      const Snapshot& snapshot,
                                      const PlanInputs& inputs,
                                      WallTime now) {
  VC_TRY(const Port first, Port::make(desired.platform.first_port));
  VC_TRY(const Port last, Port::make(desired.platform.last_port));
  VC_TRY(const PortRange range, PortRange::make(first, last));
  PortAllocator allocator(range, snapshot.leases, now, kPortQuarantine);
  for (const auto& [name, tenant] : snapshot.tenants) {
    if (tenant.port) {
      allocator.reserve(*tenant.port);
    }
  }
  for (const auto& [name, instance] : snapshot.instances) {
    allocator.reserve(instance.admin_port);
  }
  for (const Port port : snapshot.observed.foreign_ports) {
    allocator.block(port);
  }
  return PlanContext(desired, snapshot, inputs, now, std::move(allocator));
}

PlanContext::PlanContext(const DesiredState& desired,
                         const Snapshot& snapshot,
                         const PlanInputs& inputs,
                         WallTime now,
                         PortAllocator allocator)
    : ports(std::move(allocator)),
      desired_(&desired),
      snapshot_(&snapshot),
      inputs_(&inputs),
      now_(now),
      listeners_(snapshot.observed.listeners.begin(), snapshot.observed.listeners.end()) {
  for (const ObservedInstance& instance : snapshot.observed.instances) {
    observed_.emplace(instance.instance, &instance);
  }
  for (const RecordedCertificate& certificate : snapshot.observed.certificates) {
    certificates_.emplace(certificate.name, certificate.not_after);
  }
}

const RecordedTenant* PlanContext::find_recorded(const TenantId& tenant) const {
  const auto found = snapshot_->tenants.find(tenant);
  return found == snapshot_->tenants.end() ? nullptr : &found->second;
}

const RecordedInstance* PlanContext::find_recorded(const InstanceId& instance) const {
  const auto found = snapshot_->instances.find(instance);
  return found == snapshot_->instances.end() ? nullptr : &found->second;
}

const ObservedInstance* PlanContext::find_observed(const InstanceId& instance) const {
  const auto found = observed_.find(instance);
  return found == observed_.end() ? nullptr : found->second;
}

std::optional<WallTime> PlanContext::certificate_end(const std::string& name) const {
  const auto found = certificates_.find(name);
  return found == certificates_.end() ? std::nullopt : std::optional(found->second);
}

const DriftFinding* PlanContext::find_lost_socket(const TenantId& tenant) const {
  for (const DriftFinding& finding : snapshot_->observed.drift) {
    if (finding.repair == DriftRepair::kBind && finding.tenant == tenant) {
      return &finding;
    }
  }
  return nullptr;
}

const DriftFinding* PlanContext::find_edge_drift() const {
  for (const DriftFinding& finding : snapshot_->observed.drift) {
    if (finding.repair == DriftRepair::kPublishEdge) {
      return &finding;
    }
  }
  return nullptr;
}

}  // namespace voicectl
