// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>

#include "base/result.h"

namespace voicectl::handoff {

template <typename State, typename Event>
struct Transition {
  State from;
  Event event;
  State to;
};

/// True if no state has two ways out for one event.
template <typename Table>
constexpr bool is_deterministic(const Table& table) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    for (std::size_t j = i + 1; j < table.size(); ++j) {
      if (table[i].from == table[j].from && table[i].event == table[j].event) {
        return false;
      }
    }
  }
  return true;
}

/// The state after `event`. ERRORS: kConflict if nothing leads out of `state` for it.
template <typename State, typename Event, typename Table>
Result<State> step_in(const Table& table, State state, Event event) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const auto& transition) {
    return transition.from == state && transition.event == event;
  });
  if (found == table.end()) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot go on with a hand-over: '{}' makes no sense while {}",
                             name_of(event), name_of(state)));
  }
  return found->to;
}

}  // namespace voicectl::handoff
