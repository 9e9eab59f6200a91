// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "runtime/handoff/transition_table.h"

namespace voicectl::handoff {

/// How far whoever gets the tenant is.
///
///   waiting --offer_fits--> prepared --state--> opening --opened--> adopting --end_fits--> taken
///      |                     |    ^              |   ^               |   ^  |
///      | offer_unfit         |    '- batch       |   '- batch        |   |  | batch_unfit,
///      |         batch_unfit |       batch_unfit,|            batch -'   |  | end_unfit
///      v                     v       open_failed v                       |  v
///      '---------------------'------> dropped <--'-----------------------'--'
///                  withdraw, peer_lost, overdue, cancelled: from each of the four
enum class TargetState { kWaiting, kPrepared, kOpening, kAdopting, kTaken, kDropped };
inline constexpr std::size_t kTargetStates = static_cast<std::size_t>(TargetState::kDropped) + 1;
std::string_view name_of(TargetState state);

enum class TargetEvent {
  kOfferFits,
  kOfferUnfit,
  kState,
  kOpened,
  kOpenFailed,
  kBatch,
  kBatchUnfit,
  kEndFits,
  kEndUnfit,
  kWithdraw,
  kPeerLost,
  kOverdue,
  kCancelled,
};
inline constexpr std::size_t kTargetEvents = static_cast<std::size_t>(TargetEvent::kCancelled) + 1;
std::string_view name_of(TargetEvent event);

namespace target_table {
using enum TargetState;
using enum TargetEvent;
using T = Transition<TargetState, TargetEvent>;
/// Every legal step.
inline constexpr std::array kTransitions = {
    T{kWaiting, kOfferFits, kPrepared}, T{kWaiting, kOfferUnfit, kDropped},
    T{kWaiting, kWithdraw, kDropped},   T{kWaiting, kPeerLost, kDropped},
    T{kWaiting, kOverdue, kDropped},    T{kWaiting, kCancelled, kDropped},

    T{kPrepared, kBatch, kPrepared},    T{kPrepared, kBatchUnfit, kDropped},
    T{kPrepared, kState, kOpening},     T{kPrepared, kWithdraw, kDropped},
    T{kPrepared, kPeerLost, kDropped},  T{kPrepared, kOverdue, kDropped},
    T{kPrepared, kCancelled, kDropped},

    T{kOpening, kBatch, kOpening},      T{kOpening, kBatchUnfit, kDropped},
    T{kOpening, kOpened, kAdopting},    T{kOpening, kOpenFailed, kDropped},
    T{kOpening, kWithdraw, kDropped},   T{kOpening, kPeerLost, kDropped},
    T{kOpening, kOverdue, kDropped},    T{kOpening, kCancelled, kDropped},

    T{kAdopting, kBatch, kAdopting},    T{kAdopting, kBatchUnfit, kDropped},
    T{kAdopting, kEndFits, kTaken},     T{kAdopting, kEndUnfit, kDropped},
    T{kAdopting, kWithdraw, kDropped},  T{kAdopting, kPeerLost, kDropped},
    T{kAdopting, kOverdue, kDropped},   T{kAdopting, kCancelled, kDropped},
};
}  // namespace target_table

static_assert(is_deterministic(target_table::kTransitions));

/// The state after `event`. ERRORS: kConflict if nothing leads out of `state` for it.
Result<TargetState> step(TargetState state, TargetEvent event);

constexpr bool is_over(TargetState state) {
  return state == TargetState::kTaken || state == TargetState::kDropped;
}

}  // namespace voicectl::handoff
