// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace voicectl {

/// Permission bits, such as 0600.
enum class FileMode : std::uint32_t {};
inline constexpr FileMode kPrivateFile{0600};
inline constexpr FileMode kPrivateDirectory{0700};
inline constexpr FileMode kSharedDirectory{0711};

/// User and group that own a file or that a process runs as.
struct UserIds {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  friend bool operator==(const UserIds&, const UserIds&) = default;
};

/// The files that voicectl keeps: small, replaced whole, durable when a call returns.
///
/// Paths are absolute. Nothing follows a symbolic link in the last part of a path.
/// THREADS: any (each call is independent).
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// The whole file; nullopt if there is none. ERRORS: kResourceExhausted above `max_bytes`;
  /// kCorrupt if what is there is no file; kPermissionDenied; kInternal on a broken disk.
  virtual Result<std::optional<std::string>> read(const std::string& path,
                                                  std::size_t max_bytes) = 0;

  /// As `read`, of a path in which nothing is a symbolic link, so that nobody who may write to one
  /// of its folders leads elsewhere. ERRORS: kCorrupt also if a part of it is one.
  virtual Result<std::optional<std::string>> read_without_links(const std::string& path,
                                                                std::size_t max_bytes) = 0;

  /// Where `path` leads: absolute, without links, "." and "..". It may lead elsewhere the next
  /// moment: read_without_links reads what was found, or nothing.
  /// ERRORS: kNotFound if nothing is there; kCorrupt for links that go round; kPermissionDenied.
  virtual Result<std::string> real_path(const std::string& path) = 0;

  /// After success every reader, also one after loss of power, sees all of `content`; before it,
  /// the old file. (Temporary file, fsync, rename, fsync of the folder.) ERRORS: kCorrupt: a
  /// folder.
  virtual Status replace_atomically(const std::string& path,
                                    std::string_view content,
                                    FileMode mode) = 0;

  /// As replace_atomically, and the file is `owner`'s from the moment it has its name; only root
  /// can.
  virtual Status replace_owned(const std::string& path,
                               std::string_view content,
                               FileMode mode,
                               UserIds owner) = 0;

  /// Points the symbolic link `path` at `target`, replacing an older link in one step. One that
  /// points there already is left as it is.
  virtual Status replace_link(const std::string& path, const std::string& target) = 0;

  /// Names in a folder, sorted, without "." and ".."; empty if there is no such folder. What an
  /// interrupted replacement left (".<name>.new", gone with the next one) is not shown.
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;

  /// Makes the folder and its missing parents; an existing folder gets `mode`. Costs no flush if
  /// all is so already.
  virtual Status make_directory(const std::string& path, FileMode mode) = 0;

  /// Removes a file, a link or a whole folder. What is not there is success.
  virtual Status remove(const std::string& path) = 0;

  /// Gives a file or folder to another user; only root can. Costs no flush if it is theirs already.
  virtual Status set_owner(const std::string& path, UserIds owner) = 0;

  /// Renames within one file system, replacing a file, durable when it returns.
  virtual Status move(const std::string& from, const std::string& to) = 0;
};

}  // namespace voicectl
