// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
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
  FieldOwners owners;
  std::vector<AuditRecord> audit;
  std::vector<ForecastRecord> forecasts;
  /// Of what succeeded, oldest first.
  std::vector<TimedAction> times;
  /// Of each step, in the order of writing.
  struct KeptLoad {
    WallTime at;
    std::chrono::milliseconds watched;
    std::map<TenantId, LoadRow> rows;
    std::map<UsageSubject, UsageRow> usage{};
  };
  std::map<LoadStep, std::vector<KeptLoad>> load;
  std::vector<JournalEntry> journal;
  std::int64_t last_entry = 0;
  std::vector<EventRecord> events;
  std::int64_t last_event = 0;
  std::map<std::pair<TenantId, std::string>, ApiKeyRecord> keys;
  std::map<std::string, std::string> notes;
  /// Told after every change of what is recorded.
  std::function<void()> on_recorded;
  /// While set, every call that would write fails with it and changes nothing: a full disk.
  std::optional<Error> failure;
  /// Asked before actions are closed: an error, and none is. May be empty.
  std::function<Status(const std::vector<ClosedAction>& actions)> on_close{};
  /// Asked before a note is kept: an error, and it is not.
  std::function<Status(const std::string& name)> on_note{};
};

/// The registry's contract in memory. Opening begins a new epoch, and fences those before.
std::unique_ptr<Registry> open_memory_registry(std::shared_ptr<RegistryStore> store);

}  // namespace voicectl
