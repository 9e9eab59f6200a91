// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "playbooks/modules/module.h"

namespace voicectl {

enum class PathKind { kFile, kDirectory, kOther };

/// What a host shows at a path.
struct PathState {
  PathKind kind = PathKind::kOther;
  FileMode mode = kPrivateFile;
  std::string owner;
  std::string group;
  /// Of a file's content; empty for anything else.
  std::string sha256;
};

/// nullopt if there is nothing.
/// ERRORS: kPermissionDenied if the user may not look; those of the transport.
Result<std::optional<PathState>> probe_path(SshTransport& host, const std::string& path);

/// What is asked of a path. An empty owner or group is left as it is.
struct FileSpec {
  std::string path;
  std::string content;
  FileMode mode{0644};
  std::string owner{};
  std::string group{};
};
struct DirectorySpec {
  std::string path;
  FileMode mode{0755};
  std::string owner{};
  std::string group{};
};

/// Pure. ERRORS: kConflict if something of another kind is in the way.
Result<std::vector<Change>> diff_file(const FileSpec& spec, const std::optional<PathState>& found);
Result<std::vector<Change>> diff_directory(const DirectorySpec& spec,
                                           const std::optional<PathState>& found);

}  // namespace voicectl
