// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "provisioner/apply/drift_actions.h"
#include "provisioner/apply/edge_actions.h"
#include "provisioner/apply/executor.h"
#include "provisioner/apply/placement_actions.h"
#include "provisioner/apply/tenant_actions.h"
#include "provisioner/apply/written_files.h"

namespace voicectl {

/// The effects of all actions on this host: hands each to its family.
class HostActions final : public ActionRunner {
 public:
  HostActions(TenantActions& tenants,
              PlacementActions& placement,
              EdgeActions& edge,
              DriftActions& drift,
              WrittenFiles& written)
      : tenants_(tenants), placement_(placement), edge_(edge), drift_(drift), written_(written) {}

  void perform(const Action& action, OnActionDone done) override;

 private:
  TenantActions& tenants_;
  PlacementActions& placement_;
  EdgeActions& edge_;
  DriftActions& drift_;
  WrittenFiles& written_;
};

}  // namespace voicectl
