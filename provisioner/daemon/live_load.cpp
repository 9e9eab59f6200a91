// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/live_load.h"

namespace voicectl {

LiveLoad live_load(const LoadView& view) {
  LiveLoad out;
  for (const auto& [tenant, load] : view.tenants) {
    out.tenants.emplace(tenant, LiveLoad::OfTenant{load.sessions, load.websockets, load.cpu_milli,
                                                   load.steady_cpu_milli});
  }
  for (const auto& [instance, load] : view.instances) {
    if (load.rss_bytes) {
      out.memory.emplace(instance, Bytes{*load.rss_bytes});
    }
  }
  return out;
}

}  // namespace voicectl
