// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/open_imports.h"

#include <cstddef>
#include <iterator>

namespace voicectl {

DesiredState with_open_imports(DesiredState desired,
                               const std::optional<DesiredState>& before,
                               const Snapshot& snapshot) {
  if (!before) {
    return desired;
  }
  for (const TenantSpec& known : before->tenants) {
    if (known.import_id.empty()) {
      continue;  // nearly always
    }
    const TenantSpec* const wanted = find_tenant(desired, known.tenant);
    const auto recorded = snapshot.tenants.find(known.tenant);
    const bool has_data = recorded != snapshot.tenants.end() && recorded->second.has_data;
    if (wanted != nullptr && wanted->import_id.empty() && !has_data) {
      const auto place =
          static_cast<std::size_t>(std::distance(desired.tenants.get().data(), wanted));
      desired.tenants[place].import_id = known.import_id;
    }
  }
  return desired;
}

}  // namespace voicectl
