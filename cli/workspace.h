// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/os/file_system.h"
#include "base/os/process_spawner.h"
#include "base/result.h"

namespace voicectl {

inline constexpr std::string_view kWorkspaceLock = "lock";

/// Folder of a platform that `voicectl up` started: its state, its logs, and what runs.
///
///   config/            the platform file that was applied last
///   state/  log/       given to the daemon
///   workspace.json     where the daemon is reached
///   daemon.json  standin.json    identities of the programs, while they run
///   lock               held by the 'up' or 'down' that works here
class Workspace {
 public:
  /// `folder` is absolute.
  Workspace(FileSystem& files, std::string folder) : files_(files), folder_(std::move(folder)) {}

  const std::string& folder() const { return folder_; }
  std::string path(std::string_view name) const { return folder_ + "/" + std::string(name); }

  /// Makes the folder and what this program writes in it. Idempotent. `mode` is that of the folder
  /// itself: users of instances may have to pass through it.
  Status make(FileMode mode);

  /// Folder of sockets that the daemon of this workspace runs with; nullopt if it was never up.
  Result<std::optional<std::string>> find_run_folder() const;
  Status write_run_folder(const std::string& run_folder);

  /// Identity of a program ("daemon", "standin") as last started; nullopt if it was ended.
  Result<std::optional<ProcessIdentity>> find_program(std::string_view name) const;
  Status write_program(std::string_view name, const ProcessIdentity& who);
  Status forget_program(std::string_view name);

 private:
  FileSystem& files_;
  std::string folder_;
};

/// Folder for the sockets of the workspace `folder`: short, because a socket's address is, and
/// another one for each user and workspace. `runtime_folder` is XDG_RUNTIME_DIR, if there is one.
std::string run_folder_of(const std::string& folder,
                          std::uint32_t user_id,
                          const std::optional<std::string>& runtime_folder);

/// `path` as seen from `base` (absolute), without "." and "..".
std::string absolute_path(const std::string& base, const std::string& path);

}  // namespace voicectl
