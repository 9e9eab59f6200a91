// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/units.h"

namespace voicectl {

/// What the whole machine is doing. What could not be read is absent.
struct HostUsage {
  std::uint32_t processors = 0;
  /// Processes that run or wait to run, on average of 1, 5 and 15 minutes.
  std::optional<std::array<double, 3>> load{};
  /// Processor time of all processors since the machine started: used by anybody, and taken by the
  /// machine's own host.
  std::optional<Duration> busy{};
  std::optional<Duration> stolen{};
  std::optional<Bytes> memory{};
  /// Memory that a program could still get without swapping.
  std::optional<Bytes> memory_free{};
  /// Of the file system that holds what must survive.
  std::optional<Bytes> disk{};
  std::optional<Bytes> disk_free{};
};

/// Looks at the machine.
///
/// THREADS: any. It reads small files that need no disk.
class HostSource {
 public:
  virtual ~HostSource() = default;
  virtual HostUsage sample() = 0;
};

}  // namespace voicectl
