// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/os/file_system.h"
#include "base/result.h"
#include "playbooks/remote_command.h"

namespace voicectl {

/// What came of a command that ran to its end.
struct CommandOutcome {
  int exit_code = 0;
  std::string out{};
  std::string err{};
  bool succeeded() const { return exit_code == 0; }
};

/// Most bytes that are taken of each of a command's two outputs.
inline constexpr std::size_t kMostOutput = 1U << 20;

/// One host, reached as one user.
///
/// THREADS: one at a time; calls block.
class SshTransport {
 public:
  virtual ~SshTransport() = default;

  /// Runs a command to its end. An exit code other than zero is an outcome, not an error.
  /// ERRORS: kUnavailable if the connection breaks; kTimeout if nothing comes for too long; then
  /// the command may have run or not. kResourceExhausted above kMostOutput. kInternal if a signal
  /// ended the command.
  virtual Result<CommandOutcome> run(const RemoteCommand& command) = 0;

  /// Puts a file in place of another in one step.
  /// ERRORS: kPermissionDenied; kNotFound if its folder is missing; as `run`.
  virtual Status upload(std::string_view content, const std::string& path, FileMode mode) = 0;
};

}  // namespace voicectl
