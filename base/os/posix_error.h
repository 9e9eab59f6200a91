// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.h"

namespace voicectl {

/// The kind of failure that an errno value stands for: full disks, tables and memory are
/// kResourceExhausted, missing rights kPermissionDenied, no file kCorrupt, the rest kInternal.
ErrorCode code_of_errno(int number);

/// "cannot <doing>: <the kernel's words>".
Error posix_error(std::string_view doing, int number);

}  // namespace voicectl
