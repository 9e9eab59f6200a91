// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace voicectl {

/// How far an instance is, as its supervisor sees it.
///
///                     .--------------------- adopted -----------------------.
///                     |                                                     v
///                  stopped --start_asked--> starting -----told_ready----> ready
///                                           ^      | \                    /  |
///        backoff_elapsed, start_asked       |      |  '- ready_timeout, -'   |
///                  .------------------------'      |     unresponsive        | exited
///                  |                 spawn_failed, |          |              |
///                  |                 exited        |          v              |
///                  |                               |         hung            |
///                  |                               v          |              |
///   failed <--gave_up-- backoff <-------------------- exited -'--------------'
///      '--backoff_elapsed, start_asked--> starting
///
///   starting, ready          --stop_asked--> stopping --grace_elapsed--> killing
///   hung                     --stop_asked--> killing
///   stopping, killing        --exited-----> stopped
///   stopped, backoff, failed --stop_asked--> stopped
///
///   No change: start_asked while starting, ready or hung; spawned and channel_lost while
///   starting; told_ready and channel_lost while ready; stop_asked while stopping or killing.
enum class InstanceState {
  kStopped,
  kStarting,  ///< asked for; its process may not exist yet
  kReady,     ///< its process said that it can serve
  kBackoff,   ///< ended without being asked; waits for the next try
  kHung,      ///< alive but useless; killed, its end is awaited, then tried again
  kStopping,  ///< asked to end, within a grace
  kKilling,   ///< killed because it was to end and did not; its end is awaited
  kFailed,    ///< restart budget spent; tried again when asked, or after a long wait
};
inline constexpr std::size_t kInstanceStates = static_cast<std::size_t>(InstanceState::kFailed) + 1;
std::string_view name_of(InstanceState state);

enum class InstanceEvent {
  kStartAsked,
  kAdopted,  ///< a running process of an earlier daemon run answered
  kSpawned,
  kSpawnFailed,  ///< its sockets, folder or process could not be made
  kToldReady,
  kReadyTimeout,
  kChannelLost,   ///< the connection broke, the process did not
  kUnresponsive,  ///< connecting again did not help
  kExited,
  kBackoffElapsed,
  kGaveUp,  ///< restart budget spent
  kStopAsked,
  kGraceElapsed,
};
inline constexpr std::size_t kInstanceEvents =
    static_cast<std::size_t>(InstanceEvent::kGraceElapsed) + 1;
std::string_view name_of(InstanceEvent event);

struct InstanceTransition {
  InstanceState from;
  InstanceEvent event;
  InstanceState to;
};

namespace instance_table {
using enum InstanceState;
using enum InstanceEvent;

/// Every legal step. Pairs that are not here are errors.
inline constexpr std::array kTransitions = {
    InstanceTransition{kStopped, kStartAsked, kStarting},
    InstanceTransition{kStopped, kAdopted, kReady},
    InstanceTransition{kStopped, kStopAsked, kStopped},

    InstanceTransition{kStarting, kStartAsked, kStarting},
    InstanceTransition{kStarting, kSpawned, kStarting},
    InstanceTransition{kStarting, kSpawnFailed, kBackoff},
    InstanceTransition{kStarting, kToldReady, kReady},
    InstanceTransition{kStarting, kReadyTimeout, kHung},
    InstanceTransition{kStarting, kChannelLost, kStarting},
    InstanceTransition{kStarting, kUnresponsive, kHung},
    InstanceTransition{kStarting, kExited, kBackoff},
    InstanceTransition{kStarting, kStopAsked, kStopping},

    InstanceTransition{kReady, kStartAsked, kReady},
    InstanceTransition{kReady, kToldReady, kReady},
    InstanceTransition{kReady, kChannelLost, kReady},
    InstanceTransition{kReady, kUnresponsive, kHung},
    InstanceTransition{kReady, kExited, kBackoff},
    InstanceTransition{kReady, kStopAsked, kStopping},

    InstanceTransition{kBackoff, kStartAsked, kStarting},
    InstanceTransition{kBackoff, kBackoffElapsed, kStarting},
    InstanceTransition{kBackoff, kGaveUp, kFailed},
    InstanceTransition{kBackoff, kStopAsked, kStopped},

    InstanceTransition{kHung, kStartAsked, kHung},
    InstanceTransition{kHung, kExited, kBackoff},
    InstanceTransition{kHung, kStopAsked, kKilling},

    InstanceTransition{kStopping, kStopAsked, kStopping},
    InstanceTransition{kStopping, kGraceElapsed, kKilling},
    InstanceTransition{kStopping, kExited, kStopped},

    InstanceTransition{kKilling, kStopAsked, kKilling},
    InstanceTransition{kKilling, kExited, kStopped},

    InstanceTransition{kFailed, kStartAsked, kStarting},
    InstanceTransition{kFailed, kBackoffElapsed, kStarting},
    InstanceTransition{kFailed, kStopAsked, kStopped},
};
}  // namespace instance_table

/// True if no state has two ways out for one event.
constexpr bool is_deterministic() {
  for (std::size_t i = 0; i < instance_table::kTransitions.size(); ++i) {
    for (std::size_t j = i + 1; j < instance_table::kTransitions.size(); ++j) {
      if (instance_table::kTransitions[i].from == instance_table::kTransitions[j].from &&
          instance_table::kTransitions[i].event == instance_table::kTransitions[j].event) {
        return false;
      }
    }
  }
  return true;
}
static_assert(is_deterministic(), "one event leads from one state to one state");

/// The state after `event`.
/// ERRORS: kConflict if nothing leads out of `state` for it.
Result<InstanceState> step(InstanceState state, InstanceEvent event);

}  // namespace voicectl
