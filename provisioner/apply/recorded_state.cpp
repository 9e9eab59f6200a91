// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/recorded_state.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace voicectl {
namespace {

void put_lease(std::vector<PortLease>& leases, const PortLease& lease) {
  const auto found = std::find_if(leases.begin(), leases.end(),
                                  [&](const PortLease& known) { return known.port == lease.port; });
  if (found == leases.end()) {
    leases.push_back(lease);
  } else {
    *found = lease;
  }
}

}  // namespace

void apply_drift_change(Snapshot& snapshot, const RecordedChange& change) {
  for (const AcceptedDrift& adoption : change.put_adoptions) {
    snapshot.adoptions.insert_or_assign(adoption.name, adoption);
  }
  for (const std::string& name : change.drop_adoptions) {
    snapshot.adoptions.erase(name);
  }
}

void apply_change(Snapshot& snapshot, const RecordedChange& change) {
  if (change.platform) {
    snapshot.platform = change.platform;
  }
  for (const RecordedTenant& tenant : change.put_tenants) {
    snapshot.tenants.insert_or_assign(tenant.spec.tenant, tenant);
  }
  for (const TenantId& tenant : change.drop_tenants) {
    snapshot.tenants.erase(tenant);
  }
  for (const RecordedInstance& instance : change.put_instances) {
    snapshot.instances.insert_or_assign(instance.instance, instance);
  }
  for (const InstanceId& instance : change.drop_instances) {
    snapshot.instances.erase(instance);
  }
  for (const PortLease& lease : change.put_leases) {
    put_lease(snapshot.leases, lease);
  }
  for (const Port port : change.drop_leases) {
    std::erase_if(snapshot.leases, [&](const PortLease& lease) { return lease.port == port; });
  }
  if (change.edge_fingerprint) {
    snapshot.edge_fingerprint = *change.edge_fingerprint;
  }
  if (change.programs) {
    snapshot.programs = *change.programs;
  }
  apply_drift_change(snapshot, change);
}

bool is_empty(const RecordedChange& change) {
  return !change.platform && change.put_tenants.empty() && change.drop_tenants.empty() &&
         change.put_instances.empty() && change.drop_instances.empty() &&
         change.put_leases.empty() && change.drop_leases.empty() && !change.edge_fingerprint &&
         !change.programs && change.put_api_keys.empty() && change.put_written.empty() &&
         change.put_adoptions.empty() && change.drop_adoptions.empty();
}

RecordedState::Sight RecordedState::lend(ObservedState observed) {
  VC_CHECK(!std::exchange(is_lent_, true), "the recorded state is lent to one at a time");
  snapshot_.observed = std::move(observed);
  return Sight(*this);
}

void RecordedState::take_back() {
  snapshot_.observed = {};
  is_lent_ = false;
}

void RecordedState::acknowledge(const RecordedChange& change, Generation generation) {
  VC_CHECK(!is_lent_, "who was lent the recorded state sees it change");
  apply_change(snapshot_, change);
  ++version_;
  snapshot_.generation = std::max(snapshot_.generation, generation);
  // One may leave while it is told.
  const auto watchers = watchers_;
  for (const auto& [id, on_change] : watchers) {
    on_change();
  }
}

WatcherId RecordedState::watch(std::function<void()> on_change) {
  const WatcherId id{next_watcher_++};
  watchers_.emplace(id, std::move(on_change));
  return id;
}

const RecordedTenant* RecordedState::find_tenant(const TenantId& tenant) const {
  const auto found = snapshot_.tenants.find(tenant);
  return found == snapshot_.tenants.end() ? nullptr : &found->second;
}

const RecordedInstance* RecordedState::find_instance(const InstanceId& instance) const {
  const auto found = snapshot_.instances.find(instance);
  return found == snapshot_.instances.end() ? nullptr : &found->second;
}

std::vector<TenantId> RecordedState::tenants_of(const InstanceId& instance) const {
  std::vector<TenantId> out;
  for (const auto& [tenant, recorded] : snapshot_.tenants) {
    if (recorded.placement == instance) {
      out.push_back(tenant);
    }
  }
  return out;
}

}  // namespace voicectl
