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
///   offering --accepted--> copying --enough--> quiescing --quiet--> releasing --released-->
///   opening opening --opened--> catching_up --caught_up--> frozen --taken--> gone
///
///   offering, copying, quiescing, opening, catching_up
///                  --refused, overdue, peer_lost, cancelled--> kept
///   releasing      --refused, overdue, peer_lost, cancelled--> reverting, and so again from there
///   releasing      --release_failed--> kept
///   reverting      --released, release_failed--> kept
///   frozen         --refused, peer_lost--> kept      --overdue--> withdrawing
///   withdrawing    --withdrawn, refused, peer_lost--> kept      --taken--> gone
///   No change: cancelled while frozen or withdrawing, overdue while withdrawing.
///
/// The tenant changes hands at one instant: when the other one says `taken`, as the last thing
/// before it reads or writes a byte. What it said stays readable when it dies, so its end without
/// that word means that it has served nothing.
enum class SourceState {
  kOffering,     ///< asked the other one whether it understands us
  kCopying,      ///< tells of its connections, which it serves
  kQuiescing,    ///< finishes requests, takes no more
  kReleasing,    ///< the store learns the next holder's token
  kOpening,      ///< the other one opens the store
  kCatchingUp,   ///< tells of what has changed since, until it is little
  kFrozen,       ///< no byte moves; the last of it is on its way
  kWithdrawing,  ///< wants it back; only the other one knows whether that comes too late
  kReverting,    ///< gives up, but the store is still at work
  kGone,
  kKept,
};
inline constexpr std::size_t kSourceStates = static_cast<std::size_t>(SourceState::kKept) + 1;
std::string_view name_of(SourceState state);

enum class SourceEvent {
  kAccepted,
  kEnough,  ///< little is left to copy, or no time
  kRefused,
  kQuiet,
  kReleased,
  kReleaseFailed,
  kOpened,
  kCaughtUp,
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
    T{kOffering, kAccepted, kCopying},
    T{kOffering, kRefused, kKept},
    T{kOffering, kOverdue, kKept},
    T{kOffering, kPeerLost, kKept},
    T{kOffering, kCancelled, kKept},

    T{kCopying, kEnough, kQuiescing},
    T{kCopying, kRefused, kKept},
    T{kCopying, kOverdue, kKept},
    T{kCopying, kPeerLost, kKept},
    T{kCopying, kCancelled, kKept},

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

    T{kOpening, kOpened, kCatchingUp},
    T{kOpening, kRefused, kKept},
    T{kOpening, kOverdue, kKept},
    T{kOpening, kPeerLost, kKept},
    T{kOpening, kCancelled, kKept},

    T{kCatchingUp, kCaughtUp, kFrozen},
    T{kCatchingUp, kRefused, kKept},
    T{kCatchingUp, kOverdue, kKept},
    T{kCatchingUp, kPeerLost, kKept},
    T{kCatchingUp, kCancelled, kKept},

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
