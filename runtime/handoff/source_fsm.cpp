// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/source_fsm.h"

namespace voicectl::handoff {

std::string_view name_of(SourceState value) {
  constexpr std::array<std::string_view, 9> kNames = {"offering",  "quiescing", "releasing",
                                                      "opening",   "frozen",    "withdrawing",
                                                      "reverting", "gone",      "kept"};
  return kNames[static_cast<std::size_t>(value)];
}

std::string_view name_of(SourceEvent value) {
  constexpr std::array<std::string_view, 11> kNames = {
      "accepted", "refused",   "quiet",     "released", "release_failed", "opened",
      "taken",    "withdrawn", "peer_lost", "overdue",  "cancelled"};
  return kNames[static_cast<std::size_t>(value)];
}

Result<SourceState> step(SourceState state, SourceEvent event) {
  return step_in(source_table::kTransitions, state, event);
}

}  // namespace voicectl::handoff
