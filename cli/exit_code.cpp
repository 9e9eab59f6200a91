// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.h"

namespace voicectl {

ExitCode exit_code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound:
      return ExitCode::kNotFound;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kConflict:
    case ErrorCode::kFenced:
      return ExitCode::kConflict;
    case ErrorCode::kTimeout:
      return ExitCode::kTimeout;
    case ErrorCode::kUnavailable:
      return ExitCode::kDaemonUnavailable;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kCancelled:
    case ErrorCode::kCorrupt:
    case ErrorCode::kInternal:
      return ExitCode::kFailure;
  }
  return ExitCode::kFailure;
}

}  // namespace voicectl
