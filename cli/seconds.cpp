// SPDX-License-Identifier: Apache-2.0
#include "cli/seconds.h"

#include <array>
#include <charconv>
#include <utility>

namespace voicectl {

namespace {

constexpr std::chrono::seconds kLongest = std::chrono::hours(3660 * 24);

/// "24h" or "3660d": the largest unit that it is whole in.
std::string length_text(std::chrono::seconds length) {
  const std::int64_t hours = length.count() / 3600;
  return hours % 24 == 0 && hours > 24 ? std::to_string(hours / 24) + "d"
                                       : std::to_string(hours) + "h";
}

}  // namespace

std::optional<std::int64_t> parse_seconds(std::string_view text) {
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
      number > kLongest.count() / unit) {
    return std::nullopt;
  }
  return number * unit;
}

std::string check_seconds(const std::string& text) {
  return length_up_to(kLongest)(text);
}

std::function<std::string(const std::string&)> length_up_to(std::chrono::seconds most) {
  return [most](const std::string& text) -> std::string {
    const std::optional<std::int64_t> seconds = parse_seconds(text);
    if (seconds && *seconds <= most.count()) {
      return "";
    }
    return "found '" + text + "', allowed is a length such as 10m or 24h, at most " +
           length_text(most);
  };
}

}  // namespace voicectl
