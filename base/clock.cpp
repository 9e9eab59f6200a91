// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <fmt/core.h>

namespace voicectl {

using std::chrono::duration_cast;

std::string format_wall_time(WallTime at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
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
