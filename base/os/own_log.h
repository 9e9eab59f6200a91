// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/os/posix_log_files.h"
#include "base/os/rotating_log.h"
#include "base/result.h"

namespace voicectl {

/// The log of this process in a file of its own that rotates, together with all that anything in it
/// writes to standard output and error: the last words of a library, too, stand in the newest file.
class OwnLog final : public LogSink {
 public:
  struct Options {
    std::string path;
    LogRotation rotation{};
    /// What is led into the file.
    std::vector<int> descriptors{1, 2};
  };

  /// ERRORS: kPermissionDenied, kNotFound if the file cannot be opened. OWNS nothing: `clock` must
  /// outlive it.
  static Result<std::unique_ptr<OwnLog>> open(const WallClock& clock, Options options);

  void write(LogLevel level, std::string_view line) override;

  /// Goes on in the file that stands at the path now: after somebody has moved the old one.
  Status reopen();

 private:
  /// Notes when the present file was put aside.
  class Files final : public PosixLogFiles {
   public:
    Status rename(const std::string& from, const std::string& to) override {
      has_renamed = true;
      return PosixLogFiles::rename(from, to);
    }
    bool has_renamed = false;
  };

  OwnLog(const WallClock& clock, Options options);
  Status redirect();

  std::mutex mutex_;
  Options options_;
  Files files_;
  RotatingLog log_;
};

}  // namespace voicectl
