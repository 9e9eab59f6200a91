// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "base/crypto.h"
#include "provisioner/model/desired_state_yaml.h"
#include "provisioner/plan/plan_draft.h"

namespace voicectl {
namespace {

std::string facts_of_tenant(const Snapshot& snapshot, const TenantId& tenant) {
  const auto found = snapshot.tenants.find(tenant);
  if (found == snapshot.tenants.end()) {
    return "absent";
  }
  const RecordedTenant& t = found->second;
  return fmt::format("{} {} {} {} {} {} {} {} {} {}", name_of(t.phase), t.generation.value,
                     t.port ? t.port->str() : "-", t.has_data, t.has_listener,
                     t.placement ? t.placement->str() : "-", t.token.value,
                     fmt::join(t.routes, ","), t.created_at.time_since_epoch().count(),
                     t.wish ? t.wish->since.time_since_epoch().count() : 0);
}

std::string facts_of_instance(const Snapshot& snapshot, const InstanceId& instance) {
  const auto found = snapshot.instances.find(instance);
  if (found == snapshot.instances.end()) {
    return "absent";
  }
  const RecordedInstance& i = found->second;
  return fmt::format("{} {} {} {} {}", name_of(i.kind), i.admin_port.value(), i.fingerprint,
                     i.started_at.time_since_epoch().count(), name_of(i.fate));
}

std::string facts_of_certificate(const Snapshot& snapshot, const std::string& name) {
  for (const RecordedCertificate& known : snapshot.observed.certificates) {
    if (known.name == name) {
      return std::to_string(known.not_after.time_since_epoch().count());
    }
  }
  return "absent";
}

}  // namespace

std::string base_facts(const Snapshot& snapshot, const Action& action) {
  const auto tenant = [&](const TenantId& id) { return facts_of_tenant(snapshot, id); };
  const auto instance = [&](const InstanceId& id) { return facts_of_instance(snapshot, id); };
  return std::visit(
      Overload{[&](const SetPlatform&) {
                 return snapshot.platform ? sha256_hex(render_platform(*snapshot.platform))
                                          : "absent";
               },
               [&](const InstallKey& a) {
                 if (a.tenant) {
                   return tenant(*a.tenant);
                 }
                 return snapshot.platform ? snapshot.platform->ultravox.api_key_file : "";
               },
               [&](const CreateTenant& a) { return tenant(a.spec.tenant); },
               [&](const UpdateTenant& a) { return tenant(a.spec.tenant); },
               [&](const DeleteTenant& a) { return tenant(a.tenant); },
               [&](const RecordWish& a) { return tenant(a.tenant); },
               [&](const PrepareTenantData& a) { return tenant(a.tenant); },
               [&](const RetireTenantData& a) { return tenant(a.tenant); },
               [&](const StartInstance& a) { return instance(a.instance); },
               [&](const StopInstance& a) { return instance(a.instance); },
               [&](const RetireInstance& a) { return instance(a.instance); },
               [&](const SetPrograms&) { return sha256_hex(render_programs(snapshot.programs)); },
               [&](const BindListener& a) { return tenant(a.tenant); },
               [&](const ReleaseListener& a) { return tenant(a.tenant); },
               [&](const LendListener& a) { return tenant(a.tenant); },
               [&](const ReclaimListener& a) { return tenant(a.tenant); },
               [&](const IssueCertificate& a) { return facts_of_certificate(snapshot, a.name); },
               [&](const RemoveCertificate& a) { return facts_of_certificate(snapshot, a.name); },
               [&](const PublishEdge&) {
                 return snapshot.edge_fingerprint + " " + snapshot.observed.edge_fingerprint;
               },
               [&](const PublishRoute& a) { return tenant(a.tenant); },
               [&](const WithdrawRoute& a) { return tenant(a.tenant); },
               [&](const RestoreFiles& a) {
                 return a.tenant ? tenant(*a.tenant) : std::to_string(snapshot.generation.value);
               },
               [](const EndProcess& a) { return std::to_string(a.start_ticks); },
               [&](const RecordAdoption& a) {
                 const auto known = snapshot.adoptions.find(a.name);
                 return known == snapshot.adoptions.end() ? "absent" : known->second.state;
               }},
      action);
}

}  // namespace voicectl
