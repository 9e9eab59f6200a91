// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/utf8.h"

#include <cstdint>

namespace voicectl {
namespace {

/// What a first byte promises: how many bytes follow, and the range that the second must be in.
/// The narrowed ranges are what keeps out overlong forms, surrogates and what lies too high.
struct Lead {
  std::size_t follow = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xBF;
  bool valid = true;
};

Lead lead_of(std::uint8_t byte) {
  if (byte < 0x80) {
    return {};
  }
  if (byte < 0xC2 || byte > 0xF4) {
    return {.valid = false};
  }
  if (byte < 0xE0) {
    return {.follow = 1};
  }
  if (byte < 0xF0) {
    const std::uint8_t low = byte == 0xE0 ? 0xA0 : 0x80;
    const std::uint8_t high = byte == 0xED ? 0x9F : 0xBF;
    return {.follow = 2, .low = low, .high = high};
  }
  const std::uint8_t low = byte == 0xF0 ? 0x90 : 0x80;
  const std::uint8_t high = byte == 0xF4 ? 0x8F : 0xBF;
  return {.follow = 3, .low = low, .high = high};
}

}  // namespace

Utf8Check check_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Lead lead = lead_of(static_cast<std::uint8_t>(text[at]));
    if (!lead.valid) {
      return {Utf8Verdict::kInvalid, at};
    }
    for (std::size_t i = 1; i <= lead.follow; ++i) {
      if (at + i == text.size()) {
        return {Utf8Verdict::kIncomplete, at};
      }
      const auto byte = static_cast<std::uint8_t>(text[at + i]);
      const std::uint8_t low = i == 1 ? lead.low : 0x80;
      const std::uint8_t high = i == 1 ? lead.high : 0xBF;
      if (byte < low || byte > high) {
        return {Utf8Verdict::kInvalid, at};
      }
    }
    at += 1 + lead.follow;
  }
  return {Utf8Verdict::kComplete, at};
}

}  // namespace voicectl
