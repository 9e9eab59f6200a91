// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/choose_store.h"

#include <utility>

#include "runtime/redis/redis_store.h"
#include "runtime/session/embedded_store.h"

namespace voicectl::runtime {
namespace {

constexpr std::string_view kDatabaseName = "/tenant.db";

}  // namespace

std::unique_ptr<SessionStore> choose_store(const TenantConfig& config, StoreDeps deps) {
  switch (config.store.kind) {
    case StoreKind::kEmbedded:
      break;
    case StoreKind::kRedis:
      return std::make_unique<RedisStore>(RedisStore::Deps{
          deps.reactor, deps.random, RedisOptions{.address = config.store.redis},
          RedisKeys(config.tenant), deps.token, std::move(deps.on_warning), config.store.owner});
  }
  return std::make_unique<EmbeddedStore>(deps.data_folder + std::string(kDatabaseName), deps.token,
                                         deps.offload);
}

}  // namespace voicectl::runtime
