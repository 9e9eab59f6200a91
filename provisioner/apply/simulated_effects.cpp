// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/simulated_effects.h"

#include <algorithm>

#include "provisioner/apply/tenant_actions.h"
#include "provisioner/plan/instance_names.h"

namespace voicectl {
namespace {

PortLease lease_of(Port port, const TenantId& tenant) {
  return {port, "tenant/" + tenant.str(), std::nullopt};
}
PortLease lease_of(Port port, const InstanceId& instance) {
  return {port, "instance/" + instance.str(), std::nullopt};
}

/// One action, on a recorded state that it does not touch.
class Effect {
 public:
  Effect(const Snapshot& recorded, ObservedState& observed, WallTime now)
      : recorded_(recorded), observed_(observed), now_(now) {}

  RecordedChange take() && { return std::move(change_); }

  void operator()(const SetPlatform& a) {
    change_.platform = a.platform;
    observed_.has_new_key = false;
  }
  void operator()(const InstallKey& a) {
    if (a.tenant) {
      observed_.new_credentials.erase(*a.tenant);
    } else {
      observed_.has_new_key = false;
    }
  }
  void operator()(const CreateTenant& a) { change_.put_tenants.push_back(new_tenant(a.spec)); }
  void operator()(const UpdateTenant& a) {
    RecordedTenant& tenant = put(a.spec.tenant);
    if (brings_back(a, tenant)) {
      tenant.phase = TenantPhase::kCreating;
      return;
    }
    tenant.spec = a.spec;
    tenant.generation = a.generation;
    if (a.spec.tier != Tier::kAuto) {
      tenant.wish.reset();
    }
    observed_.outdated.erase(a.spec.tenant);
  }
  void operator()(const DeleteTenant& a) {
    change_.drop_tenants.push_back(a.tenant);
    observed_.new_credentials.erase(a.tenant);
  }
  void operator()(const RecordWish& a) {
    put(a.tenant).wish = a.reason ? std::optional(PromotionWish{*a.reason, now_}) : std::nullopt;
  }
  void operator()(const PrepareTenantData& a) {
    RecordedTenant& tenant = put(a.tenant);
    tenant.has_data = true;
    tenant.generation = a.generation;
  }
  void operator()(const RetireTenantData& a) { put(a.tenant).has_data = false; }
  void operator()(const StartInstance& a) {
    const auto known = recorded_.instances.find(a.instance);
    const bool is_known = known != recorded_.instances.end();
    change_.put_instances.push_back(
        RecordedInstance{a.instance, a.kind, a.admin_port, a.fingerprint, now_,
                         is_known ? known->second.fate : InstanceFate::kServing});
    if (is_known && known->second.admin_port != a.admin_port) {
      release(lease_of(known->second.admin_port, a.instance));
    }
    change_.put_leases.push_back(lease_of(a.admin_port, a.instance));
    forget_observed(a.instance);
    observed_.instances.push_back(ObservedInstance{a.instance, true, false});
  }
  void operator()(const StopInstance& a) {
    change_.drop_instances.push_back(a.instance);
    if (const auto known = recorded_.instances.find(a.instance);
        known != recorded_.instances.end()) {
      release(lease_of(known->second.admin_port, a.instance));
    }
    forget_observed(a.instance);
  }
  void operator()(const RetireInstance& a) { set_fate(a.instance, InstanceFate::kRetired); }
  void operator()(const SetPrograms& a) {
    change_.programs = a.programs;
    for (const auto& [instance, fate] : a.fates) {
      set_fate(instance, fate);
    }
  }
  void operator()(const BindListener& a) {
    RecordedTenant& tenant = put(a.tenant);
    if (tenant.port && *tenant.port != a.port) {
      release(lease_of(*tenant.port, a.tenant));
    }
    if (tenant.has_listener) {  // else the machine shows none that could be another one
      std::erase(observed_.listeners, a.tenant);
    }
    tenant.has_listener = true;
    tenant.port = a.port;
    change_.put_leases.push_back(lease_of(a.port, a.tenant));
    observed_.listeners.push_back(a.tenant);
    forget_drift(DriftRepair::kBind, [&](const DriftFinding& f) { return f.tenant == a.tenant; });
  }
  void operator()(const ReleaseListener& a) {
    RecordedTenant& tenant = put(a.tenant);
    if (tenant.port) {
      release(lease_of(*tenant.port, a.tenant));
    }
    tenant.has_listener = false;
    tenant.port = std::nullopt;
    std::erase(observed_.listeners, a.tenant);
  }
  void operator()(const LendListener& a) {
    RecordedTenant& tenant = put(a.tenant);
    if (a.from && *a.from != a.instance) {
      put_away(*a.from);
    }
    tenant.placement = a.instance;
    ++tenant.token.value;
    observed_.unserved.erase(a.tenant);
    observed_.rebound.erase(a.tenant);
    observed_.outdated.erase(a.tenant);
  }
  void operator()(const ReclaimListener& a) {
    RecordedTenant& tenant = put(a.tenant);
    put_away(a.instance);
    tenant.placement = std::nullopt;
    ++tenant.token.value;
  }
  void operator()(const RestoreFiles& a) {
    forget_drift(DriftRepair::kRestore,
                 [&](const DriftFinding& f) { return f.tenant == a.tenant; });
  }
  void operator()(const EndProcess& a) {
    forget_drift(DriftRepair::kEnd, [&](const DriftFinding& f) {
      return f.pid == a.pid && f.start_ticks == a.start_ticks;
    });
  }
  void operator()(const RecordAdoption& a) {
    if (a.adoption) {
      change_.put_adoptions.push_back(*a.adoption);
    } else {
      change_.drop_adoptions.push_back(a.name);
    }
  }
  void operator()(const IssueCertificate& a) {
    forget_certificate(a.name);
    observed_.certificates.push_back(RecordedCertificate{a.name, now_ + kSimulatedCertificateLife});
  }
  void operator()(const RemoveCertificate& a) { forget_certificate(a.name); }
  void operator()(const PublishEdge& a) {
    change_.edge_fingerprint = a.fingerprint;
    observed_.edge_fingerprint = a.fingerprint;
    forget_drift(DriftRepair::kPublishEdge, [](const DriftFinding&) { return true; });
  }
  void operator()(const PublishRoute& a) {
    RecordedTenant& tenant = put(a.tenant);
    tenant.routes = a.hosts;
    tenant.phase = TenantPhase::kServing;
  }
  void operator()(const WithdrawRoute& a) {
    RecordedTenant& tenant = put(a.tenant);
    tenant.routes.clear();
    tenant.phase = TenantPhase::kDeleting;
  }

