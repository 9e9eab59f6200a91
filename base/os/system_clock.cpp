// SPDX-License-Identifier: Apache-2.0
#include "base/os/system_clock.h"

namespace voicectl {

WallTime SystemWallClock::now() const {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

MonoTime SteadyClock::now() const {
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}

}  // namespace voicectl
