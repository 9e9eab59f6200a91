// SPDX-License-Identifier: Apache-2.0
// Routes of the control API about what deleted tenants left.
#include <nlohmann/json.hpp>

#include "provisioner/daemon/control_server.h"

namespace voicectl {

void ControlServer::forget_tenant(const Call& call) {
  const Result<TenantId> tenant = TenantId::parse(call.captures[0]);
  if (tenant.has_error()) {
    refuse(call, tenant.error());
    return;
  }
  const auto is_desired = [this](const TenantId& name) {
    return deps_.loop.desired() && find_tenant(*deps_.loop.desired(), name) != nullptr;
  };
  if (deps_.recorded.find_tenant(*tenant) != nullptr || is_desired(*tenant)) {
    // What is known of the name is that of the tenant that is there, or will be.
    answer(call, {{"tenant", tenant->str()}, {"forgotten", false}});
    return;
  }
  deps_.registry.run<void>(
      [id = *tenant](Registry& registry) { return registry.forget_tenant(id); },
      [this, call, is_desired, id = *tenant](const Status& outcome) {
        if (outcome.has_error()) {
          refuse(call, outcome.error());
          return;
        }
        // It may have been asked for since.
        if (!is_desired(id)) {
          deps_.loop.forget_owners(id);
        }
        deps_.events.add("tenant.purged", "tenant/" + id.str());
        answer(call, {{"tenant", id.str()}, {"forgotten", true}});
      });
}

}  // namespace voicectl
