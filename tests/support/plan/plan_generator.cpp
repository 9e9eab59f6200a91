// SPDX-License-Identifier: Apache-2.0
#include "tests/support/plan/plan_generator.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "tests/support/plan/plan_builders.h"

namespace voicectl {
namespace {

constexpr std::uint64_t kNames = 12;
constexpr std::uint64_t kDomains = 4;

TenantId name_of_tenant(std::uint64_t number) {
  // One is long enough to be cut where it becomes part of an instance's name.
  return number == 0 ? tenant_id("a" + std::string(52, 'x'))
                     : tenant_id("tenant-" + std::to_string(number));
}

/// As a real edge has it: in static mode its configuration names the tenants and their hosts.
std::string edge_fingerprint_of(const DesiredState& desired) {
  const EdgeSpec& edge = desired.platform.edge;
  if (edge.mode == EdgeMode::kNone) {
    return "";
  }
  std::string text = desired.platform.domain + std::to_string(edge.https_port);
  for (const TenantSpec& tenant : desired.tenants) {
    text += edge.mode == EdgeMode::kStatic ? " " + tenant.tenant.str() : "";
    for (const HostName& domain : tenant.domains) {
      text += edge.mode == EdgeMode::kStatic ? " " + domain.str() : "";
    }
  }
  return sha256_hex(text).substr(0, 16);
}

bool is_held(const Snapshot& snapshot, Port port) {
  const ObservedState& observed = snapshot.observed;
  const bool by_tenant = std::any_of(
      observed.listeners.begin(), observed.listeners.end(), [&](const TenantId& tenant) {
        const auto recorded = snapshot.tenants.find(tenant);
        return recorded != snapshot.tenants.end() && recorded->second.port == port;
      });
  return by_tenant || std::any_of(observed.instances.begin(), observed.instances.end(),
                                  [&](const ObservedInstance& seen) {
                                    const auto recorded = snapshot.instances.find(seen.instance);
                                    return recorded != snapshot.instances.end() &&
                                           recorded->second.admin_port == port;
                                  });
}

}  // namespace

TenantSpec PlanGenerator::tenant(const TenantId& id) {
  TenantSpec spec = a_tenant(id.str());
  spec.tier = static_cast<Tier>(random_.below(3));
  spec.name = "Name " + std::to_string(random_.below(3));
  return spec;
}

DesiredState PlanGenerator::desired_state() {
  std::vector<TenantSpec> tenants;
  for (std::uint64_t i = 0; i < kNames; ++i) {
    if (chance(60)) {
      tenants.push_back(tenant(name_of_tenant(i)));
    }
  }
  for (std::uint64_t i = 0; i < kDomains && !tenants.empty(); ++i) {
    if (chance(70)) {
      tenants[random_.below(tenants.size())].domains.push_back(
          *HostName::parse("shop-" + std::to_string(i) + ".example"));
    }
  }
  DesiredState desired = a_desired_state(std::move(tenants));
  desired.platform.pool_size = static_cast<std::uint32_t>(1 + random_.below(3));
  desired.platform.edge.mode = static_cast<EdgeMode>(random_.below(3));
  desired.platform.domain = chance(80) ? "voice.example" : "other.example";
  desired.platform.first_port = 21000;
  desired.platform.last_port = 21200;
  return desired;
}

PlanInputs PlanGenerator::inputs(const DesiredState& desired) {
  return PlanInputs{.instance_fingerprint = chance(70) ? "program-1" : "program-2",
                    .edge_fingerprint = edge_fingerprint_of(desired)};
}

std::set<std::size_t> PlanGenerator::some_steps(const Plan& plan) {
  std::set<std::size_t> out;
  const std::uint64_t percent = 50 + random_.below(50);
  for (const Step& step : plan.steps) {
    const bool is_possible = std::all_of(step.needs.begin(), step.needs.end(),
                                         [&](std::size_t need) { return out.contains(need); });
    if (is_possible && chance(percent)) {
      out.insert(step.number);
    }
  }
  return out;
}

void PlanGenerator::disturb(Snapshot& snapshot) {
  ObservedState& observed = snapshot.observed;
  std::erase_if(observed.instances, [&](const ObservedInstance&) { return chance(15); });
  std::erase_if(observed.listeners, [&](const TenantId&) { return chance(10); });
  std::erase_if(observed.certificates, [&](const RecordedCertificate&) { return chance(10); });
  for (ObservedInstance& instance : observed.instances) {
    instance.failed = chance(15);
    instance.ready = !instance.failed && chance(85);
  }
  for (const auto& [name, tenant] : snapshot.tenants) {
    if (tenant.placement && chance(10)) {
      observed.unserved.emplace(name, "cannot read its configuration");
    }
  }
  for (const auto& [name, tenant] : snapshot.tenants) {
    if (tenant.placement && chance(5)) {
      observed.rebound.insert(name);
    }
    if (tenant.placement && !observed.unserved.contains(name) && chance(5)) {
      observed.outdated.emplace(name, Generation{0});
    }
  }
  for (int i = 0; i < 5; ++i) {
    // Whatever a stranger holds is held by none of ours.
    const Port port = *Port::make(21000 + static_cast<std::int64_t>(random_.below(60)));
    if (!is_held(snapshot, port)) {
      observed.foreign_ports.insert(port);
    }
  }
  for (auto& [name, instance] : snapshot.instances) {
    if (chance(15)) {
      instance.fate = chance(50) ? InstanceFate::kWayBack : InstanceFate::kRetired;
    }
  }
  if (chance(30) && !snapshot.tenants.empty()) {
    UpgradeRecord& upgrade = snapshot.programs.upgrade.emplace();
    upgrade.from = "program-1";
    upgrade.target = "program-2";
    upgrade.phase = static_cast<UpgradePhase>(random_.below(3));
    if (chance(40)) {
      upgrade.canary_tenant = snapshot.tenants.begin()->first;
    }
  }
  observed.has_new_key = chance(10);
  for (const auto& [name, recorded] : snapshot.tenants) {
    if (recorded.has_data && chance(10)) {
      observed.new_credentials.insert(name);
    }
  }
  if (chance(15)) {
    observed.edge_fingerprint.clear();
  }
}

}  // namespace voicectl
