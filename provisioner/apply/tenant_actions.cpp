// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/tenant_actions.h"

#include <fmt/core.h>

namespace voicectl {

ActionOutcome failed(const Error& error) {
  return ActionOutcome{error, {}};
}

Result<RecordedTenant> require_tenant(const RecordedState& recorded, const TenantId& tenant) {
  const RecordedTenant* const found = recorded.find_tenant(tenant);
  if (found == nullptr) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot go on with tenant '{}': it is not recorded", tenant.str()));
  }
  return *found;
}

Result<PlatformSpec> TenantActions::platform() const {
  const std::optional<PlatformSpec>& platform = deps_.recorded.snapshot().platform;
  if (!platform) {
    return Error(ErrorCode::kNotFound, "cannot write a tenant's configuration: no platform yet");
  }
  return *platform;
}

Status TenantActions::check_store(const StoreSpec& store) const {
  const Snapshot& recorded = deps_.recorded.snapshot();
  if (!recorded.platform || recorded.platform->store.kind == store.kind) {
    return ok_status();
  }
  for (const auto& [tenant, known] : recorded.tenants) {
    if (known.has_data) {
      return Error(
          ErrorCode::kInvalidArgument,
          fmt::format("cannot change platform.store.kind from '{}' to '{}': the sessions "
                      "of '{}' are in the former and nothing moves them; delete the "
                      "tenants first, or keep the store",
                      name_of(recorded.platform->store.kind), name_of(store.kind), tenant.str()));
    }
  }
  return ok_status();
}

void TenantActions::perform(const SetPlatform& action, OnActionDone done) {
  if (const Status allowed = check_store(action.platform.store); allowed.has_error()) {
    done(failed(allowed.error()));
    return;
  }
  if (const Status installed = deps_.files.install_ultravox_key(action.platform);
      installed.has_error()) {
    done(failed(installed.error()));
    return;
  }
  for (const auto& [tenant, recorded] : deps_.recorded.snapshot().tenants) {
    if (!recorded.has_data) {
      continue;
    }
    const Status written =
        deps_.files.write_config(recorded.spec, action.platform, recorded.generation, deps_.keys);
    if (written.has_error()) {
      done(failed(written.error().with_context(
          fmt::format("writing the configuration of '{}'", tenant.str()))));
      return;
    }
    if (recorded.placement) {
      // An instance that is away reads the file when it gets the tenant again.
      deps_.instances.reconfigure(*recorded.placement, tenant, recorded.generation,
                                  deps_.files.paths().tenant_config(tenant), [](const Status&) {});
    }
  }
  RecordedChange change;
  change.platform = action.platform;
  done(ActionOutcome{ok_status(), std::move(change)});
}

void TenantActions::perform(const CreateTenant& action, OnActionDone done) {
  RecordedChange change;
  change.put_tenants.push_back(RecordedTenant{.spec = action.spec,
                                              .phase = TenantPhase::kCreating,
                                              .generation = Generation{1},
                                              .port = std::nullopt,
                                              .placement = std::nullopt,
                                              .token = {},
                                              .routes = {},
                                              .created_at = deps_.wall.now()});
  done(ActionOutcome{ok_status(), std::move(change)});
}

void TenantActions::perform(const UpdateTenant& action, OnActionDone done) {
  Result<RecordedTenant> tenant = require_tenant(deps_.recorded, action.spec.tenant);
  const Result<PlatformSpec> platform = this->platform();
  if (tenant.has_error() || platform.has_error()) {
    done(failed(tenant.has_error() ? tenant.error() : platform.error()));
    return;
  }
  const RecordedTenant before = *tenant;
  tenant->spec = action.spec;
  tenant->generation = action.generation;
  RecordedChange change;
  change.put_tenants.push_back(*tenant);
  if (!tenant->has_data) {
    done(ActionOutcome{ok_status(), std::move(change)});
    return;
  }
  const Status written =
      deps_.files.write_config(action.spec, *platform, action.generation, deps_.keys);
  if (written.has_error()) {
    done(failed(written.error()));
    return;
  }
  if (!tenant->placement) {
    done(ActionOutcome{ok_status(), std::move(change)});
    return;
  }
  deps_.instances.reconfigure(
      *tenant->placement, action.spec.tenant, action.generation,
      deps_.files.paths().tenant_config(action.spec.tenant),
      [this, before, platform = *platform, change, done](const Status& taken) {
        if (taken.has_value()) {
          done(ActionOutcome{ok_status(), change});
          return;
        }
        // The instance goes on with the old configuration, so the file must say the same.
        const Status restored =
            deps_.files.write_config(before.spec, platform, before.generation, deps_.keys);
        done(failed(restored.has_error() ? restored.error() : taken.error()));
      });
}

void TenantActions::perform(const DeleteTenant& action, OnActionDone done) {
  // Who takes the name next must not inherit who may come in.
  std::erase_if(deps_.keys, [&](const ApiKeyRecord& key) { return key.tenant == action.tenant; });
  RecordedChange change;
  change.drop_tenants.push_back(action.tenant);
  done(ActionOutcome{ok_status(), std::move(change)});
}

void TenantActions::perform(const PrepareTenantData& action, OnActionDone done) {
  Result<RecordedTenant> tenant = require_tenant(deps_.recorded, action.tenant);
  const Result<PlatformSpec> platform = this->platform();
  if (tenant.has_error() || platform.has_error()) {
    done(failed(tenant.has_error() ? tenant.error() : platform.error()));
    return;
  }
  const Status prepared =
      deps_.files.prepare(tenant->spec, *platform, action.generation, deps_.keys);
  if (prepared.has_error()) {
    done(failed(prepared.error()));
    return;
  }
  tenant->has_data = true;
  tenant->generation = action.generation;
  RecordedChange change;
  change.put_tenants.push_back(*tenant);
  done(ActionOutcome{ok_status(), std::move(change)});
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
