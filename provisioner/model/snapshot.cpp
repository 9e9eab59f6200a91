// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/snapshot.h"

namespace voicectl {

bool wants_own_instance(const TenantSpec& spec, const Snapshot& snapshot) {
  if (spec.tier != Tier::kAuto) {
    return spec.tier == Tier::kDedicated;
  }
  const auto recorded = snapshot.tenants.find(spec.tenant);
  return recorded != snapshot.tenants.end() && recorded->second.wish;
}

std::string_view name_of(InstanceKind kind) {
  switch (kind) {
    case InstanceKind::kShared:
      return "shared";
    case InstanceKind::kDedicated:
      return "dedicated";
  }
  return "";
}

std::string_view name_of(InstanceFate fate) {
  switch (fate) {
    case InstanceFate::kServing:
      return "serving";
    case InstanceFate::kWayBack:
      return "way_back";
    case InstanceFate::kRetired:
      return "retired";
  }
  return "";
}

std::string_view name_of(TenantPhase phase) {
  switch (phase) {
    case TenantPhase::kCreating:
      return "creating";
    case TenantPhase::kServing:
      return "serving";
    case TenantPhase::kDeleting:
      return "deleting";
  }
  return "";
}

}  // namespace voicectl
