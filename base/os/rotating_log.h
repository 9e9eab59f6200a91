// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/os/unique_fd.h"
#include "base/result.h"
#include "base/units.h"

namespace voicectl {

struct LogFileState {
  Bytes size;
  WallTime born{};
};

/// What log pipes need of the operating system. Files only grow and are renamed; none is ever
/// cut, so nothing is lost between a copy and a cut.
/// THREADS: loop thread only.
class LogFiles {
 public:
  virtual ~LogFiles() = default;

  /// Opens the FIFO at `path` for reading and writing without waiting, making it (0600) first if
  /// it is not there.
  /// ERRORS: kConflict if something else is at `path`.
  virtual Result<UniqueFd> open_fifo(const std::string& path) = 0;

  /// What waits in the FIFO, at most `max_bytes`; empty if nothing does.
  virtual Result<std::string> read(const UniqueFd& fifo, std::size_t max_bytes) = 0;

  /// Adds to the end of a file, making it (0640) first if it is not there.
  /// ERRORS: kResourceExhausted on a full disk.
  virtual Status append(const std::string& path, std::string_view lines) = 0;

  /// nullopt if there is no such file.
  virtual std::optional<LogFileState> find(const std::string& path) = 0;

  /// Replaces an older file. What is not there is success.
  virtual Status rename(const std::string& from, const std::string& to) = 0;

  /// What is not there is success.
  virtual Status remove(const std::string& path) = 0;
};

/// When a log file is put aside, and how much is kept.
struct LogRotation {
  /// A file that has grown to this is put aside.
  Bytes max_size{10ULL << 20};
  /// A file that is this old is put aside with the next line.
  std::chrono::hours max_age{24};
  /// `<log>.1` (youngest) to `<log>.7`.
  int kept_files = 7;
  /// All files of one instance together; the oldest go first.
  Bytes total_cap{64ULL << 20};
};

/// Longest line kept whole, in bytes; a longer one is split.
inline constexpr std::size_t kMaxLogLine = 64UL * 1024;

/// Lines remembered for messages.
inline constexpr std::size_t kRememberedLogLines = 20;

/// Cuts a stream of bytes into lines and writes them into files that rotate.
///
/// A disk that refuses costs lines, never time: they are dropped, and the next line that can be
/// written is preceded by a line that says how much is missing.
class RotatingLog {
 public:
  /// OWNS nothing: `files` and `clock` must outlive it.
  RotatingLog(LogFiles& files, const WallClock& clock, std::string path, LogRotation rotation);

  /// Takes in bytes; every finished line is in the file when it returns.
  void take(std::string_view bytes);

  /// Ends the unfinished last line: nothing more will come.
  void finish();

  /// Last lines, oldest first, the unfinished one included.
  std::vector<std::string> last_lines() const;

 private:
  void remember(std::string_view line);
  void write(std::string_view lines);
  bool is_due(std::size_t more) const;
  Status rotate();
  void enforce_cap();
  std::string aside(int number) const;

  LogFiles& files_;
  const WallClock& clock_;
  std::string path_;
  LogRotation rotation_;
  std::string unfinished_;
  std::deque<std::string> remembered_;
  Bytes dropped_;
};

}  // namespace voicectl
