// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/instance_fsm.h"

#include <fmt/core.h>

namespace voicectl {
namespace {

constexpr std::array<std::string_view, kInstanceStates> kStateNames = {
    "stopped", "starting", "ready", "backoff", "hung", "stopping", "killing", "failed"};

constexpr std::array<std::string_view, kInstanceEvents> kEventNames = {
    "start_asked",   "adopted",      "spawned",      "spawn_failed", "told_ready",
    "ready_timeout", "channel_lost", "unresponsive", "exited",       "backoff_elapsed",
    "gave_up",       "stop_asked",   "grace_elapsed"};

static_assert(!kStateNames.back().empty() && !kEventNames.back().empty(), "every name is there");

}  // namespace

std::string_view name_of(InstanceState state) {
  return kStateNames.at(static_cast<std::size_t>(state));
}

std::string_view name_of(InstanceEvent event) {
  return kEventNames.at(static_cast<std::size_t>(event));
}

Result<InstanceState> step(InstanceState state, InstanceEvent event) {
  for (const InstanceTransition& known : instance_table::kTransitions) {
    if (known.from == state && known.event == event) {
      return known.to;
    }
  }
  return Error(ErrorCode::kConflict,
               fmt::format("cannot take '{}' while '{}'", name_of(event), name_of(state)));
}

}  // namespace voicectl
