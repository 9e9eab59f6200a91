// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/workspace.h"
#include "provisioner/model/desired_state.h"

namespace voicectl {

/// How long the stand-in may take until it listens.
inline constexpr Duration kStartLimit = std::chrono::seconds(10);
/// How long a daemon may take until it answers. It reads its record and takes over what still runs
/// before: seconds for ten thousand tenants, and more on a slow or busy machine.
inline constexpr Duration kDaemonStartLimit = std::chrono::minutes(2);
/// After how long whoever waits for it is told what for.
inline constexpr Duration kStartPatience = std::chrono::seconds(3);
/// How often it is asked meanwhile.
inline constexpr Duration kAskInterval = std::chrono::milliseconds(50);
static_assert(kAskInterval * 10 < kStartLimit);

/// Whether a program had to be started.
enum class Started { kNow, kBefore };

/// "127.0.0.1:4100" for an endpoint on this machine; nullopt for any other.
std::optional<std::string> loopback_address(const std::string& endpoint);

/// The programs of a workspace: the daemon and the stand-in for Ultravox.
class PlatformPrograms {
 public:
  PlatformPrograms(CommandContext& context, Workspace& workspace)
      : context_(context), workspace_(workspace) {}

  /// Runs the stand-in at `address` ("host:port"), with the platform's key. It reaches the tenants'
  /// webhooks through the edge, if there is one, whatever names resolve to here. Idempotent. Waits
  /// until it listens.
  /// ERRORS: kTimeout; kInternal when it ends instead, with the end of its log.
  Result<Started> start_stand_in(const std::string& address, const PlatformSpec& platform);

  /// Runs the daemon and waits until it answers. Idempotent.
  /// ERRORS: kTimeout; kUnavailable when it ends instead, with the end of its log.
  Result<Started> start_daemon();

  /// Waits for the daemon to end after it was told to, and forgets it.
  /// ERRORS: kTimeout.
  Status await_daemon_end(Duration limit);

  /// Ends the stand-in, with force if it does not go. Idempotent.
  Status stop_stand_in();

  bool is_running(std::string_view program);

 private:
  Result<std::string> find_or_choose_run_folder();
  Result<Started> start(std::string_view name, LaunchSpec spec, const std::string& log);
  Status await_stand_in(const ProcessIdentity& stand_in, std::size_t log_before);
  Status await_answer(const ProcessIdentity& daemon, std::size_t log_before);
  std::string read_log(const std::string& log) const;
  /// What came behind the first `before` bytes; all of it if that is no longer the same file.
  std::string read_log_behind(const std::string& log, std::size_t before) const;
  Error ended_at_once(std::string_view program, const std::string& log, std::size_t before) const;

  CommandContext& context_;
  Workspace& workspace_;
};

}  // namespace voicectl
