// SPDX-License-Identifier: Apache-2.0
#include "tests/support/plan/apply_model.h"

#include <algorithm>

namespace voicectl {
namespace {

void put_lease(Snapshot& snapshot, const PortLease& lease) {
  std::erase_if(snapshot.leases, [&](const PortLease& l) { return l.port == lease.port; });
  snapshot.leases.push_back(lease);
}

void release_leases(Snapshot& snapshot, const std::string& holder, WallTime now) {
  for (PortLease& lease : snapshot.leases) {
    if (lease.holder == holder && !lease.released_at) {
      lease.released_at = now;
    }
  }
}

/// The world of one action.
class Effects {
 public:
  Effects(Snapshot& snapshot, WallTime now) : snapshot_(snapshot), now_(now) {}

  void operator()(const SetPlatform& a) {
    snapshot_.platform = a.platform;
    snapshot_.observed.has_new_key = false;
  }
  void operator()(const InstallKey& a) {
    if (a.tenant) {
      snapshot_.observed.new_credentials.erase(*a.tenant);
    } else {
      snapshot_.observed.has_new_key = false;
    }
  }
  void operator()(const CreateTenant& a) {
    snapshot_.tenants.insert_or_assign(a.spec.tenant,
                                       RecordedTenant{.spec = a.spec,
                                                      .phase = TenantPhase::kCreating,
                                                      .generation = Generation{1},
                                                      .port = std::nullopt,
                                                      .has_data = false,
                                                      .has_listener = false,
                                                      .placement = std::nullopt,
                                                      .token = {},
                                                      .routes = {},
                                                      .created_at = now_});
  }
  void operator()(const UpdateTenant& a) {
    RecordedTenant& tenant = snapshot_.tenants.at(a.spec.tenant);
    tenant.spec = a.spec;
    tenant.generation = a.generation;
    if (a.spec.tier != Tier::kAuto) {
      tenant.wish.reset();
    }
    snapshot_.observed.outdated.erase(a.spec.tenant);
  }
  void operator()(const DeleteTenant& a) {
    snapshot_.tenants.erase(a.tenant);
    snapshot_.observed.new_credentials.erase(a.tenant);
  }
  void operator()(const RecordWish& a) {
    snapshot_.tenants.at(a.tenant).wish =
        a.reason ? std::optional(PromotionWish{*a.reason, now_}) : std::nullopt;
  }
  void operator()(const PrepareTenantData& a) {
    RecordedTenant& tenant = snapshot_.tenants.at(a.tenant);
    tenant.has_data = true;
    tenant.generation = a.generation;
  }
  void operator()(const RetireTenantData& a) { snapshot_.tenants.at(a.tenant).has_data = false; }
  void operator()(const StartInstance& a) {
    release_leases(snapshot_, "instance/" + a.instance.str(), now_);
    snapshot_.instances.insert_or_assign(
        a.instance, RecordedInstance{a.instance, a.kind, a.admin_port, a.fingerprint, now_});
    put_lease(snapshot_, PortLease{a.admin_port, "instance/" + a.instance.str(), std::nullopt});
    forget_observed(a.instance);
    snapshot_.observed.instances.push_back(ObservedInstance{a.instance, true, false});
  }
  void operator()(const StopInstance& a) {
    snapshot_.instances.erase(a.instance);
    release_leases(snapshot_, "instance/" + a.instance.str(), now_);
    forget_observed(a.instance);
  }
  void operator()(const RetireInstance& a) {
    snapshot_.instances.at(a.instance).fate = InstanceFate::kRetired;
  }
  void operator()(const SetPrograms& a) {
    snapshot_.programs = a.programs;
    for (const auto& [instance, fate] : a.fates) {
      snapshot_.instances.at(instance).fate = fate;
    }
  }
  void operator()(const BindListener& a) {
    RecordedTenant& tenant = snapshot_.tenants.at(a.tenant);
    tenant.has_listener = true;
    tenant.port = a.port;
    tenant.placement = std::nullopt;
    release_leases(snapshot_, "tenant/" + a.tenant.str(), now_);
    put_lease(snapshot_, PortLease{a.port, "tenant/" + a.tenant.str(), std::nullopt});
    std::erase(snapshot_.observed.listeners, a.tenant);
    snapshot_.observed.listeners.push_back(a.tenant);
  }
  void operator()(const ReleaseListener& a) {
    RecordedTenant& tenant = snapshot_.tenants.at(a.tenant);
    tenant.has_listener = false;
    tenant.port = std::nullopt;
    release_leases(snapshot_, "tenant/" + a.tenant.str(), now_);
    std::erase(snapshot_.observed.listeners, a.tenant);
  }
  void operator()(const LendListener& a) {
    RecordedTenant& tenant = snapshot_.tenants.at(a.tenant);
    tenant.placement = a.instance;
    ++tenant.token.value;
    snapshot_.observed.unserved.erase(a.tenant);
    snapshot_.observed.outdated.erase(a.tenant);
  }
  void operator()(const ReclaimListener& a) {
    RecordedTenant& tenant = snapshot_.tenants.at(a.tenant);
    tenant.placement = std::nullopt;
    ++tenant.token.value;
  }
  void operator()(const IssueCertificate& a) {
    std::erase_if(snapshot_.observed.certificates,
                  [&](const RecordedCertificate& c) { return c.name == a.name; });
    snapshot_.observed.certificates.push_back(
        RecordedCertificate{a.name, now_ + kModelCertificateLife});
  }
  void operator()(const RemoveCertificate& a) {
    std::erase_if(snapshot_.observed.certificates,
                  [&](const RecordedCertificate& c) { return c.name == a.name; });
  }
  void operator()(const PublishEdge& a) {
    snapshot_.edge_fingerprint = a.fingerprint;
    snapshot_.observed.edge_fingerprint = a.fingerprint;
  }
  void operator()(const PublishRoute& a) {
    RecordedTenant& tenant = snapshot_.tenants.at(a.tenant);
    tenant.routes = a.hosts;
    tenant.phase = TenantPhase::kServing;
  }
  void operator()(const WithdrawRoute& a) {
    RecordedTenant& tenant = snapshot_.tenants.at(a.tenant);
    tenant.routes.clear();
    tenant.phase = TenantPhase::kDeleting;
  }

 private:
  void forget_observed(const InstanceId& instance) {
    std::erase_if(snapshot_.observed.instances,
                  [&](const ObservedInstance& i) { return i.instance == instance; });
  }

  Snapshot& snapshot_;
  WallTime now_;
};

}  // namespace

void apply_action(Snapshot& snapshot, const Action& action, WallTime now) {
  std::visit(Effects(snapshot, now), action);
  ++snapshot.generation.value;
}

void apply_plan(Snapshot& snapshot, const Plan& plan, WallTime now) {
  for (const Step& step : plan.steps) {
    apply_action(snapshot, step.action, now);
  }
}

void apply_steps(Snapshot& snapshot,
                 const Plan& plan,
                 const std::set<std::size_t>& steps,
                 WallTime now) {
  for (const std::size_t number : steps) {
    apply_action(snapshot, plan.steps.at(number).action, now);
  }
}

}  // namespace voicectl
