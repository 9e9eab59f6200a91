// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/load_feed.h"

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "runtime/control/protocol.h"

namespace voicectl {

void LoadFeed::start() {
  sample();
  reactor_.call_after(kLoadInterval, [this] { start(); });
}

void LoadFeed::sample() {
  for (const InstanceView& view : instances_.observe()) {
    if (view.state != InstanceState::kReady) {
      continue;
    }
    instances_.request(view.instance, control::request::kStats, "{}", kLoadInterval,
                       [this, id = view.instance](const Result<std::string>& stats) {
                         if (stats.has_value()) {
                           take(id, *stats);
                         }
                       });
  }
}

void LoadFeed::take(const InstanceId& instance, const std::string& stats) {
  const Result<Json> body = parse_json(stats);
  if (body.has_error() || !body->contains("tenants") || !(*body)["tenants"].is_array()) {
    return;
  }
  std::uint64_t total = 0;
  for (const Json& tenant : (*body)["tenants"]) {
    const Result<TenantId> name = TenantId::parse(string_or(tenant, "tenant", ""));
    const auto sessions =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer_or(tenant, "sessions", 0)));
    if (name.has_value()) {
      view_.sessions.insert_or_assign(*name, sessions);
    }
    total += sessions;
  }
  view_.instances[instance].sessions = total;
}

}  // namespace voicectl
