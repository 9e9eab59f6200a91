// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/os/process_spawner.h"
#include "monitor/host_source.h"
#include "monitor/instance_monitor.h"
#include "provisioner/daemon/daemon.h"
#include "provisioner/daemon/edge_watch.h"
#include "provisioner/daemon/liveness_watch.h"
#include "provisioner/daemon/load_feed.h"
#include "provisioner/daemon/load_historian.h"
#include "provisioner/daemon/outbox_watch.h"
#include "provisioner/daemon/promotion_driver.h"

namespace voicectl {

/// All that looks at a daemon's instances and tenants, put together. The simulator runs this very
/// class.
///
/// THREADS: loop thread only.
class Watch {
 public:
  struct Deps {
    Reactor& reactor;
    Daemon& daemon;
    LoadSource& processes;
    HostSource& host;
    HttpProbe& probe;
    /// Of the authorities that tenants' certificates are good by.
    std::string ca_file;
    /// The daemon's own process, if it can be told.
    std::function<std::optional<ProcessIdentity>()> own;
    std::string version;
  };
  /// REQUIRES: all outlive it.
  explicit Watch(Deps deps);

  /// Begins to look, and does so for ever.
  void begin();

  InstanceMonitor& monitor() { return monitor_; }
  LoadView load() const { return load_.view(); }
  LivenessWatch& liveness() { return liveness_; }
  LoadFeed& feed() { return load_; }
  const EdgeWatch& edge() const { return edge_; }
  EdgeWatch& edge() { return edge_; }

  /// For Prometheus.
  std::string metrics() const;

 private:
  Deps deps_;
  InstanceMonitor monitor_;
  PromotionDriver promotion_;
  LoadHistorian history_;
  OutboxWatch outboxes_;
  LoadFeed load_;
  LivenessWatch liveness_;
  EdgeWatch edge_;
};

}  // namespace voicectl
