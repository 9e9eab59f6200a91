// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/timestamp.h"

#include <fmt/core.h>

#include <cstdint>
#include <optional>

namespace voicectl::ultravox {
namespace {

/// Takes pieces from the front of a text; once something is missing it stays failed.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char c) { failed_ = !take(c) || failed_; }

  /// Exactly `digits` digits as a number.
  int number(std::size_t digits) {
    if (rest_.size() < digits) {
      failed_ = true;
      return 0;
    }
    int value = 0;
    for (const char c : rest_.substr(0, digits)) {
      failed_ = failed_ || c < '0' || c > '9';
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(digits);
    return failed_ ? 0 : value;
  }

  /// One or more digits after the point, as billionths; what is finer is cut off.
  std::int64_t billionths() {
    std::int64_t value = 0;
    std::int64_t unit = 100'000'000;
    std::size_t used = 0;
    for (; used < rest_.size() && rest_[used] >= '0' && rest_[used] <= '9'; ++used) {
      value += (rest_[used] - '0') * unit;
      unit /= 10;
    }
    failed_ = failed_ || used == 0;
    rest_.remove_prefix(used);
    return value;
  }

  bool at_end() const { return rest_.empty(); }
  bool failed() const { return failed_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

Error not_a_time(std::string_view text) {
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot read the time '{}': it is not ISO 8601", text.substr(0, 40)));
}

Error not_a_length(std::string_view text) {
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot read the length '{}': it must look like '30s' or '2.5s'",
                           text.substr(0, 40)));
}

/// Minutes east of UTC; nothing at all is UTC.
std::optional<std::chrono::minutes> take_offset(Cursor& cursor) {
  if (cursor.at_end() || cursor.take('Z') || cursor.take('z')) {
    return std::chrono::minutes(0);
  }
  const bool east = cursor.take('+');
  if (!east && !cursor.take('-')) {
    return std::nullopt;
  }
  const int hours = cursor.number(2);
  int minutes = 0;
  if (!cursor.at_end()) {
    cursor.take(':');
    minutes = cursor.number(2);
  }
  if (hours > 23 || minutes > 59) {
    return std::nullopt;
  }
  const auto offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return east ? offset : -offset;
}

}  // namespace

Result<WallTime> parse_timestamp(std::string_view text) {
  Cursor cursor(text);
  const int year = cursor.number(4);
  cursor.expect('-');
  const int month = cursor.number(2);
  cursor.expect('-');
  const int day = cursor.number(2);
  if (!cursor.take('T') && !cursor.take('t') && !cursor.take(' ')) {
    return not_a_time(text);
  }
  const int hour = cursor.number(2);
  cursor.expect(':');
  const int minute = cursor.number(2);
  cursor.expect(':');
  const int second = cursor.number(2);
  const std::int64_t fraction = cursor.take('.') ? cursor.billionths() : 0;
  const auto offset = take_offset(cursor);
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  // 60 is a leap second, which the clock of the machine repeats or smears.
  const bool in_range = date.ok() && hour <= 23 && minute <= 59 && second <= 60;
  if (cursor.failed() || !cursor.at_end() || !offset || !in_range) {
    return not_a_time(text);
  }
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second) +
         std::chrono::milliseconds(fraction / 1'000'000) - *offset;
}

Result<Duration> parse_seconds(std::string_view text) {
  if (text.size() < 2 || text.back() != 's') {
    return not_a_length(text);
  }
  text.remove_suffix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  // Nine digits are 31 years, and do not overflow nanoseconds.
  if (whole.empty() || whole.size() > 9) {
    return not_a_length(text);
  }
  Cursor seconds(whole);
  const std::chrono::seconds length(seconds.number(whole.size()));
  Cursor rest(point == std::string_view::npos ? "0" : text.substr(point + 1));
  const std::chrono::nanoseconds fraction(rest.billionths());
  if (seconds.failed() || rest.failed() || !rest.at_end()) {
    return not_a_length(text);
  }
  return length + fraction;
}

std::string render_seconds(Duration length) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(length);
  const auto fraction = (length - seconds).count();
  if (fraction == 0) {
    return fmt::format("{}s", seconds.count());
  }
  std::string digits = fmt::format("{:09}", fraction);
  digits.erase(digits.find_last_not_of('0') + 1);
  return fmt::format("{}.{}s", seconds.count(), digits);
}

}  // namespace voicectl::ultravox
