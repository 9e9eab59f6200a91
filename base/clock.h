// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace voicectl {

using Duration = std::chrono::nanoseconds;

/// A point of monotonic time: for measuring and waiting, comparable within one boot only.
using MonoTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// A point of calendar time: for people, records and certificates. Milliseconds since 1970, UTC.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// Monotonic time.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonoTime now() const = 0;
};

/// Calendar time. It may jump; nothing that waits may depend on it.
class WallClock {
 public:
  virtual ~WallClock() = default;
  virtual WallTime now() const = 0;
};

/// RFC 3339 in UTC with milliseconds: "2026-11-21T09:30:00.000Z".
std::string format_wall_time(WallTime at);

/// A length for people: "250ms", "4s", "2m30s", "3h05m".
std::string format_duration(Duration length);

}  // namespace voicectl
