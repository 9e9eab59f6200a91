// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/os/reactor.h"
#include "monitor/instance_monitor.h"
#include "monitor/load_source.h"
#include "provisioner/daemon/tenant_stats.h"
#include "provisioner/instances/instance_manager.h"

namespace voicectl {

/// What an instance was last seen to use.
struct InstanceLoad {
  std::optional<double> cpu_percent;
  std::optional<std::uint64_t> rss_bytes;
  std::uint64_t sessions = 0;
  std::optional<double> loop_lag_ms{};
  std::optional<std::uint64_t> pss_bytes{};
  std::optional<std::uint32_t> threads{};
  std::optional<std::uint32_t> descriptors{};
};

/// What a tenant was last seen to use.
struct TenantLoad {
  std::uint64_t sessions = 0;
  std::uint64_t websockets = 0;
  std::optional<double> requests_per_s;
  std::optional<std::uint32_t> cpu_milli;
  /// Of requests of about the last minute, in milliseconds: half, 95 and 99 of 100 were faster.
  std::optional<double> p50_ms{};
  std::optional<double> p95_ms{};
  std::optional<double> p99_ms{};
  std::optional<std::uint64_t> in_flight{};
  std::optional<double> received_per_s{};
  std::optional<double> sent_per_s{};
  /// As placements are decided with.
  std::optional<std::uint32_t> steady_cpu_milli{};
  std::optional<std::uint64_t> memory_bytes{};
  std::optional<double> events_per_s{};
};

/// Live sessions and load, as last sampled.
struct LoadView {
  std::map<InstanceId, InstanceLoad> instances;
  std::map<TenantId, TenantLoad> tenants;
};

/// Feeds the monitor: asks the instances for their tenants' load, and the operating system for what
/// their processes use.
///
/// THREADS: loop thread only.
class LoadFeed {
 public:
  struct Deps {
    Reactor& reactor;
    InstanceManager& instances;
    LoadSource& processes;
    InstanceMonitor& monitor;
    /// Called before each round, with what the last one has brought.
    std::function<void()> on_round;
    /// Called with what an instance told, when the monitor has it. May be empty.
    std::function<void(const InstanceReport&)> on_report = {};
    /// Called with what an instance told, before anything is made of it. May be empty.
    std::function<void(const InstanceStats&)> on_told = {};
  };
  /// REQUIRES: all outlive it.
  explicit LoadFeed(Deps deps);

  /// Samples now and then every kSampleInterval.
  void start();

  LoadView view() const;
  /// Looks that brought nothing so far.
  std::uint64_t failures() const { return failures_; }

 private:
  void sample();
  void take(const InstanceView& instance, InstanceStats told);

  Deps deps_;
  std::uint64_t failures_ = 0;
};

}  // namespace voicectl
