// SPDX-License-Identifier: Apache-2.0
#include "cli/seconds.h"

#include <array>
#include <charconv>
#include <utility>

namespace voicectl {

std::optional<std::int64_t> parse_seconds(std::string_view text) {
  constexpr std::int64_t kLongest = 3660LL * 24 * 3600;
  constexpr std::array<std::pair<char, std::int64_t>, 4> kUnits = {
      {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 24L * 3600}}};
  std::int64_t unit = 1;
  for (const auto& [letter, seconds] : kUnits) {
    if (text.ends_with(letter)) {
      unit = seconds;
      text.remove_suffix(1);
      break;
    }
  }
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size() || number < 0 ||
      number > kLongest / unit) {
    return std::nullopt;
  }
  return number * unit;
}

std::string check_seconds(const std::string& text) {
  return parse_seconds(text) ? "" : "found '" + text + "', allowed is a length such as 10m or 24h";
}

}  // namespace voicectl
