// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/os/asio_reactor.h"
#include "base/result.h"
#include "provisioner/model/daemon_paths.h"

namespace voicectl {

/// Where listeners are kept while no process of ours lives.
enum class DescriptorKeeper {
  kAuto,     ///< systemd if it says that it keeps descriptors of ours, else the holder
  kSystemd,  ///< its FD store
  kHolder,   ///< voicectl-holder
  kNone,
};

/// What voicectld is started with; see provisioner/daemon/README.md.
struct HostOptions {
  DaemonPaths paths{"/var/lib/voicectl", "/run/voicectl", "/var/log/voicectl"};
  std::string runtime;
  std::string nginx = "/usr/sbin/nginx";
  /// Empty: voicectl-holder beside `runtime`.
  std::string holder;
  DescriptorKeeper keeper = DescriptorKeeper::kAuto;
  /// WebSockets outlive the death of their instance.
  bool keep_connections = true;
  /// Empty: `<run>/control.sock`.
  std::string control;
  std::string instance_user;
  std::string edge_user;
  /// Of instances that one tenant has for itself: about a ninth of what the pool gets, as one
  /// tenant of ten.
  int dedicated_niceness = 10;
  bool plain_http = false;
  LogLevel log_level = LogLevel::kInfo;
};

/// The daemon on a real machine: every seam with its real side, and the control server.
///
/// THREADS: the thread that runs the reactor.
class RealHost {
 public:
  /// Opens the registry and puts everything together; touches no process yet.
  /// ERRORS: kConflict if another daemon has the state or the run folder; kInvalidArgument for
  /// folders that are too long or users that do not exist; those of the registry.
  /// REQUIRES: `reactor` and `sink` outlive it.
  static Result<std::unique_ptr<RealHost>> open(AsioReactor& reactor,
                                                HostOptions options,
                                                LogSink& sink);
  ~RealHost();
  RealHost(const RealHost&) = delete;
  RealHost& operator=(const RealHost&) = delete;

  /// Serves the control API, takes over what runs, brings everything to the desired state.
  void start(std::function<void()> on_ready);
  /// Whether it ended because it could not serve; why is in the log.
  bool has_failed() const;
  /// Ends the daemon and leaves instances and nginx running.
  void detach();
  void reopen_logs();
  /// Opens logs anew and brings everything to the desired state again; then `done`.
  void reload(std::function<void()> done);

 private:
  struct Inner;
  explicit RealHost(std::unique_ptr<Inner> inner);

  std::unique_ptr<Inner> inner_;
};

}  // namespace voicectl
