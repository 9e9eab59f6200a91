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
#include "provisioner/instances/instance_manager.h"

namespace voicectl {

/// What an instance was last seen to use.
struct InstanceLoad {
  std::optional<double> cpu_percent;
  std::optional<std::uint64_t> rss_bytes;
  std::uint64_t sessions = 0;
};

/// What a tenant was last seen to use.
struct TenantLoad {
  std::uint64_t sessions = 0;
  std::uint64_t websockets = 0;
  std::optional<double> requests_per_s;
  std::optional<std::uint32_t> cpu_milli;
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
  };
  /// REQUIRES: all outlive it.
  explicit LoadFeed(Deps deps);

  /// Samples now and then every kSampleInterval.
  void start();

  LoadView view() const;

 private:
  void sample();
  void take(const InstanceView& instance, const std::string& stats);

  Deps deps_;
};

}  // namespace voicectl
