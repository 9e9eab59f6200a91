// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/os/file_system.h"
#include "base/result.h"
#include "provisioner/registry/registry.h"

namespace voicectl {

/// Copies of what others wrote into files of ours that are kept, of the platform's own files and of
/// each tenant's; the oldest go first. Nobody's edits make others' copies go.
inline constexpr std::size_t kKeptCopies = 100;
inline constexpr std::size_t kKeptCopiesOfTenant = 20;

/// What was last written into files that others might edit; and what others wrote there, which is
/// kept before it is written over.
///
/// THREADS: loop thread only.
class WrittenFiles {
 public:
  /// Hears of every copy: the file, and where its text is kept. May be empty.
  using OnKept = std::function<void(const std::string& path, const std::string& copy)>;

  /// `recorded` is what the registry knows; copies go into `folder`. REQUIRES: both outlive it.
  WrittenFiles(FileSystem& files,
               const WallClock& wall,
               std::string folder,
               std::map<std::string, std::string> recorded,
               OnKept on_kept)
      : files_(files),
        wall_(wall),
        folder_(std::move(folder)),
        digests_(std::move(recorded)),
        on_kept_(std::move(on_kept)) {}

  /// SHA-256 of what was last written there; empty: nobody knows.
  std::string digest_of(const std::string& path) const;

  /// Another one whenever digest_of() may say something else.
  std::uint64_t version() const { return version_; }

  /// `text` stands there now.
  void note(const std::string& path, std::string_view text);
  /// What stands below `prefix` is gone, and so are the copies of it.
  Status forget(const std::string& prefix);

  /// Whether a text that is not the last one was written by us all the same.
  using IsOurs = std::function<bool(std::string_view text)>;
  /// Call it before `text` is written over what is there: that is kept, unless it is ours, as all
  /// is that was written last; what is no file, or too long for one of ours, is set aside. Cheap
  /// where nobody has touched anything: one read.
  Status keep_before(const std::string& path, std::string_view text, const IsOurs& is_ours = {});
  /// Keeps what is there unless its SHA-256 is one of these. What is no file is set aside.
  Status keep_unless(const std::string& path, const std::vector<std::string>& digests);
  /// Sets aside what is at `path`, whatever it is: in the folder of copies, or beside itself where
  /// that is on another file system.
  Status set_aside(const std::string& path);

  /// Adds what was written since the last call to what is about to be recorded.
  void take_into(RecordedChange& change);

 private:
  /// The text there; nullopt also if that was no text of ours in kind, and has been set aside.
  Result<std::optional<std::string>> read_or_set_aside(const std::string& path);
  Result<std::string> copy_path(const std::string& path, const std::string& digest);
  Status keep(const std::string& path, const std::string& text, const std::string& digest);
  /// Whose copy it is, by its name.
  std::string owner_of(std::string_view copy) const;
  Status prune();

  FileSystem& files_;
  const WallClock& wall_;
  std::string folder_;
  std::map<std::string, std::string> digests_;
  std::uint64_t version_ = 0;
  /// Paths whose digests the registry does not have yet.
  std::set<std::string> news_;
  OnKept on_kept_;
};

}  // namespace voicectl
