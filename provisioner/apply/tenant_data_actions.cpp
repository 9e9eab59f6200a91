// SPDX-License-Identifier: Apache-2.0
// How a tenant gets its folder, and is parted from it.
#include <algorithm>

#include "provisioner/apply/tenant_actions.h"

namespace voicectl {

Result<std::vector<ApiKeyRecord>> TenantActions::take_import(const RecordedTenant& tenant,
                                                             const PlatformSpec& platform) {
  VC_TRY(deps_.files.adopt_import(tenant.spec, platform.store.kind, deps_.wall.now()));
  VC_TRY(std::vector<ApiKeyRecord> keys,
         deps_.files.read_keys(tenant.spec.tenant, deps_.wall.now()));
  for (ApiKeyRecord& key : keys) {
    const auto known =
        std::find_if(deps_.keys.begin(), deps_.keys.end(), [&key](const ApiKeyRecord& one) {
          return one.tenant == key.tenant && one.key_id == key.key_id;
        });
    // An earlier try has taken it, and it may have been revoked since.
    if (known != deps_.keys.end()) {
      key = *known;
    } else {
      deps_.keys.push_back(key);
    }
  }
  return keys;
}

void TenantActions::perform(const PrepareTenantData& action, OnActionDone done) {
  Result<RecordedTenant> tenant = require_tenant(deps_.recorded, action.tenant);
  const Result<PlatformSpec> platform = this->platform();
  if (tenant.has_error() || platform.has_error()) {
    done(failed(tenant.has_error() ? tenant.error() : platform.error()));
    return;
  }
  const Result<std::vector<ApiKeyRecord>> keys = prepare(*tenant, *platform, action.generation);
  if (keys.has_error()) {
    done(failed(keys.error()));
    return;
  }
  tenant->has_data = true;
  tenant->generation = action.generation;
  RecordedChange change;
  change.put_tenants.push_back(*tenant);
  change.put_api_keys = *keys;
  done(ActionOutcome{ok_status(), std::move(change)});
}

Result<std::vector<ApiKeyRecord>> TenantActions::prepare(const RecordedTenant& tenant,
                                                         const PlatformSpec& platform,
                                                         Generation generation) {
  std::vector<ApiKeyRecord> keys;
  if (tenant.has_data) {
    // What its instance did not take is written anew. A folder that is gone is not: it would be an
    // empty one, with secrets that its agents do not have.
    VC_TRY(deps_.files.write_config(tenant.spec, platform, generation, deps_.keys));
    return keys;
  }
  if (!tenant.spec.import_id.empty()) {
    VC_TRY(keys, take_import(tenant, platform));
  }
  VC_TRY(deps_.files.prepare(tenant.spec, platform, generation, deps_.keys));
  return keys;
}

void TenantActions::perform(const RetireTenantData& action, OnActionDone done) {
  Result<RecordedTenant> tenant = require_tenant(deps_.recorded, action.tenant);
  if (tenant.has_error()) {
    done(failed(tenant.error()));
    return;
  }
  if (const Status retired = deps_.files.retire(action.tenant, deps_.wall.now());
      retired.has_error()) {
    done(failed(retired.error()));
    return;
  }
  tenant->has_data = false;
  RecordedChange change;
  change.put_tenants.push_back(*tenant);
  done(ActionOutcome{ok_status(), std::move(change)});
}

}  // namespace voicectl
