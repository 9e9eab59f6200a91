// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "provisioner/registry/registry.h"

namespace voicectl {

/// What survives a restart: the file of a registry that is none. Share it between openings.
struct RegistryStore {
  Epoch epoch;
  std::string identity = "00112233445566778899aabbccddeeff";
  /// Recorded part only.
  Snapshot recorded;
  /// Oldest first. What was purged is erased from the state and named beside it.
  struct KeptDesired {
    Revision revision;
    std::shared_ptr<const DesiredState> desired;
    std::vector<TenantId> purged;
  };
  std::vector<KeptDesired> revisions;
  std::vector<AuditRecord> audit;
  std::vector<ForecastRecord> forecasts;
  /// Of what succeeded, oldest first.
  std::vector<TimedAction> times;
  std::vector<JournalEntry> journal;
  std::int64_t last_entry = 0;
  std::vector<EventRecord> events;
  std::int64_t last_event = 0;
  std::map<std::pair<TenantId, std::string>, ApiKeyRecord> keys;
  std::map<std::string, std::string> notes;
  /// While set, every call that would write fails with it and changes nothing: a full disk.
  std::optional<Error> failure;
};

/// The registry's contract in memory. Opening begins a new epoch, and fences those before.
std::unique_ptr<Registry> open_memory_registry(std::shared_ptr<RegistryStore> store);

}  // namespace voicectl
