// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <fmt/core.h>

namespace voicectl {

using std::chrono::duration_cast;

namespace {

/// Writes the last `count` digits of `number` at `to`.
void write_digits(char* to, std::int64_t number, std::size_t count) {
  for (std::size_t i = count; i > 0; --i) {
    to[i - 1] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
}

}  // namespace

std::string format_wall_time(WallTime at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::int64_t millis = (at - day).count();
  const int year = static_cast<int>(date.year());
  const bool is_usual = year >= 0 && year <= 9999;
  // By hand, because each tool call writes some of them.
  std::string text =
      is_usual ? "0000-00-00T00:00:00.000Z" : fmt::format("{:04}-00-00T00:00:00.000Z", year);
  char* const begin = text.data() + text.size() - 20;  // behind the year
  if (is_usual) {
    write_digits(text.data(), year, 4);
  }
  write_digits(begin + 1, static_cast<unsigned>(date.month()), 2);
  write_digits(begin + 4, static_cast<unsigned>(date.day()), 2);
  write_digits(begin + 7, millis / 3'600'000, 2);
  write_digits(begin + 10, millis / 60'000 % 60, 2);
  write_digits(begin + 13, millis / 1000 % 60, 2);
  write_digits(begin + 16, millis % 1000, 3);
  return text;
}

std::string format_duration(Duration length) {
  if (length < Duration::zero()) {
    return "-" + format_duration(-length);
  }
  const auto micros = duration_cast<std::chrono::microseconds>(length).count();
  if (micros < 1000) {
    return fmt::format("{}us", micros);
  }
  const auto millis = duration_cast<std::chrono::milliseconds>(length).count();
  if (millis < 1000) {
    return fmt::format("{}ms", millis);
  }
  const auto seconds = duration_cast<std::chrono::seconds>(length).count();
  if (seconds < 10 && millis % 1000 >= 100) {
    return fmt::format("{}.{}s", seconds, millis % 1000 / 100);
  }
  if (seconds < 60) {
    return fmt::format("{}s", seconds);
  }
  if (seconds < 3600) {
    return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  }
  if (seconds < 86400) {
    return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
  }
  return fmt::format("{}d{:02}h", seconds / 86400, seconds / 3600 % 24);
}

}  // namespace voicectl
