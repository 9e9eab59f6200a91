// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace voicectl {

/// What a text holds beside itself: nothing if it is short enough to be stored within. By its size,
/// so that a copy counts as much.
inline std::size_t heap_bytes(const std::string& text) {
  constexpr std::size_t kWithin = 15;
  return text.size() > kWithin ? text.size() + 1 : 0;
}

}  // namespace voicectl
