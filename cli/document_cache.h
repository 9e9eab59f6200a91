// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/os/file_system.h"
#include "provisioner/model/desired_state_yaml.h"

namespace voicectl {

/// Remembers which canonical document came of which files, so that a plan of a large platform does
/// not read all of its YAML again when nobody has touched it.
///
/// An entry is found by everything that the reading depends on: this program, the working
/// directory, the names and bytes of the documents; and it holds only while the files that those
/// name (menus and the like) have the bytes that they had. Only what had no problem is kept. It is
/// never the last word: the daemon checks each document again.
///
/// OWNS nothing. ERRORS: none: what cannot be read or written is as if it had not been kept.
class DocumentCache {
 public:
  /// Below this reading costs less than looking.
  static constexpr std::size_t kLeastBytes = 16U << 10;
  /// Entries that are kept; one more takes the place of any of them.
  static constexpr std::size_t kMostEntries = 8;

  /// `folder` is absolute and becomes private; nobody but this user may ever have been able to
  /// write in it. `program` says which program reads.
  DocumentCache(FileSystem& files, std::string folder, std::string program);

  /// Name and SHA-256 of each file that documents named.
  using Included = std::vector<std::pair<std::string, std::string>>;
  /// Reads as `read_file` does, and notes in `seen` what was read.
  static FileReader recording(FileReader read_file, std::shared_ptr<Included> seen);

  /// The document that came of `sources` as they are now.
  std::optional<std::string> find(const std::vector<SourceText>& sources,
                                  const std::string& working_directory,
                                  const FileReader& read_file);
  void keep(const std::vector<SourceText>& sources,
            const std::string& working_directory,
            const Included& included,
            std::string_view document);

 private:
  std::string path_of(const std::vector<SourceText>& sources,
                      const std::string& working_directory) const;

  FileSystem& files_;
  std::string folder_;
  std::string program_;
};

}  // namespace voicectl
