// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/os/unique_fd.h"
#include "base/result.h"

namespace voicectl {

/// A right that one process at a time has. The kernel gives it back when the process ends, however
/// it ends; the file stays, because removing it would let two processes lock two files of one name.
class FileLock {
 public:
  /// ERRORS: kConflict if another process has it, naming that one's pid; kPermissionDenied.
  static Result<FileLock> take(const std::string& path);

  /// Of a file that is locked already, or of none.
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}

 private:
  UniqueFd fd_;
};

}  // namespace voicectl
