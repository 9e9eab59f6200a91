// SPDX-License-Identifier: Apache-2.0
#include "monitor/host_room.h"

#include <algorithm>
#include <cmath>

namespace voicectl {

HostRoom room_of(const HostUsage& usage) {
  HostRoom out{usage.memory_free, std::nullopt};
  if (usage.processors > 0 && usage.load) {
    const double idle = std::max(0.0, usage.processors - usage.load->front());
    out.cpu = MilliCpu{static_cast<std::uint32_t>(std::lround(idle * 1000))};
  }
  return out;
}

}  // namespace voicectl
