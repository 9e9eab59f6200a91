// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace voicectl {

enum class Utf8Verdict {
  kComplete,    ///< whole characters only
  kIncomplete,  ///< good so far, ends inside a character
  kInvalid,
};

struct Utf8Check {
  Utf8Verdict verdict = Utf8Verdict::kComplete;
  /// Bytes of whole, valid characters at the beginning.
  std::size_t valid = 0;
};

/// Checks text against RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. A byte
/// that can no longer become a valid character is found at once, not when the character ends.
Utf8Check check_utf8(std::string_view text);

inline bool is_utf8(std::string_view text) {
  return check_utf8(text).verdict == Utf8Verdict::kComplete;
}

}  // namespace voicectl
