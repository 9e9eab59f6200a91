// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/open_imports.h"

namespace voicectl {

DesiredState with_open_imports(DesiredState desired,
                               const std::optional<DesiredState>& before,
                               const Snapshot& snapshot) {
  if (!before) {
    return desired;
  }
  for (TenantSpec& tenant : desired.tenants) {
    const TenantSpec* const known = find_tenant(*before, tenant.tenant);
    const auto recorded = snapshot.tenants.find(tenant.tenant);
    const bool has_data = recorded != snapshot.tenants.end() && recorded->second.has_data;
    if (tenant.import_id.empty() && known != nullptr && !has_data) {
      tenant.import_id = known->import_id;
    }
  }
  return desired;
}

}  // namespace voicectl
