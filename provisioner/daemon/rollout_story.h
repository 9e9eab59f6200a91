// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "provisioner/daemon/rollout_driver.h"

namespace voicectl {

/// One rollout as this daemon leads it.
struct RolloutDriver::Story {
  /// Ends with it.
  std::shared_ptr<int> alive = std::make_shared<int>();
  MonoTime began{};
  /// Those between the batches so far, as they were forecast.
  Duration pauses{};
  ApplyListener listener;
  std::vector<RolloutBatch> batches;
  std::size_t batch = 0;
  /// Steps of the whole plan, and of the batches so far.
  std::size_t planned = 0;
  std::size_t told = 0;
  std::size_t lines = 0;
  api::ApplyOutcome outcome;
  std::map<std::string, api::Compared> compared;
  /// The part that is being carried out: for whom each step is, and who has begun.
  std::vector<std::optional<TenantId>> tenants;
  std::set<TenantId> begun;
  /// Those of the batch that are held back again.
  std::set<TenantId> returned;
  /// A batch is being carried out.
  bool is_in_batch = false;
  std::optional<Error> cut;
  /// Why it goes no further, whether that could be recorded or not; empty: it has gone to its end.
  std::string stopped;
  /// What was wrong when that was to be recorded.
  std::string unrecorded;
  /// That it was stopped is being recorded.
  bool is_ending = false;
  MonoTime watch_until{};
  std::map<TenantId, int> bad_looks;
  int unasked = 0;
};

}  // namespace voicectl
