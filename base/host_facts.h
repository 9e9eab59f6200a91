// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace voicectl {

enum class FileKind { kFile, kFolder, kLink, kSocket, kOther };

/// Tells one file from every other one of this machine, whatever it is called.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// What is at a path, not followed if it is a link.
struct FileFacts {
  FileKind kind = FileKind::kOther;
  /// Permission bits, such as 0600.
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;
  FileIdentity identity;
  /// When its content, mode or owner was last changed: the kernel's word, which no program sets.
  WallTime changed_at{};
  /// The same, as fine as the file system has it.
  std::int64_t changed_ns = 0;
  /// Names that it has; another one may be in a folder of somebody else's.
  std::uint64_t names = 1;
  /// Where a link points.
  std::string target;
  friend bool operator==(const FileFacts&, const FileFacts&) = default;
};

/// By which one knows that nobody has touched what is at a path: not its text, not its mode, not
/// its owner, and that nothing else came into its place.
struct FileStamp {
  bool exists = false;
  FileIdentity identity;
  std::int64_t changed_ns = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

inline FileStamp stamp_of(const std::optional<FileFacts>& facts) {
  return facts ? FileStamp{true, facts->identity, facts->changed_ns} : FileStamp();
}

/// A running process, as anybody may see it.
struct ProcessFacts {
  int pid = 0;
  int parent = 0;
  std::uint64_t start_ticks = 0;
  std::uint32_t uid = 0;
  /// Path of its program, also of one that is deleted by now; empty if that may not be seen.
  std::string program;
  std::vector<std::string> arguments;
  WallTime began{};
  friend bool operator==(const ProcessFacts&, const ProcessFacts&) = default;
};

/// A TCP socket that listens.
struct ListenerFacts {
  std::uint16_t port = 0;
  /// Of the socket, as /proc/<pid>/fd names it.
  std::uint64_t inode = 0;
  std::uint32_t uid = 0;
  friend bool operator==(const ListenerFacts&, const ListenerFacts&) = default;
};

}  // namespace voicectl
