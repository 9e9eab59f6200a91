// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
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
  /// How often at most progress is told within a phase; nullopt for never: whoever asks does not
  /// understand it.
  std::optional<std::chrono::milliseconds> progress_every{};
};
std::string encode(const HandOverOrder& order);
/// ERRORS: kInvalidArgument.
Result<HandOverOrder> parse_hand_over_order(std::string_view body);

/// How far it is, as whoever has the tenant sees it. Told when a phase begins, and within it.
struct HandOverProgress {
  /// One of SourceState, by name.
  std::string phase;
  /// Open now, and of how many the other one has been told.
  std::uint64_t connections = 0;
  std::uint64_t copied = 0;
};
std::string encode(const HandOverProgress& progress);
/// ERRORS: kCorrupt.
Result<HandOverProgress> parse_hand_over_progress(std::string_view body);
/// 0 to 99: copying is most of it, however short it is.
int percent_of(const HandOverProgress& progress);

/// What came of it, as whoever had the tenant saw it. It is an answer also when the tenant stayed:
/// only whoever had it knows that it is served.
struct HandOverReport {
  bool is_handed_over = false;
  /// Why it stayed.
  Error why;
  /// The token of whoever has it now.
  FencingToken token;
  /// Those that went on there, and how many of them are WebSockets.
  std::uint64_t connections = 0;
  std::uint64_t websockets = 0;
  /// Those that the other one could not have served: then the tenant stayed, and they too.
  std::uint64_t refused = 0;
  /// Those that were cut off because nobody could go on with them: answers in pieces.
  std::uint64_t dropped = 0;
  /// What was told of connections while they were served, and when they had stopped.
  std::uint64_t copied = 0;
  std::uint64_t told_late = 0;
  /// The longest that any of them stood still: from the last byte that was read or written here to
  /// the first one there. All stop and go together.
  std::chrono::microseconds pause{0};
  /// How long a new request waited, at most: `pause` is the end of it.
  std::chrono::microseconds wait{0};
  /// From the order to the end.
  std::chrono::microseconds took{0};
};
std::string encode(const HandOverReport& report);
/// ERRORS: kCorrupt.
Result<HandOverReport> parse_hand_over_report(std::string_view body);

}  // namespace voicectl::handoff
