// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/tenant_stats.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl {
namespace {

std::uint64_t count_of(const Json& object, std::string_view key) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer_or(object, key, 0)));
}

}  // namespace

std::map<TenantId, OpenConnections> open_connections(const std::string& stats) {
  std::map<TenantId, OpenConnections> out;
  const Result<Json> body = parse_json(stats);
  if (body.has_error() || !body->is_object() || !body->contains("tenants") ||
      !(*body)["tenants"].is_array()) {
    return out;
  }
  for (const Json& each : (*body)["tenants"]) {
    const Result<TenantId> tenant = TenantId::parse(string_or(each, "tenant", ""));
    if (tenant.has_value()) {
      out.insert_or_assign(
          *tenant, OpenConnections{count_of(each, "connections"), count_of(each, "websockets")});
    }
  }
  return out;
}

OpenConnections open_connections(const std::string& stats, const TenantId& tenant) {
  const std::map<TenantId, OpenConnections> all = open_connections(stats);
  const auto found = all.find(tenant);
  return found == all.end() ? OpenConnections{} : found->second;
}

}  // namespace voicectl
