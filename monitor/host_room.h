// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "base/units.h"
#include "monitor/host_source.h"

namespace voicectl {

/// What the host has left for another process. Absent: not known, and nobody is held back for it.
struct HostRoom {
  /// Memory that it could get without swapping.
  std::optional<Bytes> memory{};
  /// Processors that nobody used, on average of the last minute. One look is enough for that, where
  /// a difference would need two.
  std::optional<MilliCpu> cpu{};
};

/// Asked only when a promotion depends on it: looking at the host is not free.
using AskRoom = std::function<HostRoom()>;

HostRoom room_of(const HostUsage& usage);

}  // namespace voicectl
