// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/os/process_spawner.h"
#include "base/result.h"
#include "provisioner/edge/nginx_edge.h"

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
  std::uint64_t number_ = 0;
  std::optional<ProcessIdentity> process_;
  std::optional<TimerId> timer_;
  Completion<void> done_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// The worst complaint in nginx's log lines, without its time and process numbers and cut to a
/// length that people read; "" for none.
std::string worst_complaint(const std::string& log_text);

/// Program and prefix, then `more`.
LaunchSpec nginx_launch_spec(const NginxEdgeOptions& options, std::vector<std::string> more);

/// Longest log that is looked into for what nginx said.
inline constexpr std::size_t kMostLogBytes = 32U << 20;

}  // namespace voicectl
