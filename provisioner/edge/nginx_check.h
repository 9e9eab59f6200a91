// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/os/process_spawner.h"
#include "base/result.h"
#include "provisioner/edge/nginx_edge.h"
#include "provisioner/edge/nginx_log.h"

namespace voicectl {

/// Asks nginx whether it would take a configuration (`nginx -t`).
///
/// THREADS: loop thread only.
class NginxCheck {
 public:
  NginxCheck(const NginxEdgeDeps& deps, const NginxEdgeOptions& options);
  NginxCheck(const NginxCheck&) = delete;
  NginxCheck& operator=(const NginxCheck&) = delete;

  /// Checks the configuration in `file`. A check that still runs is given up with kCancelled.
  /// ERRORS: kInvalidArgument with nginx's words; kTimeout; kNotFound without the program.
  void run(const std::string& file, Completion<void> done);

  /// Ends a check that runs; its completion gets kCancelled.
  void cancel();

 private:
  void ended(const ProcessExit& exit);
  void expired();
  void finish(Status status);
  /// A handler that does nothing once the check it was made for is over.
  template <typename Member, typename... Arguments>
  auto handler(Member member);

  NginxEdgeDeps deps_;
  const NginxEdgeOptions& options_;
  std::string log_file_;
  /// nginx complains to the file of its `-e` until it has read the configuration, and then to the
  /// log that the configuration names.
  NginxLog early_;
  NginxLog late_;
  std::uint64_t number_ = 0;
  std::optional<ProcessIdentity> process_;
  std::optional<TimerId> timer_;
  Completion<void> done_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// Program and prefix, then `more`.
LaunchSpec nginx_launch_spec(const NginxEdgeOptions& options, std::vector<std::string> more);

}  // namespace voicectl
