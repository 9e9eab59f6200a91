// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "provisioner/plan/edge_plan.h"
#include "provisioner/plan/homes.h"
#include "provisioner/plan/plan_context.h"

namespace voicectl {

/// The tenants' part of a plan: made, changed, moved and deleted.
class TenantPlan {
 public:
  /// The references must outlive it.
  TenantPlan(PlanContext& context, const Homes& homes, EdgePlan& edge)
      : context_(context), homes_(homes), edge_(edge) {}

  /// Takes a tenant out of service and forgets it; what is done already is left out.
  void remove(const RecordedTenant& recorded);

  /// Makes what is missing of a tenant, and nothing else.
  /// ERRORS: kResourceExhausted when the port range is full.
  Status make(const TenantSpec& spec, const Placement& placement);

  /// Steps after which a tenant is not in `instance` any more.
  const std::vector<StepRef>& departures(const InstanceId& instance);

 private:
  /// Steps of one tenant, as far as they are in the plan.
  struct Chain {
    std::optional<StepRef> record;
    std::optional<StepRef> prepare;
    std::optional<StepRef> bind;
    std::optional<StepRef> lend;
  };
  std::optional<StepRef> record(const TenantSpec& spec, const RecordedTenant* recorded);
  /// Records that a tenant is not being deleted any more, where the edge would be given none such.
  std::optional<StepRef> bring_back(const RecordedTenant& recorded);
  std::optional<StepRef> prepare(const TenantSpec& spec,
                                 const RecordedTenant* recorded,
                                 const Chain& chain);
  Result<std::optional<StepRef>> bind(const TenantSpec& spec,
                                      const RecordedTenant* recorded,
                                      const Chain& chain);
  std::optional<StepRef> lend(const TenantSpec& spec,
                              const RecordedTenant* recorded,
                              const Placement& placement,
                              const Chain& chain);

  PlanContext& context_;
  const Homes& homes_;
  EdgePlan& edge_;
  std::map<InstanceId, std::vector<StepRef>> departures_;
};

}  // namespace voicectl
