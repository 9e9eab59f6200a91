// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"

namespace voicectl {

/// What the program ends with. Scripts rely on the numbers; they never change their meaning.
enum class ExitCode {
  kOk = 0,
  kFailure = 1,
  kUsage = 2,
  /// With --detailed-exitcode: there is something to do. (OpenTofu uses the same number.)
  kChanges = 2,
  kNotFound = 3,
  /// The world moved, or somebody else holds the lock.
  kConflict = 4,
  kTimeout = 5,
  /// Part of the steps succeeded.
  kPartial = 6,
  kDaemonUnavailable = 7,
  kInterrupted = 130,
};

/// The exit code that a failure of this kind ends with.
ExitCode exit_code_of(ErrorCode code);

}  // namespace voicectl
