// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "provisioner/model/snapshot.h"
#include "provisioner/registry/registry.h"

namespace voicectl {

/// Brings `snapshot` to what it is once `change` is recorded. The registry does the same on disk,
/// and keeps what no snapshot holds: the digests of written files, and API keys.
void apply_change(Snapshot& snapshot, const RecordedChange& change);

/// The part of it about drift: what was adopted. What was written is WrittenFiles' to know.
void apply_drift_change(Snapshot& snapshot, const RecordedChange& change);

/// True if nothing recorded changes.
bool is_empty(const RecordedChange& change);

enum class WatcherId : std::uint64_t {};

/// The daemon's copy of the registry's recorded state: read once at the start, then changed when
/// the registry has acknowledged the same change, or could not take it although it is so. What is
/// believed is recorded before anything else is done (Executor).
///
/// THREADS: loop thread only.
class RecordedState {
 public:
  explicit RecordedState(Snapshot loaded) : snapshot_(std::move(loaded)) {}

  const Snapshot& snapshot() const { return snapshot_; }
  /// The recorded state with what is observed beside it, not copied but lent: until it is given
  /// back nothing may be acknowledged, and nothing else lent.
  class Sight {
   public:
    explicit Sight(RecordedState& state) : state_(state) {}
    Sight(const Sight&) = delete;
    Sight& operator=(const Sight&) = delete;
    ~Sight() { state_.take_back(); }
    const Snapshot& snapshot() const { return state_.snapshot_; }
    ObservedState& observed() { return state_.snapshot_.observed; }

   private:
    RecordedState& state_;
  };
  [[nodiscard]] Sight lend(ObservedState observed);

  /// Another one after each change. The generation is not: a change that could not be recorded is
  /// believed all the same.
  std::uint64_t version() const { return version_; }

  /// Runs `on_change` after each change, until `unwatch`.
  WatcherId watch(std::function<void()> on_change);
  void unwatch(WatcherId watcher) { watchers_.erase(watcher); }
  void acknowledge(const RecordedChange& change, Generation generation);

  const RecordedTenant* find_tenant(const TenantId& tenant) const;
  const RecordedInstance* find_instance(const InstanceId& instance) const;
  /// Tenants lent to an instance, sorted.
  std::vector<TenantId> tenants_of(const InstanceId& instance) const;

 private:
  void take_back();

  Snapshot snapshot_;
  bool is_lent_ = false;
  std::uint64_t version_ = 0;
  std::map<WatcherId, std::function<void()>> watchers_;
  std::uint64_t next_watcher_ = 1;
};

}  // namespace voicectl
