// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/os/file_system.h"
#include "base/os/process_spawner.h"
#include "base/os/reactor.h"
#include "base/random.h"
#include "provisioner/edge/edge_proxy.h"
#include "provisioner/edge/edge_status.h"

namespace voicectl {

struct NginxEdgeOptions {
  /// Absolute path of the program.
  std::string program = "/usr/sbin/nginx";
  EdgeFolders folders;
  /// How long the test of a configuration may take.
  Duration test_timeout = std::chrono::seconds(10);
  /// How long a start or a reload may take until it is served.
  Duration serve_timeout = std::chrono::seconds(10);
  /// Time between two questions to the status socket while waiting.
  Duration status_interval = std::chrono::milliseconds(20);
  /// For how long only the new configuration may answer before a reload counts as served: nginx
  /// lets old processes accept for 100 ms after the new ones have started.
  Duration settle = std::chrono::milliseconds(150);
  /// Between SIGTERM and SIGKILL.
  Duration stop_grace = std::chrono::seconds(5);
  BackoffPolicy restart{std::chrono::milliseconds(100), std::chrono::seconds(30), 0.2};
};

struct NginxEdgeDeps {
  Reactor& reactor;
  FileSystem& files;
  ProcessSpawner& processes;
  EdgeStatusSource& status;
  Random& random;
};

/// nginx as the edge: a child that outlives the daemon and is found again by its identity.
///
/// THREADS: loop thread only.
class NginxEdge final : public EdgeProxy {
 public:
  /// `on_event` may be empty. REQUIRES: `deps` outlive it.
  NginxEdge(NginxEdgeDeps deps, NginxEdgeOptions options, OnEvent on_event);
  /// nginx keeps running.
  ~NginxEdge() override;

  /// Takes over an nginx of an earlier daemon run: the one of `recorded` (or, without it, of the
  /// edge's own record or of the status socket) if it still is that process and answers. `done`
  /// gets true if one was taken over, and false if none runs. Call it once, before configure().
  void adopt(std::optional<ProcessIdentity> recorded, Completion<bool> done);

  void configure(const EdgeConfig& config, Completion<EdgeOutcome> done) override;
  Status publish_route(const TenantId& tenant,
                       const std::vector<HostName>& hosts,
                       const std::string& socket_path) override;
  Status withdraw_route(const TenantId& tenant) override;
  EdgeObservation observe() const override;
  std::string config_file() const override;
  Status reopen_logs() override;
  void stop(Completion<void> done) override;

 private:
  class Inner;
  std::unique_ptr<Inner> inner_;
};

}  // namespace voicectl
