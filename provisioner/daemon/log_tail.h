// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace voicectl {

/// Reads the lines of a log file as they come, across rotation.
///
/// THREADS: one at a time.
class LogTail {
 public:
  /// From the file's beginning. A file that is not there yet is read when it appears.
  explicit LogTail(std::string path) : path_(std::move(path)) {}

  /// Whole lines that came since the last call, at most about 1 MiB of them: call again until it
  /// gives none. A file that was replaced is read from its beginning.
  std::vector<std::string> next();

 private:
  std::string path_;
  std::uint64_t inode_ = 0;
  std::uint64_t offset_ = 0;
  std::string partial_;
};

}  // namespace voicectl
