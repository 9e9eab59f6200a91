// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/units.h"

namespace voicectl {

/// What is kept of a process or of the host beside its processor time: of each the most within a
/// step.
enum class UsageMeasure : std::size_t {
  kMemory,        ///< bytes: resident; of the host: what no program could still get
  kMemorySize,    ///< bytes; of the host
  kProportional,  ///< bytes: the process's share (PSS)
  kThreads,
  kDescriptors,
  kLoopLag,  ///< microseconds
  kSessions,
  kTenants,
  kLoad,      ///< thousandths of a process that runs or waits to; of the host, over a minute
  kDisk,      ///< bytes used; of the host
  kDiskSize,  ///< bytes; of the host
};
inline constexpr std::size_t kUsageMeasures = 11;

/// As the registry's column and, with its unit, the control API call it.
struct UsageMeasureName {
  UsageMeasure measure;
  std::string_view column;
  std::string_view json;
  /// What one is in the unit of `json`.
  double divisor = 1;
};
inline constexpr std::array<UsageMeasureName, kUsageMeasures> kUsageMeasureNames = {
    {{UsageMeasure::kMemory, "memory", "memory_bytes"},
     {UsageMeasure::kMemorySize, "memory_size", "memory_size_bytes"},
     {UsageMeasure::kProportional, "proportional", "pss_bytes"},
     {UsageMeasure::kThreads, "threads", "threads"},
     {UsageMeasure::kDescriptors, "descriptors", "descriptors"},
     {UsageMeasure::kLoopLag, "loop_lag_us", "loop_lag_ms", 1000},
     {UsageMeasure::kSessions, "sessions", "sessions"},
     {UsageMeasure::kTenants, "tenants", "tenants"},
     {UsageMeasure::kLoad, "load_milli", "load", 1000},
     {UsageMeasure::kDisk, "disk", "disk_bytes"},
     {UsageMeasure::kDiskSize, "disk_size", "disk_size_bytes"}}};

/// Who used it: an instance, or (absent) the whole host.
using UsageSubject = std::optional<InstanceId>;

/// What an instance's process, or the host, used within a step.
struct UsageRow {
  UsageSubject subject{};
  std::chrono::microseconds processor_time{0};
  /// Between two looks.
  MilliCpu most_cpu{};
  /// Absent where it was not told, and where there is none.
  std::array<std::optional<std::uint64_t>, kUsageMeasures> most{};

  std::optional<std::uint64_t>& operator[](UsageMeasure measure) {
    return most[static_cast<std::size_t>(measure)];
  }
  const std::optional<std::uint64_t>& operator[](UsageMeasure measure) const {
    return most[static_cast<std::size_t>(measure)];
  }
  friend bool operator==(const UsageRow&, const UsageRow&) = default;
};

/// The instances whose names tell of that tenant: its own one, and the one that replaces it
/// (plan/instance_names.h).
std::vector<InstanceId> instances_named_after(const TenantId& tenant);

/// As if what `later` says had been used within the step of `row`, too, whatever the order.
void add_usage(UsageRow& row, const UsageRow& later);

/// A step in which the platform was watched.
struct WatchedUsage {
  /// When it began.
  WallTime at{};
  /// How long of it.
  std::chrono::milliseconds watched{0};
  /// Absent: it was not there.
  std::optional<UsageRow> row{};
  friend bool operator==(const WatchedUsage&, const WatchedUsage&) = default;
};

}  // namespace voicectl
