// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/os/file_system.h"
#include "base/result.h"

namespace voicectl::runtime {

/// What a clock on a wall of the tenant's place shows.
using LocalTime = std::chrono::local_time<std::chrono::minutes>;

/// The offsets of one place from UTC, past and future.
class TimeZone {
 public:
  /// UTC.
  TimeZone() = default;

  /// Reads a compiled zone file (RFC 8536, version 2 or newer). After its last listed change the
  /// last offset holds; the packaged files list changes up to 2037.
  /// ERRORS: kCorrupt.
  static Result<TimeZone> parse(std::string_view tzif);

  LocalTime to_local(WallTime at) const;

  /// The moment when the clock there shows `local`. Of a time that comes twice it is the first;
  /// of one that is skipped, as long after the change as `local` is after the gap's begin.
  WallTime to_utc(LocalTime local) const;

 private:
  struct Change {
    std::int64_t at;  // seconds since 1970, UTC
    std::chrono::seconds offset;
  };

  std::chrono::seconds offset_at(std::int64_t utc_seconds) const;

  std::chrono::seconds first_offset_{0};
  std::vector<Change> changes_;
};

/// Loads a zone by its IANA name from the machine's zone files; "UTC" needs none.
/// ERRORS: kNotFound; kInvalidArgument for what is no name; kCorrupt.
Result<TimeZone> load_time_zone(FileSystem& files, const std::string& name);

}  // namespace voicectl::runtime
