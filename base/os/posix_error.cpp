// SPDX-License-Identifier: Apache-2.0
#include "base/os/posix_error.h"

#include <fmt/core.h>

#include <cerrno>
#include <system_error>

namespace voicectl {

ErrorCode code_of_errno(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
      return ErrorCode::kResourceExhausted;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::kPermissionDenied;
    case EISDIR:
    case ELOOP:
      return ErrorCode::kCorrupt;
    default:
      return ErrorCode::kInternal;
  }
}

Error posix_error(std::string_view doing, int number) {
  return Error(code_of_errno(number),
               fmt::format("cannot {}: {}", doing, std::generic_category().message(number)));
}

}  // namespace voicectl
