// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "monitor/host_source.h"
#include "provisioner/daemon/drift_watch.h"
#include "provisioner/daemon/edge_watch.h"
#include "provisioner/daemon/load_feed.h"
#include "provisioner/daemon/reconcile_loop.h"
#include "provisioner/model/daemon_paths.h"

namespace voicectl {

/// What the daemon says about itself and the platform: the answers of the control API that only
/// look (provisioner/api/control_protocol.h).
///
/// THREADS: loop thread only.
class StatusView {
 public:
  struct Deps {
    const ReconcileLoop& loop;
    const RecordedState& recorded;
    const InstanceManager& instances;
    const EdgeProxy& edge;
    DriftWatch& drift;
    const Clock& clock;
    DaemonPaths paths;
    std::string version;
    std::string user;
    int pid = 0;
    std::function<LoadView()> load;
    /// Heartbeats that instances have missed in a row.
    std::function<std::map<InstanceId, std::uint32_t>()> missed_heartbeats;
    const EdgeWatch& edge_watch;
    std::function<HostUsage()> host;
  };
  explicit StatusView(Deps deps) : deps_(std::move(deps)), started_(deps_.clock.now()) {}

  Json version() const;
  Json status() const;
  Json instances() const;
  Json tenants() const;
  /// nullopt if there is none of that name.
  std::optional<Json> tenant(const TenantId& tenant) const;
  /// What it was last seen to do: the members of `tenants` about load.
  Json load_of(const TenantId& tenant) const;
  Json desired() const;

 private:
  Json describe_tenant(const RecordedTenant& tenant, const LoadView& load) const;
  Json describe_instance(const InstanceView& view, const LoadView& load) const;
  Json drift_json() const;
  Json host_json() const;
  std::vector<std::string> problems(const Snapshot& snapshot) const;

  Deps deps_;
  MonoTime started_;
};

}  // namespace voicectl
