// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/api_keys.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/crypto.h"

namespace voicectl {
namespace {

constexpr std::size_t kKeyIdLength = 8;
/// 36 characters to choose from: more than 200 bits, so that a plain hash is enough to store.
constexpr std::size_t kKeyLength = 40;

Error no_such_tenant(const TenantId& tenant) {
  return Error(ErrorCode::kNotFound, fmt::format("cannot find tenant '{}'", tenant.str()));
}

}  // namespace

ApiKeys::ApiKeys(RegistryQueue& registry,
                 const RecordedState& recorded,
                 ReconcileLoop& loop,
                 Random& random,
                 const WallClock& wall,
                 std::vector<ApiKeyRecord>& records)
    : registry_(registry),
      recorded_(recorded),
      loop_(loop),
      random_(random),
      wall_(wall),
      records_(records) {}

std::vector<ApiKeyRecord> ApiKeys::of(const TenantId& tenant) const {
  std::vector<ApiKeyRecord> out;
  std::copy_if(records_.begin(), records_.end(), std::back_inserter(out),
               [&](const ApiKeyRecord& key) { return key.tenant == tenant; });
  return out;
}

void ApiKeys::create(const TenantId& tenant, const std::string& scope, Completion<NewApiKey> done) {
  if (recorded_.find_tenant(tenant) == nullptr) {
    done(no_such_tenant(tenant));
    return;
  }
  if (scope != "admin" && scope != "staff" && scope != "widget") {
    done(Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot make a key of scope '{}': allowed are admin, staff, widget",
                           scope.substr(0, 32))));
    return;
  }
  const std::string id = random_.token(kKeyIdLength);
  const std::string key = fmt::format("vck_{}_{}", id, random_.token(kKeyLength));
  const NewApiKey made{ApiKeyRecord{id, tenant, sha256_hex(key), scope, wall_.now()}, Secret(key)};
  records_.push_back(made.record);
  // The instance first: what fails then leaves a key that nobody was shown.
  tell_instance(tenant, fmt::format("API key '{}' was made", id),
                [this, made, done](const Status& told) {
                  if (told.has_error()) {
                    (void)take_out(made.record.tenant, made.record.key_id);  // it was never in use
                    done(told.error());
                    return;
                  }
                  record(made, done);
                });
}

void ApiKeys::record(const NewApiKey& made, const Completion<NewApiKey>& done) {
  registry_.run<void>([key = made.record](Registry& registry) { return registry.put_api_key(key); },
                      [this, made, done](const Status& stored) {
                        if (stored.has_error()) {
                          (void)take_out(made.record.tenant,
                                         made.record.key_id);  // it was never in use
                          done(stored.error());
                          return;
                        }
                        done(made);
                      });
}

std::optional<ApiKeyRecord> ApiKeys::take_out(const TenantId& tenant, const std::string& key_id) {
  const auto found = std::find_if(records_.begin(), records_.end(), [&](const ApiKeyRecord& key) {
    return key.tenant == tenant && key.key_id == key_id;
  });
  if (found == records_.end()) {
    return std::nullopt;
  }
  ApiKeyRecord out = std::move(*found);
  records_.erase(found);
  return out;
}

void ApiKeys::put_back(const ApiKeyRecord& key) {
  // Its tenant may have been deleted meanwhile, and all of its keys with it.
  if (recorded_.find_tenant(key.tenant) != nullptr) {
    records_.push_back(key);
  }
}

void ApiKeys::revoke(const TenantId& tenant, const std::string& key_id, Completion<void> done) {
  const std::optional<ApiKeyRecord> key = take_out(tenant, key_id);
  if (!key) {
    done(Error(ErrorCode::kNotFound, fmt::format("cannot find a key '{}' of tenant '{}'",
                                                 key_id.substr(0, 64), tenant.str())));
    return;
  }
  // The instance first: a key that is out of the registry could not be revoked again if the
  // instance had not heard of it, or the daemon died in between.
  tell_instance(
      tenant, fmt::format("API key '{}' was revoked", key_id),
      [this, key = *key, done](const Status& told) {
        if (told.has_error()) {
          put_back(key);
          done(told);
          return;
        }
        registry_.run<void>(
            [key](Registry& registry) { return registry.drop_api_key(key.tenant, key.key_id); },
            [this, key, done](const Status& dropped) {
              if (dropped.has_error()) {
                put_back(key);
              }
              done(dropped);
            });
      });
}

void ApiKeys::tell_instance(const TenantId& tenant,
                            const std::string& reason,
                            Completion<void> done) {
  const RecordedTenant* const recorded = recorded_.find_tenant(tenant);
  if (recorded == nullptr) {
    done(no_such_tenant(tenant));
    return;
  }
  const UpdateTenant update{recorded->spec, Generation{recorded->generation.value + 1}};
  if (const Status begun = loop_.run_single(update, reason, done); begun.has_error()) {
    done(begun);
  }
}

}  // namespace voicectl
