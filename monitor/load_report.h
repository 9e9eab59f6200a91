// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/latency_histogram.h"
#include "base/units.h"
#include "monitor/load_source.h"
#include "provisioner/model/snapshot.h"

namespace voicectl {

/// What an instance tells about one of its tenants (request `stats` of the control channel).
struct TenantStats {
  TenantId tenant;
  std::uint64_t sessions = 0;
  std::uint64_t connections = 0;
  std::uint64_t websockets = 0;
  /// Since the instance took the tenant.
  std::uint64_t requests_total = 0;
  std::uint64_t tool_calls_total = 0;
  /// Processor time spent for it there, and bytes; absent where the instance does not count.
  std::optional<Duration> processor_time{};
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  /// Requests being answered.
  std::optional<std::uint64_t> in_flight{};
  /// Of the requests since the last look.
  std::optional<LatencyHistogram> latency{};
  /// Events that were passed on, since the tenant was made as far as that is known.
  std::uint64_t events_total = 0;
  /// What it holds of its instance's memory, as far as that can be said: at least so much.
  std::optional<Bytes> memory{};
};

/// What a tenant's totals came to between two looks.
struct TenantGain {
  std::uint64_t requests = 0;
  std::uint64_t events = 0;
  Duration processor_time{0};
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
};

/// One look at one instance.
struct InstanceReport {
  InstanceId instance;
  /// Absent when its process could not be looked at.
  std::optional<ProcessUsage> usage;
  std::vector<TenantStats> tenants;
  /// How late its loop was since the last look.
  std::optional<LatencyHistogram> loop_lag{};
  InstanceKind kind = InstanceKind::kShared;
};

}  // namespace voicectl
