// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "base/units.h"

/// What the daemon and the two instances of a hand-over say to each other about it, in the bodies
/// of the requests `hand_over` and `receive` (runtime/control/protocol.h).
namespace voicectl::handoff {

/// Code of a refusal because the two have the tenant's configuration in different generations. That
/// can be mended, and then it is tried again: unlike kConflict, which stays as long as the two are
/// of different versions.
inline constexpr ErrorCode kOtherGeneration = ErrorCode::kInvalidArgument;

/// To whoever has the tenant.
struct HandOverOrder {
  TenantId tenant;
  /// Version of the tenant's configuration that both must have.
  Generation generation;
  /// With it the other one opens the store.
  FencingToken token;
  /// With it this one opens the store again if the other one does not take the tenant. Higher.
  FencingToken back;
  /// How long requests may take to be finished before it is given up.
  std::chrono::milliseconds patience{1000};
};
std::string encode(const HandOverOrder& order);
/// ERRORS: kInvalidArgument.
Result<HandOverOrder> parse_hand_over_order(std::string_view body);

/// What came of it, as whoever had the tenant saw it. It is an answer also when the tenant stayed:
/// only whoever had it knows that it is served.
struct HandOverReport {
  bool is_handed_over = false;
  /// Why it stayed.
  Error why;
  /// The token of whoever has it now.
  FencingToken token;
  std::uint64_t connections = 0;
  std::uint64_t websockets = 0;
  /// From the last byte that was read or written here to the first one there.
  std::chrono::microseconds pause{0};
  /// How long a new request waited, at most: `pause` is the end of it.
  std::chrono::microseconds wait{0};
};
std::string encode(const HandOverReport& report);
/// ERRORS: kCorrupt.
Result<HandOverReport> parse_hand_over_report(std::string_view body);

}  // namespace voicectl::handoff
