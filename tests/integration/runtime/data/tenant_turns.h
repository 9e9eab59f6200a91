// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "runtime/session/stored_values.h"

/// What tenant_writer writes in its turns, for whoever counts afterwards what is there.
namespace voicectl::runtime::turns {

inline constexpr WallTime kBegin{std::chrono::milliseconds(1'800'000'000'000)};

/// Turn n creates session n, ends session n - 1 and learns what session n - 2 is billed: no two
/// sessions near each other have the same of anything.
constexpr std::chrono::seconds duration_of(std::uint64_t session) {
  return std::chrono::seconds(60 + session % 7);
}
constexpr std::chrono::seconds billed_of(std::uint64_t session) {
  return std::chrono::seconds(90 + session % 11);
}
constexpr std::uint64_t tool_calls_of(std::uint64_t session) {
  return session % 5;
}

/// What all turns up to `last` come to.
inline UsageTotal usage_after(std::uint64_t last) {
  UsageTotal out;
  out.sessions = last;
  for (std::uint64_t session = 1; session + 1 <= last; ++session) {
    out.duration += duration_of(session);
    out.tool_calls += tool_calls_of(session);
    out.billed_duration += session + 2 <= last ? billed_of(session) : std::chrono::seconds(0);
  }
  return out;
}

}  // namespace voicectl::runtime::turns
