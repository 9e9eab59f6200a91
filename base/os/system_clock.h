// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"

namespace voicectl {

/// The machine's calendar clock.
class SystemWallClock final : public WallClock {
 public:
  WallTime now() const override;
};

/// The machine's monotonic clock, for programs without a loop. Loops have Reactor::now().
class SteadyClock final : public Clock {
 public:
  MonoTime now() const override;
};

}  // namespace voicectl
