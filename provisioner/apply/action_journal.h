// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/result.h"
#include "provisioner/apply/registry_queue.h"
#include "provisioner/registry/registry.h"

namespace voicectl {

/// Where the executor writes intents and outcomes: the registry, or nowhere for a run that only
/// forecasts.
///
/// THREADS: loop thread only; completions run in a later turn, in the order of the calls.
class ActionJournal {
 public:
  virtual ~ActionJournal() = default;

  /// As Registry::open_actions.
  virtual void open(std::vector<JournalEntry> entries,
                    Completion<std::vector<std::int64_t>> done) = 0;
  /// As Registry::close_actions.
  virtual void close(std::vector<ClosedAction> actions, Completion<Generation> done) = 0;
};

/// The journal of the registry.
class RegistryJournal final : public ActionJournal {
 public:
  explicit RegistryJournal(RegistryQueue& registry) : registry_(registry) {}

  void open(std::vector<JournalEntry> entries,
            Completion<std::vector<std::int64_t>> done) override {
    registry_.run<std::vector<std::int64_t>>(
        [entries = std::move(entries)](Registry& registry) {
          return registry.open_actions(entries);
        },
        std::move(done));
  }
  void close(std::vector<ClosedAction> actions, Completion<Generation> done) override {
    registry_.run<Generation>([actions = std::move(actions)](
                                  Registry& registry) { return registry.close_actions(actions); },
                              std::move(done));
  }

 private:
  RegistryQueue& registry_;
};

}  // namespace voicectl
