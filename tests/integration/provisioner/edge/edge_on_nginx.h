// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/os/asio_reactor.h"
#include "base/os/posix_file_system.h"
#include "base/os/posix_process_spawner.h"
#include "base/os/system_clock.h"
#include "base/random.h"
#include "provisioner/certs/certificate_store.h"
#include "provisioner/certs/dev_authority.h"
#include "provisioner/edge/nginx_edge.h"
#include "tests/integration/provisioner/edge/tiny_client.h"
#include "tests/support/temp_dir.h"

namespace voicectl {

/// A free port of the loopback address.
Port find_free_port();

/// One daemon run's side of the edge on a loop of its own, and files that outlive it.
class EdgeOnNginx {
 public:
  EdgeOnNginx();
  ~EdgeOnNginx();
  EdgeOnNginx(const EdgeOnNginx&) = delete;
  EdgeOnNginx& operator=(const EdgeOnNginx&) = delete;

  /// What every test starts from: dynamic mode, tenants on both ports, one process.
  EdgeConfig config() const;
  const EdgeFolders& folders() const { return folders_; }

  /// The daemon ends and another begins; nginx stays.
  void restart_daemon();

  Result<bool> adopt();
  Result<EdgeOutcome> configure(const EdgeConfig& config);
  Status stop();
  EdgeObservation observe();
  Status publish(const std::string& tenant, const std::vector<std::string>& hosts);
  Status withdraw(const std::string& tenant);
  /// Issues a certificate and hands it to nginx.
  Status certify(const std::string& name);
  /// Runs on the loop.
  void on_loop(const std::function<void()>& task);

  /// Waits until the edge has reported `kind`. Returns whether it did within ten seconds.
  bool wait_for(EdgeEvent::Kind kind);

  std::string socket_of(const std::string& tenant) const;
  ClientOptions https(const std::string& server_name) const;
  ClientOptions http() const;
  std::string root_file() const { return folder_.path("root.pem"); }
  /// nginx's own processes, without the first.
  std::vector<int> processes_of_nginx();
  void send_signal(const ProcessIdentity& who, int signal_number);

 private:
  struct Daemon;

  TempDir folder_;
  EdgeFolders folders_;
  Port http_port_;
  Port https_port_;
  PosixFileSystem files_;
  SystemWallClock clock_;
  SeededRandom random_{1};
  std::unique_ptr<Daemon> daemon_;
};

}  // namespace voicectl
