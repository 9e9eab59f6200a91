// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "provisioner/edge/edge_proxy.h"
#include "provisioner/edge/nginx_check.h"
#include "provisioner/edge/nginx_edge.h"
#include "provisioner/edge/nginx_process.h"

namespace voicectl {

/// Brings one configuration into service, or leaves everything as it was: written beside the old
/// one, tested, swapped by renaming, loaded, confirmed; and back again if nginx does not take it.
///
/// THREADS: loop thread only.
class NginxChange {
 public:
  NginxChange(const NginxEdgeDeps& deps, const NginxEdgeOptions& options, NginxProcess& process);
  NginxChange(const NginxChange&) = delete;
  NginxChange& operator=(const NginxChange&) = delete;

  /// `text` is the configuration and `fingerprint` what it answers. REQUIRES: is_running() is
  /// false. ERRORS: as EdgeProxy::configure.
  void run(const std::string& text, const std::string& fingerprint, Completion<EdgeOutcome> done);
  bool is_running() const { return static_cast<bool>(done_); }

  /// Gives up a change: the old file is back, the completion gets kCancelled.
  void cancel();

 private:
  std::string next_file() const { return process_.config_file() + ".next"; }
  std::string last_file() const { return process_.config_file() + ".last"; }
  void checked(const Status& status);
  Status swap_files();
  Status restore_files();
  void load();
  void loaded(EdgeOutcome outcome, const Status& status);
  void roll_back(EdgeOutcome outcome, Error error);
  void finish(Result<EdgeOutcome> result);
  template <typename Argument, typename Task>
  auto guarded(Task task);

  NginxEdgeDeps deps_;
  const NginxEdgeOptions& options_;
  NginxProcess& process_;
  NginxCheck check_;
  std::uint64_t number_ = 0;
  std::string fingerprint_;
  bool has_last_ = false;
  bool is_swapped_ = false;
  Completion<EdgeOutcome> done_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// Largest configuration: static mode with some ten thousand tenants.
inline constexpr std::size_t kMostConfigBytes = 64U << 20;

}  // namespace voicectl
