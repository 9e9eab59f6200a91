// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/latency_histogram.h"
#include "base/log.h"
#include "monitor/host_source.h"
#include "monitor/instance_monitor.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/apply/registry_queue.h"

namespace voicectl {

/// Writes down what each tenant did and each process used, minute by minute
/// (registry/load_history.h), from what the monitor hears; and what the host used, which it looks
/// at each minute. Nothing while the monitor is off: then it drops what is kept no longer, once an
/// hour.
///
/// One transaction a minute, off the loop. A daemon that dies loses the minute under way; what
/// could not be written is tried again each minute, the last kWaiting of them.
/// THREADS: loop thread only.
class LoadHistorian {
 public:
  struct Deps {
    const Clock& clock;
    const WallClock& wall;
    RegistryQueue& registry;
    const InstanceMonitor& monitor;
    const RecordedState& recorded;
    const Log& log;
    HostSource& host;
  };
  /// REQUIRES: all outlive it.
  explicit LoadHistorian(Deps deps) : deps_(deps), self_(std::make_shared<LoadHistorian*>(this)) {}

  /// Minutes that wait to be written: longer than that no disk is full unnoticed.
  static constexpr std::size_t kWaiting = 10;
  /// Time between two looks at what is kept no longer, while the monitor is off. Cheap: nothing is
  /// written if there is nothing.
  static constexpr Duration kDropInterval = std::chrono::hours(1);

  /// The monitor has taken that report.
  void hear(const InstanceReport& report);
  /// Writes the minute if another one has begun. Called for each round of samples.
  void turn();

 private:
  struct Told {
    /// When its tenant was made: one that is deleted and made again is another one.
    WallTime made_at;
    LoadRow row;
    LatencyHistogram latency{};
  };
  using Rows = std::map<TenantId, Told>;
  struct Minute {
    WallTime at;
    MonoTime since;
    std::chrono::milliseconds watched{0};
    Rows rows{};
    std::map<InstanceId, UsageRow> usage{};
    std::optional<UsageRow> host{};
  };

  bool is_off() const;
  void add(const ObservedTenantLoad& seen, const LatencyHistogram& latency);
  void add_process(const InstanceReport& report);
  /// Since it was last looked at.
  std::optional<UsageRow> host_row(Duration passed);
  void write();
  void end_minute(MonoTime now);
  /// Of the tenants that are still there.
  std::vector<LoadRow> rows_of(const Minute& minute) const;
  /// Not of the instance of a tenant that is gone: what tells of it was deleted.
  std::vector<UsageRow> usage_of(const Minute& minute) const;
  void drop_old(MonoTime now);

  Deps deps_;
  /// The one under way; absent while the monitor is off.
  std::optional<Minute> minute_;
  /// Processor time as last told, of the instances that are there.
  std::map<InstanceId, Duration> used_{};
  std::optional<HostUsage> host_{};
  /// Oldest first.
  std::deque<std::shared_ptr<const Minute>> waiting_;
  bool is_writing_ = false;
  /// When old steps were dropped, while the monitor is off.
  std::optional<MonoTime> dropped_at_{};
  /// That was said, until it is well again.
  bool has_failed_ = false;
  /// Dies with it, so that a completion that comes later is dropped.
  std::shared_ptr<LoadHistorian*> self_;
};

}  // namespace voicectl
