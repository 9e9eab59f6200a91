// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "runtime/handoff/transition_table.h"

namespace voicectl::handoff {

/// How far whoever has the tenant is.
///
///   offering --accepted--> quiescing --quiet--> releasing --released--> opening --opened--> frozen
///      |                       |                   |                       |                  |
///      |  refused, overdue,    |                   | refused, overdue,     | refused,         |
///      taken |  peer_lost, cancelled |                   | peer_lost, cancelled  | overdue, v | |
///      v                       | peer_lost,     gone |                       | reverting |
///      cancelled        ^ |                       |                   | released,             | |
///      taken v                       v                   v release_failed        v |
///      '-----------------------'----------------> kept <-------------------'                  |
///                                                  ^ ^---- refused, peer_lost ---- frozen     |
///                                                  |                                 | overdue|
///                                                  |                                 v        |
///                                                  '--withdrawn, peer_lost, refused-- withdrawing
///
///   releasing --release_failed--> kept.  No change: cancelled while frozen or withdrawing, overdue
///   while withdrawing.
///
/// The tenant changes hands at one instant: when the other one says `taken`, as the last thing
/// before it reads or writes a byte. What it said stays readable when it dies, so its end without
/// that word means that it has served nothing.
enum class SourceState {
  kOffering,     ///< asked the other one whether it understands us
  kQuiescing,    ///< finishes requests, takes no more
  kReleasing,    ///< the store learns the next holder's token
  kOpening,      ///< the other one opens the store
  kFrozen,       ///< no byte moves; connections are on their way
  kWithdrawing,  ///< wants it back; only the other one knows whether that comes too late
  kReverting,    ///< gives up, but the store is still at work
  kGone,
  kKept,
};
inline constexpr std::size_t kSourceStates = static_cast<std::size_t>(SourceState::kKept) + 1;
std::string_view name_of(SourceState state);

enum class SourceEvent {
  kAccepted,
  kRefused,
  kQuiet,
  kReleased,
  kReleaseFailed,
  kOpened,
  kTaken,
  kWithdrawn,
  kPeerLost,
  kOverdue,
  kCancelled,
};
inline constexpr std::size_t kSourceEvents = static_cast<std::size_t>(SourceEvent::kCancelled) + 1;
std::string_view name_of(SourceEvent event);

namespace source_table {
using enum SourceState;
using enum SourceEvent;
using T = Transition<SourceState, SourceEvent>;
/// Every legal step.
inline constexpr std::array kTransitions = {
    T{kOffering, kAccepted, kQuiescing},
    T{kOffering, kRefused, kKept},
    T{kOffering, kOverdue, kKept},
    T{kOffering, kPeerLost, kKept},
    T{kOffering, kCancelled, kKept},

    T{kQuiescing, kQuiet, kReleasing},
    T{kQuiescing, kRefused, kKept},
    T{kQuiescing, kOverdue, kKept},
    T{kQuiescing, kPeerLost, kKept},
    T{kQuiescing, kCancelled, kKept},

    T{kReleasing, kReleased, kOpening},
    T{kReleasing, kReleaseFailed, kKept},
    T{kReleasing, kRefused, kReverting},
    T{kReleasing, kOverdue, kReverting},
    T{kReleasing, kPeerLost, kReverting},
    T{kReleasing, kCancelled, kReverting},

    T{kReverting, kReleased, kKept},
    T{kReverting, kReleaseFailed, kKept},
    T{kReverting, kRefused, kReverting},
    T{kReverting, kOverdue, kReverting},
    T{kReverting, kPeerLost, kReverting},
    T{kReverting, kCancelled, kReverting},

    T{kOpening, kOpened, kFrozen},
    T{kOpening, kRefused, kKept},
    T{kOpening, kOverdue, kKept},
    T{kOpening, kPeerLost, kKept},
    T{kOpening, kCancelled, kKept},

    T{kFrozen, kTaken, kGone},
    T{kFrozen, kRefused, kKept},
    T{kFrozen, kOverdue, kWithdrawing},
    T{kFrozen, kPeerLost, kKept},
    T{kFrozen, kCancelled, kFrozen},

    T{kWithdrawing, kTaken, kGone},
    T{kWithdrawing, kWithdrawn, kKept},
    T{kWithdrawing, kRefused, kKept},
    T{kWithdrawing, kPeerLost, kKept},
    T{kWithdrawing, kOverdue, kWithdrawing},
    T{kWithdrawing, kCancelled, kWithdrawing},
};
}  // namespace source_table

static_assert(is_deterministic(source_table::kTransitions));

/// The state after `event`. ERRORS: kConflict if nothing leads out of `state` for it.
Result<SourceState> step(SourceState state, SourceEvent event);

constexpr bool is_over(SourceState state) {
  return state == SourceState::kGone || state == SourceState::kKept;
}

}  // namespace voicectl::handoff
