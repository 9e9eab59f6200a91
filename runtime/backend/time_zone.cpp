// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/time_zone.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

namespace voicectl::runtime {
namespace {

constexpr std::string_view kZoneFolder = "/usr/share/zoneinfo/";
constexpr std::size_t kMaxZoneFile = 256 * 1024;
constexpr std::size_t kHeaderSize = 44;

std::int64_t big_endian(std::string_view bytes, std::size_t at, std::size_t width) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < width; ++i) {
    number = (number << 8U) | static_cast<unsigned char>(bytes[at + i]);
  }
  if (width == 4) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(number));
  }
  return static_cast<std::int64_t>(number);
}

/// The six counts of a header, in the order of the format.
struct Counts {
  std::size_t utc_flags, standard_flags, leaps, times, types, chars;

  std::size_t body(std::size_t time_width) const {
    return times * (time_width + 1) + types * 6 + chars + leaps * (time_width + 4) +
           standard_flags + utc_flags;
  }
};

Error broken() {
  return {ErrorCode::kCorrupt, "cannot read a time zone: its file is not of the expected form"};
}

Result<Counts> read_counts(std::string_view bytes) {
  if (bytes.size() < kHeaderSize || bytes.substr(0, 4) != "TZif" || bytes[4] < '2') {
    return broken();
  }
  std::size_t numbers[6];
  for (std::size_t i = 0; i < 6; ++i) {
    numbers[i] = static_cast<std::size_t>(big_endian(bytes, 20 + 4 * i, 4)) & 0xffffffffU;
    if (numbers[i] > kMaxZoneFile) {
      return broken();
    }
  }
  return Counts{numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]};
}

bool is_zone_name(std::string_view name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '+' || c == '/';
  });
  return plain && !name.empty() && name.size() <= 64 && name.front() != '/';
}

}  // namespace

Result<TimeZone> TimeZone::parse(std::string_view tzif) {
  VC_TRY(const Counts old, read_counts(tzif));
  // The first block has 32-bit times for old readers; the second repeats it with 64 bits.
  const std::size_t second = kHeaderSize + old.body(4);
  if (tzif.size() < second) {
    return broken();
  }
  tzif.remove_prefix(second);
  VC_TRY(const Counts counts, read_counts(tzif));
  if (counts.types == 0 || tzif.size() < kHeaderSize + counts.body(8)) {
    return broken();
  }
  const std::size_t kinds = kHeaderSize + counts.times * 8;
  const std::size_t types = kinds + counts.times;
  const auto offset_of = [&](std::size_t type) {
    return std::chrono::seconds(big_endian(tzif, types + type * 6, 4));
  };
  TimeZone zone;
  zone.first_offset_ = offset_of(0);
  for (std::size_t i = 0; i < counts.times; ++i) {
    const std::size_t type = static_cast<unsigned char>(tzif[kinds + i]);
    if (type >= counts.types) {
      return broken();
    }
    zone.changes_.push_back({big_endian(tzif, kHeaderSize + i * 8, 8), offset_of(type)});
  }
  return zone;
}

std::chrono::seconds TimeZone::offset_at(std::int64_t utc_seconds) const {
  const auto later =
      std::upper_bound(changes_.begin(), changes_.end(), utc_seconds,
                       [](std::int64_t at, const Change& change) { return at < change.at; });
  return later == changes_.begin() ? first_offset_ : std::prev(later)->offset;
}

LocalTime TimeZone::to_local(WallTime at) const {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at.time_since_epoch());
  return LocalTime(std::chrono::floor<std::chrono::minutes>(seconds + offset_at(seconds.count())));
}

WallTime TimeZone::to_utc(LocalTime local) const {
  const std::chrono::seconds shown = local.time_since_epoch();
  // The offset a day earlier and a day later are the only candidates: no place changes twice
  // within two days.
  const auto earlier = offset_at((shown - std::chrono::hours(24)).count());
  const auto later = offset_at((shown + std::chrono::hours(24)).count());
  for (const auto offset : {earlier, later}) {
    if (offset_at((shown - offset).count()) == offset) {
      return WallTime(shown - offset);
    }
  }
  return WallTime(shown - earlier);
}

Result<TimeZone> load_time_zone(FileSystem& files, const std::string& name) {
  if (name.empty() || name == "UTC" || name == "Etc/UTC") {
    return TimeZone();
  }
  if (!is_zone_name(name)) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot take '{}' as a time zone: use an IANA name such as "
                             "America/New_York",
                             name));
  }
  // Many zone names are links to others, and FileSystem reads no link.
  std::error_code problem;
  const std::filesystem::path path =
      std::filesystem::canonical(std::string(kZoneFolder) + name, problem);
  const Error missing(ErrorCode::kNotFound,
                      fmt::format("cannot find time zone '{}' in {}: correct its name or install "
                                  "the package tzdata",
                                  name, kZoneFolder));
  if (problem) {
    return missing;
  }
  VC_TRY(const std::optional<std::string> bytes, files.read(path.string(), kMaxZoneFile));
  if (!bytes) {
    return missing;
  }
  return TimeZone::parse(*bytes);
}

}  // namespace voicectl::runtime
