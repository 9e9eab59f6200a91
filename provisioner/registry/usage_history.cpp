// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/usage_history.h"

#include <algorithm>

namespace voicectl {

void add_usage(UsageRow& row, const UsageRow& later) {
  row.processor_time += later.processor_time;
  row.most_cpu = std::max(row.most_cpu, later.most_cpu);
  for (std::size_t i = 0; i < kUsageMeasures; ++i) {
    // Absent is less than anything that was told.
    row.most[i] = std::max(row.most[i], later.most[i]);
  }
}

}  // namespace voicectl
