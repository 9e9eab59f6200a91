// SPDX-License-Identifier: Apache-2.0
// How the executor records what is so and could not be recorded when it was done.
#include <algorithm>
#include <utility>

#include "provisioner/apply/executor.h"

namespace voicectl {

void Executor::believe(ClosedAction closed, std::optional<JournalEntry> entry) {
  const RecordedChange change = closed.change;
  unrecorded_.push_back(Unrecorded{std::move(closed), std::move(entry)});
  deps_.recorded.acknowledge(change, deps_.recorded.snapshot().generation);
}

void Executor::catch_up() {
  const bool is_to_open =
      std::any_of(unrecorded_.begin(), unrecorded_.end(),
                  [](const Unrecorded& each) { return each.entry.has_value(); });
  is_to_open ? open_unrecorded() : close_unrecorded();
}

void Executor::open_unrecorded() {
  std::vector<JournalEntry> entries;
  for (const Unrecorded& each : unrecorded_) {
    if (each.entry) {
      entries.push_back(*each.entry);
    }
  }
  deps_.journal.open(std::move(entries), [this](const Result<std::vector<std::int64_t>>& numbers) {
    if (numbers.has_error()) {
      halt(numbers.error().with_context("recording what was done before"));
      advance();
      return;
    }
    std::size_t next = 0;
    for (Unrecorded& each : unrecorded_) {
      if (std::exchange(each.entry, std::nullopt)) {
        each.closed.number = (*numbers)[next++];
      }
    }
    close_unrecorded();
  });
}

void Executor::close_unrecorded() {
  std::vector<ClosedAction> batch;
  for (const Unrecorded& each : unrecorded_) {
    batch.push_back(each.closed);
    if (deps_.as_now) {
      deps_.as_now(batch.back().change);
    }
  }
  deps_.journal.close(std::move(batch), [this](const Result<Generation>& generation) {
    if (generation.has_value()) {
      unrecorded_.clear();
      deps_.recorded.acknowledge({}, *generation);
    } else {
      halt(generation.error().with_context("recording what was done before"));
    }
    advance();
  });
}

}  // namespace voicectl
