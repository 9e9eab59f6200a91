// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/os/reactor.h"
#include "monitor/instance_monitor.h"
#include "monitor/load_source.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/instances/instance_manager.h"

namespace voicectl {

/// What an instance was last seen to use.
struct InstanceLoad {
  std::optional<double> cpu_percent;
  std::optional<std::uint64_t> rss_bytes;
  std::uint64_t sessions = 0;
};

/// Live sessions and load, as last sampled.
struct LoadView {
  std::map<InstanceId, InstanceLoad> instances;
  std::map<TenantId, std::uint64_t> sessions;
};

/// Feeds the monitor: asks the instances for their tenants' load, and the operating system for what
/// their processes use. What the monitor would promote is told as an event and not acted on.
///
/// THREADS: loop thread only.
class LoadFeed {
 public:
  struct Deps {
    Reactor& reactor;
    InstanceManager& instances;
    LoadSource& processes;
    const RecordedState& recorded;
    EventLog& events;
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
  InstanceMonitor monitor_;
};

}  // namespace voicectl
