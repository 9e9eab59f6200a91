// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "provisioner/apply/edge_actions.h"
#include "provisioner/apply/executor.h"
#include "provisioner/apply/placement_actions.h"
#include "provisioner/apply/tenant_actions.h"

namespace voicectl {

/// The effects of all actions on this host: hands each to its family.
class HostActions final : public ActionRunner {
 public:
  HostActions(TenantActions& tenants, PlacementActions& placement, EdgeActions& edge)
      : tenants_(tenants), placement_(placement), edge_(edge) {}

  void perform(const Action& action, OnActionDone done) override;

 private:
  TenantActions& tenants_;
  PlacementActions& placement_;
  EdgeActions& edge_;
};

}  // namespace voicectl
