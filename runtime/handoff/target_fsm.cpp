// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/target_fsm.h"

namespace voicectl::handoff {

std::string_view name_of(TargetState value) {
  constexpr std::array<std::string_view, 6> kNames = {"waiting",  "prepared", "opening",
                                                      "adopting", "taken",    "dropped"};
  return kNames[static_cast<std::size_t>(value)];
}

std::string_view name_of(TargetEvent value) {
  constexpr std::array<std::string_view, 13> kNames = {
      "offer_fits", "offer_unfit", "state",    "opened",    "open_failed",
      "batch",      "batch_unfit", "end_fits", "end_unfit", "withdraw",
      "peer_lost",  "overdue",     "cancelled"};
  return kNames[static_cast<std::size_t>(value)];
}

Result<TargetState> step(TargetState state, TargetEvent event) {
  return step_in(target_table::kTransitions, state, event);
}

}  // namespace voicectl::handoff
