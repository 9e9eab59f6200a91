// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace voicectl {

/// Ends the process after printing what broke and where. For programming mistakes only: never on
/// input, disk, network, or another process.
[[noreturn]] void check_failed(const char* file, int line, const char* condition, const char* why);

}  // namespace voicectl

/// Ends the process when `condition` is false; `why` says what should have made it true.
#define VC_CHECK(condition, why)                                       \
  do {                                                                 \
    if (!(condition)) {                                                \
      ::voicectl::check_failed(__FILE__, __LINE__, #condition, (why)); \
    }                                                                  \
  } while (false)
