// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/os/unique_fd.h"

namespace voicectl {

/// Which file of a rotated log is read first.
enum class LogStart {
  kPresentFile,
  kOldestFile  ///< those that were put aside too: <path>.7 to <path>.1
};

/// Reads the lines of a log file as they come, across rotation: a file that is put aside is read to
/// its end first.
///
/// THREADS: one at a time.
class LogTail {
 public:
  /// A file that is not there yet is read when it appears.
  LogTail(std::string path, LogStart start) : path_(std::move(path)), start_(start) {}

  /// Whole lines that came since the last call, at most about 1 MiB of them: call again until it
  /// gives none.
  std::vector<std::string> next();

 private:
  enum class Opened { kYes, kNo };

  Opened open(int number);
  /// The first file that is there, from that number down.
  Opened open_from(int oldest);
  Opened open_first();
  Opened open_newer();
  std::string read_piece();
  std::vector<std::string> cut(const std::string& bytes);
  /// Under which number the open file stands, 0 for the log's own name; nullopt if it is gone.
  std::optional<int> number_now() const;

  std::string path_;
  LogStart start_;
  UniqueFd file_;
  /// Its number when it was opened.
  int number_ = 0;
  std::uint64_t offset_ = 0;
  std::string partial_;
  /// The open file was put aside before its end was read: nothing comes any more.
  bool is_finished_ = false;
};

}  // namespace voicectl
