// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/os/process_spawner.h"
#include "base/os/reactor.h"
#include "provisioner/edge/edge_status.h"
#include "provisioner/edge/nginx_edge.h"
#include "provisioner/edge/nginx_log.h"

namespace voicectl {

/// One running nginx, or none: starts it, finds it again, asks what it serves. What to do when
/// something fails is decided elsewhere.
///
/// THREADS: loop thread only.
class NginxProcess {
 public:
  struct Handlers {
    /// Runs right after each start, to write down what was started: a process that nobody would
    /// find again is ended at once when this fails.
    std::function<Status(const ProcessIdentity& who)> on_start;
    /// Runs when the process ends while nobody waits in await().
    std::function<void(const std::string& how)> on_death;
  };

  NginxProcess(const NginxEdgeDeps& deps, const NginxEdgeOptions& options, Handlers handlers);
  NginxProcess(const NginxProcess&) = delete;
  NginxProcess& operator=(const NginxProcess&) = delete;

  const std::optional<ProcessIdentity>& identity() const { return identity_; }

  /// Starts nginx on config_file(). REQUIRES: none runs.
  Status start();

  /// Watches a process of an earlier daemon run.
  /// ERRORS: kNotFound if it is gone.
  Status adopt(const ProcessIdentity& who);

  /// Signals nginx and its own processes. None running is success.
  Status signal(int number);

  /// Makes nginx read its configuration anew; await() tells what came of it.
  Status reload();

  /// Waits until the process serves `fingerprint` and, for `settle`, nothing else.
  /// REQUIRES: one wait at a time.
  /// ERRORS: kTimeout, kUnavailable when the process ends; both with what nginx has logged since
  /// start() or reload(). kCancelled by cancel_wait().
  void await(const std::string& fingerprint, Duration settle, Completion<void> done);
  void cancel_wait();

  std::string config_file() const { return edge_folder(options_.folders) + "/nginx.conf"; }

 private:
  struct Wait {
    std::string fingerprint;
    Duration settle{};
    MonoTime deadline;
    std::optional<MonoTime> first_match;
    std::optional<TimerId> timer;
    Completion<void> done;
  };

  ProcessSpawner::OnExit exit_handler();
  void ended(const ProcessExit& exit);
  void poll();
  void judge(const Result<EdgeStatus>& status);
  void finish_wait(Status status);
  Error not_served(ErrorCode code, const std::string& why);

  NginxEdgeDeps deps_;
  const NginxEdgeOptions& options_;
  Handlers handlers_;
  NginxLog log_;
  std::optional<ProcessIdentity> identity_;
  /// Tells the exit of this process from that of an earlier one.
  std::uint64_t life_ = 0;
  std::optional<Wait> wait_;
  std::uint64_t wait_number_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace voicectl
