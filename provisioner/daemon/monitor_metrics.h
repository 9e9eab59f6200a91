// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/metrics_text.h"
#include "monitor/host_source.h"
#include "monitor/instance_monitor.h"
#include "monitor/load_source.h"
#include "provisioner/instances/instance_types.h"
#include "provisioner/model/snapshot.h"

namespace voicectl {

class EdgeWatch;
class OutboxWatch;

/// What came of the monitor's moves since the daemon began.
struct MoveCounts {
  std::uint64_t promotions = 0;
  std::uint64_t demotions = 0;
  /// Within the pool.
  std::uint64_t rebalances = 0;
  /// Of those, moves that did not come about.
  std::uint64_t not_moved = 0;
  /// From the decision until the tenant was where it was wished.
  LatencyTotals took{};
};

/// All that is told of the monitor.
struct MonitorFigures {
  MonoTime now;
  const InstanceMonitor& monitor;
  const Snapshot& recorded;
  std::vector<InstanceView> instances{};
  /// Heartbeats missed in a row, and how often each was found to hang.
  std::map<InstanceId, std::uint32_t> missed_heartbeats{};
  std::map<InstanceId, std::uint64_t> hangs{};
  /// Looks at instances that brought nothing.
  std::uint64_t failed_samples = 0;
  MoveCounts moves{};
  /// Null: nobody asks through the edge.
  const EdgeWatch* edge = nullptr;
  /// Null: nobody hears of them.
  const OutboxWatch* outboxes = nullptr;
  /// Of the machine, and of the daemon itself.
  HostUsage host{};
  std::optional<ProcessUsage> own{};
  std::string_view version{};
  WallTime told_at{};
};

/// The text form of Prometheus (0.0.4): samples of tenants, instances and host, and what the
/// monitor makes of them. Pure. An instance is told by the label `instance_name`, because
/// Prometheus gives `instance` to what it has scraped.
std::string render_monitor_metrics(const MonitorFigures& figures);

}  // namespace voicectl
