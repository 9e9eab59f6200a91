// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/apply/registry_queue.h"
#include "provisioner/daemon/reconcile_loop.h"

namespace voicectl {

struct NewApiKey {
  ApiKeyRecord record;
  /// "vck_<id>_<random>": known here and to the caller, and never stored.
  Secret key;
};

/// API keys of tenants. Their hashes are in the registry and in the tenants' configuration files.
///
/// THREADS: loop thread only.
class ApiKeys {
 public:
  /// REQUIRES: all outlive it. `records` is the daemon's one list, which tenants' files are
  /// written from.
  ApiKeys(RegistryQueue& registry,
          const RecordedState& recorded,
          ReconcileLoop& loop,
          Random& random,
          const WallClock& wall,
          std::vector<ApiKeyRecord>& records);

  /// `done` runs when the tenant's instance knows the key and it is recorded; after an error
  /// there is none.
  /// ERRORS: kNotFound for an unknown tenant; kInvalidArgument for an unknown scope; kConflict
  /// while an apply runs.
  void create(const TenantId& tenant, const std::string& scope, Completion<NewApiKey> done);

  /// `done` runs when the tenant's instance refuses the key and no record of it is left; after an
  /// error it is still listed, so that it can be revoked again.
  /// ERRORS: kNotFound if the tenant has no such key; kConflict while an apply runs.
  void revoke(const TenantId& tenant, const std::string& key_id, Completion<void> done);

  std::vector<ApiKeyRecord> of(const TenantId& tenant) const;

 private:
  void record(const NewApiKey& made, const Completion<NewApiKey>& done);
  std::optional<ApiKeyRecord> take_out(const TenantId& tenant, const std::string& key_id);
  void put_back(const ApiKeyRecord& key);
  void tell_instance(const TenantId& tenant, const std::string& reason, Completion<void> done);

  RegistryQueue& registry_;
  const RecordedState& recorded_;
  ReconcileLoop& loop_;
  Random& random_;
  const WallClock& wall_;
  std::vector<ApiKeyRecord>& records_;
};

}  // namespace voicectl
