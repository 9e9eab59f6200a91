// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/os/process_spawner.h"
#include "base/units.h"

namespace voicectl {

/// What one process has used and holds, as the operating system counts.
struct ProcessUsage {
  /// Processor time of all its threads since it started.
  Duration cpu_time{0};
  /// Resident memory.
  Bytes memory;
  std::uint32_t threads = 0;
  /// Open descriptors; absent where we may not count those of another user.
  std::optional<std::uint32_t> descriptors;
  /// Its share of memory: what it has alone, and its part of the pages that others hold, too (PSS).
  /// Absent likewise.
  std::optional<Bytes> proportional{};

  friend bool operator==(const ProcessUsage&, const ProcessUsage&) = default;
};

/// Looks at processes.
///
/// THREADS: any. It reads small files that need no disk.
class LoadSource {
 public:
  virtual ~LoadSource() = default;

  /// One answer for each process, in the same order; nullopt for one that is gone or whose number
  /// now belongs to another.
  virtual std::vector<std::optional<ProcessUsage>> sample(
      const std::vector<ProcessIdentity>& processes) = 0;
};

}  // namespace voicectl
