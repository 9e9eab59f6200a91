// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/backend/time_zone.h"

/// Zones for tests, whatever the machine's packages say of them.
namespace voicectl::runtime {

inline void put_big_endian(std::string& out, std::uint64_t number, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) {
    out += static_cast<char>((number >> (8 * i)) & 0xffU);
  }
}

inline std::string zone_file_header(std::uint32_t times, std::uint32_t types, std::uint32_t chars) {
  std::string out = "TZif2" + std::string(15, '\0');
  for (const std::uint32_t count : {0U, 0U, 0U, times, types, chars}) {
    put_big_endian(out, count, 4);
  }
  return out;
}

struct ZoneChange {
  std::int64_t at;
  int type;
};

/// A zone file with the given offsets (in seconds) and changes; the first block is empty.
inline std::string zone_file(const std::vector<int>& offsets,
                             const std::vector<ZoneChange>& changes) {
  std::string out = zone_file_header(0, 1, 1) + std::string(7, '\0');
  out += zone_file_header(static_cast<std::uint32_t>(changes.size()),
                          static_cast<std::uint32_t>(offsets.size()), 1);
  for (const ZoneChange& change : changes) {
    put_big_endian(out, static_cast<std::uint64_t>(change.at), 8);
  }
  for (const ZoneChange& change : changes) {
    out += static_cast<char>(change.type);
  }
  for (const int offset : offsets) {
    put_big_endian(out, static_cast<std::uint32_t>(offset), 4);
    out += std::string(2, '\0');
  }
  return out + '\0';
}

/// 2026-03-29 and 2026-10-25, 01:00 UTC: the changes of Central Europe.
inline constexpr std::int64_t kSpring = 1'774'746'000;
inline constexpr std::int64_t kAutumn = 1'792'890'000;

inline TimeZone central_europe() {
  return *TimeZone::parse(zone_file({3600, 7200}, {{kSpring, 1}, {kAutumn, 0}}));
}

}  // namespace voicectl::runtime
