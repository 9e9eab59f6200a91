// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/planner.h"

#include <fmt/core.h>

#include "provisioner/plan/drift_plan.h"
#include "provisioner/plan/edge_plan.h"
#include "provisioner/plan/homes.h"
#include "provisioner/plan/plan_context.h"
#include "provisioner/plan/spec_changes.h"
#include "provisioner/plan/tenant_plan.h"

namespace voicectl {
namespace {

void plan_platform(PlanContext& context) {
  const std::optional<PlatformSpec>& recorded = context.snapshot().platform;
  const PlatformSpec& desired = context.desired().platform;
  // Whatever else is to change may fail, and must not keep an old key in use.
  if (recorded && context.snapshot().observed.has_new_key) {
    context.draft.add(InstallKey{},
                      fmt::format("'{}' holds another key", recorded->ultravox.api_key_file));
  }
  for (const TenantSpec& tenant : context.desired().tenants) {
    if (context.snapshot().observed.new_credentials.contains(tenant.tenant)) {
      const auto known = context.snapshot().tenants.find(tenant.tenant);
      context.draft.add(
          InstallKey{tenant.tenant},
          fmt::format("'{}' holds others", known->second.spec.backend.credentials_file));
    }
  }
  if (recorded == desired) {
    return;
  }
  context.draft.set_foundation(context.draft.add(
      SetPlatform{desired},
      recorded ? "changed: " + describe_changes(*recorded, desired) : "this is the first apply"));
}

std::string why_stop(const PlanContext& context, const RecordedInstance& instance) {
  if (instance.fate != InstanceFate::kServing) {
    return "it was replaced, as was asked";
  }
  if (instance.kind == InstanceKind::kShared) {
    return fmt::format("the pool needs no more than {}", context.desired().platform.pool_size);
  }
  return "no tenant that is to be alone belongs to it";
}

Status plan_tenants(PlanContext& context, Homes& homes, EdgePlan& edge, TenantPlan& tenants) {
  VC_TRY(const auto placements, homes.place(context));
  for (const auto& [name, recorded] : context.snapshot().tenants) {
    if (!placements.contains(name)) {
      tenants.remove(recorded);
    }
  }
  for (const TenantSpec& spec : context.desired().tenants) {
    VC_TRY(tenants.make(spec, placements.at(spec.tenant)));
  }
  edge.finish();
  return ok_status();
}

void plan_stops(PlanContext& context, const Homes& homes, TenantPlan& tenants) {
  for (const auto& [name, instance] : context.snapshot().instances) {
    // The way back stays, empty, until it is not needed any more.
    if (!homes.contains(name) && instance.fate != InstanceFate::kWayBack) {
      context.draft.add(StopInstance{name}, why_stop(context, instance), tenants.departures(name));
    }
  }
}

}  // namespace

Result<Plan> make_plan(const DesiredState& desired,
                       const Snapshot& snapshot,
                       const PlanInputs& inputs,
                       WallTime now) {
  VC_TRY(PlanContext context, PlanContext::make(desired, snapshot, inputs, now));
  plan_platform(context);
  EdgePlan edge(context);
  VC_TRY(Homes homes, Homes::plan(context));
  TenantPlan tenants(context, homes, edge);
  VC_TRY(plan_tenants(context, homes, edge, tenants));
  plan_stops(context, homes, tenants);
  plan_drift(context);
  return std::move(context.draft).finish(snapshot);
}

}  // namespace voicectl
