// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/edge_proxy.h"

namespace voicectl {

std::string_view name_of(EdgeOutcome outcome) {
  switch (outcome) {
    case EdgeOutcome::kUnchanged:
      return "unchanged";
    case EdgeOutcome::kStarted:
      return "started";
    case EdgeOutcome::kReloaded:
      return "reloaded";
  }
  return "unknown";
}

std::string_view name_of(EdgeEvent::Kind kind) {
  switch (kind) {
    case EdgeEvent::Kind::kDied:
      return "edge.died";
    case EdgeEvent::Kind::kRestarted:
      return "edge.restarted";
    case EdgeEvent::Kind::kFailing:
      return "edge.failing";
  }
  return "unknown";
}

}  // namespace voicectl
