// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "provisioner/daemon/upgrade_driver.h"

namespace voicectl {

/// One upgrade as this daemon leads it.
struct UpgradeDriver::Story {
  ReconcileLoop::ApplyListener listener;
  std::size_t lines = 0;
  api::ApplyOutcome outcome;
  int tries = 0;
  /// Why a step of the last try failed.
  std::string failure;
  MonoTime watch_until{};
  int bad_looks = 0;
  int unasked = 0;
  /// Restarts that had happened when the watch began.
  std::map<InstanceId, int> restarts;
  std::optional<std::string> abort_why;
  std::vector<Completion<void>> abort_told;
};

}  // namespace voicectl
