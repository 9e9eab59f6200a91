// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/registry.h"

namespace voicectl {

std::string_view name_of(JournalState state) {
  switch (state) {
    case JournalState::kIntent:
      return "intent";
    case JournalState::kDone:
      return "done";
    case JournalState::kFailed:
      return "failed";
    case JournalState::kUndone:
      return "undone";
  }
  return "unknown";
}

bool has_changes(const RecordedChange& change) {
  return change.platform || !change.put_tenants.empty() || !change.drop_tenants.empty() ||
         !change.put_instances.empty() || !change.drop_instances.empty() ||
         !change.put_leases.empty() || !change.drop_leases.empty() || change.edge_fingerprint;
}

}  // namespace voicectl
