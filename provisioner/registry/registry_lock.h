// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/os/unique_fd.h"
#include "base/result.h"

namespace voicectl {

/// The right to write one registry. The kernel gives it back when the process ends, however it
/// ends; the file stays, because removing it would let two processes lock two files of one name.
class RegistryLock {
 public:
  /// ERRORS: kConflict if another process has it, naming that one's pid; kPermissionDenied.
  static Result<RegistryLock> take(const std::string& path);

 private:
  explicit RegistryLock(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace voicectl
