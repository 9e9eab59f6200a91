// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/source_fsm.h"

namespace voicectl::handoff {

std::string_view name_of(SourceState value) {
  constexpr std::array<std::string_view, kSourceStates> kNames = {
      "offering", "copying",     "quiescing", "releasing", "opening", "catching up",
      "frozen",   "withdrawing", "reverting", "gone",      "kept"};
  return kNames[static_cast<std::size_t>(value)];
}

std::string_view name_of(SourceEvent value) {
  constexpr std::array<std::string_view, kSourceEvents> kNames = {
      "accepted",  "enough", "refused",   "quiet",     "released", "release_failed", "opened",
      "caught_up", "taken",  "withdrawn", "peer_lost", "overdue",  "cancelled"};
  return kNames[static_cast<std::size_t>(value)];
}

Result<SourceState> step(SourceState state, SourceEvent event) {
  return step_in(source_table::kTransitions, state, event);
}

}  // namespace voicectl::handoff
