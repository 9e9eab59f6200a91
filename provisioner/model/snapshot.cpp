// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/snapshot.h"

namespace voicectl {

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
