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

Error busy() {
  return Error(ErrorCode::kConflict,
               "cannot change keys now: an apply is running; try again when it has finished");
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
  if (loop_.is_busy()) {
    done(busy());
    return;
  }
  const std::string id = random_.token(kKeyIdLength);
  const std::string key = fmt::format("vck_{}_{}", id, random_.token(kKeyLength));
  const NewApiKey made{ApiKeyRecord{id, tenant, sha256_hex(key), scope, wall_.now()}, Secret(key)};
  registry_.run<void>(
      [record = made.record](Registry& registry) { return registry.put_api_key(record); },
      [this, made, tenant, done](const Status& stored) {
        if (stored.has_error()) {
          done(stored.error());
          return;
        }
        records_.push_back(made.record);
        tell_instance(tenant, fmt::format("API key '{}' was made", made.record.key_id),
                      [made, done](const Status& told) {
                        done(told.has_error() ? Result<NewApiKey>(told.error()) : made);
                      });
      });
}

void ApiKeys::revoke(const TenantId& tenant, const std::string& key_id, Completion<void> done) {
  const auto is_it = [&](const ApiKeyRecord& key) {
    return key.tenant == tenant && key.key_id == key_id;
  };
  if (std::none_of(records_.begin(), records_.end(), is_it)) {
    done(Error(ErrorCode::kNotFound, fmt::format("cannot find a key '{}' of tenant '{}'",
                                                 key_id.substr(0, 64), tenant.str())));
    return;
  }
  if (loop_.is_busy()) {
    done(busy());
    return;
  }
  registry_.run<void>(
      [tenant, key_id](Registry& registry) { return registry.drop_api_key(tenant, key_id); },
      [this, tenant, key_id, done](const Status& dropped) {
        if (dropped.has_error()) {
          done(dropped);
          return;
        }
        std::erase_if(records_, [&](const ApiKeyRecord& key) {
          return key.tenant == tenant && key.key_id == key_id;
        });
        tell_instance(tenant, fmt::format("API key '{}' was revoked", key_id), done);
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
