// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "provisioner/model/snapshot.h"
#include "provisioner/registry/registry.h"

namespace voicectl {

/// Brings `snapshot` to what it is once `change` is recorded. The registry does the same on disk.
void apply_change(Snapshot& snapshot, const RecordedChange& change);

/// True if nothing recorded changes.
bool is_empty(const RecordedChange& change);

/// The daemon's copy of the registry's recorded state: read once at the start, then changed
/// exactly when the registry has acknowledged the same change.
///
/// THREADS: loop thread only.
class RecordedState {
 public:
  explicit RecordedState(Snapshot loaded) : snapshot_(std::move(loaded)) {}

  const Snapshot& snapshot() const { return snapshot_; }
  void acknowledge(const RecordedChange& change, Generation generation);

  const RecordedTenant* find_tenant(const TenantId& tenant) const;
  const RecordedInstance* find_instance(const InstanceId& instance) const;
  /// Tenants lent to an instance, sorted.
  std::vector<TenantId> tenants_of(const InstanceId& instance) const;

 private:
  Snapshot snapshot_;
};

}  // namespace voicectl
