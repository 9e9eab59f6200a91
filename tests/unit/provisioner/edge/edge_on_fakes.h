// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "provisioner/edge/nginx_edge.h"
#include "tests/support/edge/fake_nginx.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_process_spawner.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {

/// NginxEdge on a simulated machine: daemons come and go, nginx and the disk stay.
class EdgeOnFakes {
 public:
  EdgeOnFakes();

  void restart_daemon();
  /// The daemon is killed: nothing that it had begun goes on.
  void kill_daemon();

  NginxEdge& edge() { return *daemon_->edge; }
  /// `seconds` of simulated time pass.
  void wait(int seconds) { sim.advance(std::chrono::seconds(seconds)); }
  Result<EdgeOutcome> configure(const EdgeConfig& config);
  Result<bool> adopt(std::optional<ProcessIdentity> recorded = std::nullopt);
  Status stop();

  const EdgeFolders folders{"/run/v", "/log"};
  SimReactor sim;
  FakeFileSystem files;
  FakeProcesses processes{sim};
  FakeNginx nginx{sim, files, processes, folders};
  std::vector<EdgeEvent> events;

 private:
  struct Daemon {
    explicit Daemon(EdgeOnFakes& world);
    SimReactorView loop;
    FakeProcessSpawner spawner;
    SeededRandom random{1};
    std::unique_ptr<NginxEdge> edge;
  };
  std::unique_ptr<Daemon> daemon_;
};

}  // namespace voicectl
