// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/os/file_system.h"

namespace voicectl {

/// A disk in memory. It belongs to the simulated machine: a killed daemon leaves it as it is.
///
/// Like the real side every call is durable when it returns, so a loss of power loses nothing.
/// Folders must exist before something is put into them; "/" always does.
class FakeFileSystem final : public FileSystem {
 public:
  enum class Kind { kFile, kDirectory, kLink, kSocket };

  struct Entry {
    Kind kind = Kind::kFile;
    std::string content;  ///< of a file; where a link points
    FileMode mode = kPrivateFile;
    UserIds owner;
  };

  Result<std::optional<std::string>> read(const std::string& path, std::size_t max_bytes) override;
  Result<std::optional<std::string>> read_without_links(const std::string& path,
                                                        std::size_t max_bytes) override;
  Result<std::string> real_path(const std::string& path) override;
  Status replace_atomically(const std::string& path,
                            std::string_view content,
                            FileMode mode) override;
  Status replace_owned(const std::string& path,
                       std::string_view content,
                       FileMode mode,
                       UserIds owner) override;
  Status replace_link(const std::string& path, const std::string& target) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Status make_directory(const std::string& path, FileMode mode) override;
  Status remove(const std::string& path) override;
  Status set_owner(const std::string& path, UserIds owner) override;
  Status move(const std::string& from, const std::string& to) override;

  /// The `n`-th call from now (1 is the next one) fails with `error` and does nothing else.
  void fail_at(std::size_t n, Error error);

  /// From now on every call that writes fails with kResourceExhausted, until `free_space`.
  void fill_disk() { is_full_ = true; }
  void free_space() { is_full_ = false; }
  bool is_full() const { return is_full_; }

  /// What is at `path`; nullptr if nothing is.
  const Entry* find(const std::string& path) const;
  /// Content of the file at `path`; nullopt if there is none.
  std::optional<std::string> content_of(const std::string& path) const;
  /// Puts a file there with its folders, as another program or an administrator would.
  void put(const std::string& path, std::string_view content, FileMode mode = kPrivateFile);
  /// Changes the bytes of a file behind the daemon's back: a broken disk or a careless hand.
  void damage(const std::string& path, std::string_view content);
  /// Power is lost in the middle of a call, named as FaultyFileSystem names it ("remove /a/b"):
  /// what POSIX leaves of one that is not atomic. A tree is removed in part, folders are made in
  /// part, and beside a file that was to be replaced stands a new one that is half written. All
  /// else has happened or not.
  void tear(std::string_view call);
  /// As chmod(1) and chown(1) do. REQUIRES: something is there.
  void set_access(const std::string& path, FileMode mode, UserIds owner);
  /// Puts a socket file there, replacing what is there (for FakeNetwork).
  Status put_socket(const std::string& path, FileMode mode, UserIds owner);

  /// Every call that changed something, oldest first: "replace /a/b", "remove /a".
  const std::vector<std::string>& operations() const { return operations_; }
  /// Everything on the disk below "/", by path.
  const std::map<std::string, Entry>& entries() const { return entries_; }

 private:
  /// Counts a call, and says whether it may go on.
  Status admit();
  Status admit_write(const std::string& path);
  Status require_parent(const std::string& path) const;
  bool is_directory(const std::string& path) const;
  /// As real_path, which counts as a call.
  Result<std::string> resolve(const std::string& path) const;
  /// Removes `path` and what is below it.
  void erase_tree(const std::string& path);

  std::map<std::string, Entry> entries_;
  std::vector<std::string> operations_;
  std::size_t calls_ = 0;
  std::map<std::size_t, Error> failures_;
  bool is_full_ = false;
};

}  // namespace voicectl
