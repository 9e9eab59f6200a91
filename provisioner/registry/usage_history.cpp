// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/usage_history.h"

#include <algorithm>

namespace voicectl {

std::vector<InstanceId> instances_named_after(const TenantId& tenant) {
  std::vector<InstanceId> out;
  for (const char* const prefix : {"dedicated-", "dedicated2-"}) {
    // Of a name that is too long for it a part and a hash are taken, which tell nothing.
    if (const Result<InstanceId> name = InstanceId::parse(prefix + tenant.str());
        name.has_value()) {
      out.push_back(*name);
    }
  }
  return out;
}

void add_usage(UsageRow& row, const UsageRow& later) {
  row.processor_time += later.processor_time;
  row.most_cpu = std::max(row.most_cpu, later.most_cpu);
  for (std::size_t i = 0; i < kUsageMeasures; ++i) {
    // Absent is less than anything that was told.
    row.most[i] = std::max(row.most[i], later.most[i]);
  }
}

}  // namespace voicectl