 private:
  /// What is recorded of it, to be changed. Nothing recorded: a forecast ends no daemon.
  RecordedTenant& put(const TenantId& tenant) {
    const auto known = recorded_.tenants.find(tenant);
    return change_.put_tenants.emplace_back(
        known != recorded_.tenants.end() ? known->second : new_tenant(TenantSpec{tenant}));
  }
  RecordedTenant new_tenant(const TenantSpec& spec) const {
    return {.spec = spec,
            .phase = TenantPhase::kCreating,
            .generation = Generation{1},
            .port = std::nullopt,
            .has_data = false,
            .has_listener = false,
            .placement = std::nullopt,
            .token = {},
            .routes = {},
            .created_at = now_};
  }
  /// One that has stopped meanwhile has no fate any more.
  void set_fate(const InstanceId& instance, InstanceFate fate) {
    if (const auto known = recorded_.instances.find(instance); known != recorded_.instances.end()) {
      change_.put_instances.push_back(known->second);
      change_.put_instances.back().fate = fate;
    }
  }
  /// One that waited for a tenant and has served is not given to the next one.
  void put_away(const InstanceId& instance) {
    const auto known = recorded_.instances.find(instance);
    if (spare_instance_number(instance) && known != recorded_.instances.end() &&
        known->second.fate == InstanceFate::kServing) {
      set_fate(instance, InstanceFate::kRetired);
    }
  }
  void release(PortLease lease) {
    lease.released_at = now_;
    change_.put_leases.push_back(std::move(lease));
  }
  void forget_observed(const InstanceId& instance) {
    std::erase_if(observed_.instances,
                  [&](const ObservedInstance& i) { return i.instance == instance; });
  }
  template <typename IsMeant>
  void forget_drift(DriftRepair repair, IsMeant is_meant) {
    std::erase_if(observed_.drift, [&](const DriftFinding& finding) {
      return finding.repair == repair && is_meant(finding);
    });
  }
  void forget_certificate(const std::string& name) {
    std::erase_if(observed_.certificates,
                  [&](const RecordedCertificate& c) { return c.name == name; });
  }

  const Snapshot& recorded_;
  ObservedState& observed_;
  WallTime now_;
  RecordedChange change_;
};

}  // namespace

RecordedChange simulate_effect(const Action& action,
                               const Snapshot& recorded,
                               ObservedState& observed,
                               WallTime now) {
  Effect effect(recorded, observed, now);
  std::visit(effect, action);
  return std::move(effect).take();
}

}  // namespace voicectl
