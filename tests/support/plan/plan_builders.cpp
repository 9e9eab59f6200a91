// SPDX-License-Identifier: Apache-2.0
#include "tests/support/plan/plan_builders.h"

#include <algorithm>

#include "base/check.h"
#include "tests/support/plan/apply_model.h"

namespace voicectl {

TenantId tenant_id(std::string_view text) {
  return *TenantId::parse(text);
}

InstanceId instance_id(std::string_view text) {
  return *InstanceId::parse(text);
}

Port port(std::int64_t number) {
  return *Port::make(number);
}

TenantSpec a_tenant(std::string_view slug) {
  TenantSpec spec{.tenant = tenant_id(slug)};
  spec.name = std::string(slug);
  return spec;
}

TenantSpec a_dedicated_tenant(std::string_view slug) {
  TenantSpec spec = a_tenant(slug);
  spec.tier = Tier::kDedicated;
  return spec;
}

TenantSpec a_tenant_with_domains(std::string_view slug,
                                 std::initializer_list<std::string_view> domains) {
  TenantSpec spec = a_tenant(slug);
  for (const std::string_view domain : domains) {
    spec.domains.push_back(*HostName::parse(domain));
  }
  return spec;
}

DesiredState a_desired_state(std::vector<TenantSpec> tenants) {
  std::sort(tenants.begin(), tenants.end(),
            [](const TenantSpec& a, const TenantSpec& b) { return a.tenant < b.tenant; });
  DesiredState desired;
  desired.tenants = std::move(tenants);
  return desired;
}

PlanInputs plan_inputs() {
  return PlanInputs{.instance_fingerprint = "program-1", .edge_fingerprint = "edge-1"};
}

Plan plan_of(const DesiredState& desired, const Snapshot& snapshot, const PlanInputs& inputs) {
  Result<Plan> plan = make_plan(desired, snapshot, inputs, kNoon);
  VC_CHECK(plan.has_value(), "the case is meant to have a plan");
  return *std::move(plan);
}

Snapshot settled(const DesiredState& desired, const PlanInputs& inputs) {
  Snapshot snapshot;
  apply_plan(snapshot, plan_of(desired, snapshot, inputs), kNoon);
  VC_CHECK(plan_of(desired, snapshot, inputs).empty(), "an applied plan leaves an empty plan");
  return snapshot;
}

std::vector<std::string> texts(const Plan& plan) {
  std::vector<std::string> out;
  for (const Step& step : plan.steps) {
    out.push_back(describe(step.action));
  }
  return out;
}

ObservedInstance& observed_instance(Snapshot& snapshot, std::string_view instance) {
  const auto found =
      std::find_if(snapshot.observed.instances.begin(), snapshot.observed.instances.end(),
                   [&](const ObservedInstance& i) { return i.instance.str() == instance; });
  VC_CHECK(found != snapshot.observed.instances.end(), "the case names an observed instance");
  return *found;
}

void lose_instance(Snapshot& snapshot, std::string_view instance) {
  std::erase_if(snapshot.observed.instances,
                [&](const ObservedInstance& i) { return i.instance.str() == instance; });
}

void lose_listener(Snapshot& snapshot, std::string_view tenant) {
  std::erase(snapshot.observed.listeners, tenant_id(tenant));
}

}  // namespace voicectl
