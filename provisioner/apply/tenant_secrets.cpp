// SPDX-License-Identifier: Apache-2.0
// How a tenant's webhook secret is replaced by another one.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/apply/tenant_files.h"

namespace voicectl {
namespace {

constexpr std::size_t kSecretLength = 40;
constexpr std::size_t kMostConfigBytes = 16U << 20;

/// A text without an end, or {"secret","accepted_until_ms"}.
std::int64_t end_of(const Json& secret, std::int64_t otherwise) {
  return secret.is_object() ? integer_or(secret, "accepted_until_ms", 0) : otherwise;
}

Json with_end(const Json& secret, std::int64_t end) {
  return {
      {"secret", secret.is_object() ? string_or(secret, "secret", "") : secret.get<std::string>()},
      {"accepted_until_ms", end}};
}

bool was_rotated(const Json& secrets) {
  const Json& list = secrets["webhook_secrets"];
  return std::any_of(list.begin(), list.end(),
                     [](const Json& secret) { return secret.is_object(); });
}

}  // namespace

Result<WallTime> TenantFiles::rotate_webhook_secret(const TenantId& tenant,
                                                    WallTime now,
                                                    Duration overlap) {
  VC_TRY(Json secrets, take_secrets(tenant));
  const std::int64_t now_ms = now.time_since_epoch().count();
  const WallTime latest = now + std::chrono::ceil<std::chrono::milliseconds>(overlap);
  const std::int64_t latest_ms = latest.time_since_epoch().count();
  Json list = Json::array({random_.token(kSecretLength)});
  for (const Json& secret : secrets["webhook_secrets"]) {
    const bool is_over = end_of(secret, WallTime::max().time_since_epoch().count()) <= now_ms;
    if ((secret.is_string() || secret.is_object()) && !is_over) {
      // Also with one of before: who says that the old ones end soon may have lost them all.
      list.push_back(with_end(secret, std::min(end_of(secret, latest_ms), latest_ms)));
    }
  }
  if (list.size() > kMostWebhookSecrets) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("cannot rotate the webhook secret of tenant '{}': {} are accepted at "
                             "this time; wait until one has ended",
                             tenant.str(), kMostWebhookSecrets));
  }
  secrets["webhook_secrets"] = std::move(list);
  VC_TRY(write_owned(paths().tenant_secrets(tenant), dump_json(secrets)));
  return latest;
}

Result<bool> TenantFiles::has_undelivered_secrets(const RecordedTenant& tenant) {
  const TenantId& name = tenant.spec.tenant;
  VC_TRY(const Json secrets, take_secrets(name));
  if (!was_rotated(secrets)) {
    return false;
  }
  VC_TRY(const std::optional<std::string> text,
         read_known(paths().tenant_config(name), kMostConfigBytes));
  const Result<Json> config = parse_json(text.value_or(""), JsonBudget{.bytes = kMostConfigBytes});
  return config.has_error() || !config->is_object() ||
         config->value("secrets", Json()) != secrets ||
         integer_or(*config, "generation", -1) != std::int64_t(tenant.generation.value);
}

}  // namespace voicectl
