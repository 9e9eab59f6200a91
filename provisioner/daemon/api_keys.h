// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/apply/registry_queue.h"
#include "provisioner/apply/tenant_files.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/daemon/reconcile_loop.h"
#include "provisioner/instances/instance_manager.h"

namespace voicectl {

/// kExpiring: it still opens, and has an end.
enum class ApiKeyState { kActive, kExpiring, kExpired, kRevoked };
std::string_view name_of(ApiKeyState state);
ApiKeyState state_of(const ApiKeyRecord& key, WallTime now);

/// Keys of one tenant that may open at the same time: each request is compared with all of them.
inline constexpr std::size_t kMostApiKeys = 100;
/// How long a key that has ended is still listed.
inline constexpr std::chrono::hours kEndedKeysListed{30 * 24};
/// Longest lifetime and longest overlap that can be asked for.
inline constexpr std::chrono::hours kLongestKeyLife{3660 * 24};
inline constexpr std::chrono::hours kLongestOverlap{90 * 24};

struct NewApiKey {
  ApiKeyRecord record;
  /// "vck_<id>_<random>": known here and to the caller, and never stored.
  Secret key;
};

/// What a new key is to be.
struct ApiKeyWish {
  std::string scope;
  /// Absent: it has no end.
  std::optional<std::chrono::seconds> lifetime{};
};

/// API keys of tenants. Their hashes are in the registry and in a file of each tenant.
///
/// A key is made or rotated while nothing else is applied. Revoking never waits for an apply: the
/// file of the keys belongs to nobody else.
/// THREADS: loop thread only.
class ApiKeys {
 public:
  struct Deps {
    Reactor& reactor;
    RegistryQueue& registry;
    const RecordedState& recorded;
    const ReconcileLoop& loop;
    TenantFiles& files;
    InstanceManager& instances;
    EventLog& events;
    Random& random;
    const WallClock& wall;
    /// The daemon's one list, which tenants' files are written from.
    std::vector<ApiKeyRecord>& records;
  };
  /// REQUIRES: all of `deps` outlives it.
  explicit ApiKeys(Deps deps);

  /// `done` runs when the tenant's instance knows the key; after an error there is none.
  /// ERRORS: kNotFound for an unknown tenant; kInvalidArgument for an unknown scope or a lifetime
  /// out of range; kResourceExhausted with kMostApiKeys keys; kConflict while an apply runs.
  void create(const TenantId& tenant, const ApiKeyWish& wish, Completion<NewApiKey> done);

  /// A new key of the same scope (and of the same lifetime, if it had one); the old one is accepted
  /// until `overlap` is over.
  /// ERRORS: as `create`; kNotFound for an unknown key; kConflict for one that was rotated or has
  /// ended.
  void rotate(const TenantId& tenant,
              const std::string& key_id,
              std::chrono::seconds overlap,
              Completion<NewApiKey> done);

  /// `done` runs when the instance has closed what the key had opened. A key that was revoked
  /// before is success.
  /// ERRORS: kNotFound if the tenant has no such key; kUnavailable if the key is revoked but its
  /// instance has not confirmed it.
  void revoke(const TenantId& tenant, const std::string& key_id, Completion<void> done);

  /// Brings every tenant's file and instance to what is recorded: an earlier run may have died
  /// between the two.
  void publish_all();
  /// The same for one of them.
  void publish(const TenantId& tenant, Completion<void> done);

  /// Makes a change that is recorded late say of its keys what is so now: one that was revoked
  /// since must not come back.
  void bring_up_to_date(RecordedChange& change) const;

  /// Those that were made for it, also those that ended lately.
  std::vector<ApiKeyRecord> of(const TenantId& tenant) const;

 private:
  struct Round;

  ApiKeyRecord* find(const TenantId& tenant, const std::string& key_id) const;
  Status check_can_make(const TenantId& tenant, const ApiKeyWish& wish) const;
  NewApiKey draw(const TenantId& tenant, const ApiKeyWish& wish);
  /// Gives a new key to who asked for it, or takes it back if its instance does not know it.
  /// `before`: the key that it replaces, as that was.
  void hand_out(const NewApiKey& made,
                const std::optional<ApiKeyRecord>& before,
                const Status& told,
                const Completion<NewApiKey>& done);
  void drop_old(const TenantId& tenant);
  void tell_instances(const TenantId& tenant, Completion<void> done);
  void ask(const InstanceId& instance, int attempt, const std::shared_ptr<Round>& round);
  bool is_ready(const InstanceId& instance) const;

  Deps deps_;
  /// Dies with it, so that what comes later is dropped.
  std::shared_ptr<ApiKeys*> self_;
};

}  // namespace voicectl
