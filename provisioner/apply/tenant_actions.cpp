// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/tenant_actions.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace voicectl {
namespace {

/// Waits for the answers of instances that were told of new settings.
struct Telling {
  static constexpr std::size_t kMostNamed = 5;

  OnActionDone done;
  ActionOutcome outcome;
  /// One more than there are answers to come, so that none can be the last while we still ask.
  std::size_t waiting = 1;
  std::size_t refused = 0;
  /// Of whom nothing was written, and why.
  std::vector<std::string> missed;

  void take(const TenantId& tenant, const Status& taken) {
    // One that is away reads the file when it gets the tenant again.
    if (taken.has_error() && taken.error().code() != ErrorCode::kUnavailable) {
      ++refused;
      if (refused <= kMostNamed) {
        outcome.note +=
            fmt::format("{}'{}': {}", refused > 1 ? "; " : "", tenant.str(), taken.error().text());
      }
    }
    finish_one();
  }

  static std::string count_of(std::size_t tenants) {
    return fmt::format("{} tenant{}", tenants, tenants == 1 ? "" : "s");
  }
  std::ptrdiff_t named() const {
    return static_cast<std::ptrdiff_t>(std::min(kMostNamed, missed.size()));
  }

  void finish_one() {
    if (--waiting > 0) {
      return;
    }
    if (refused > 0) {
      outcome.note = fmt::format(
          "{} {} on with the old settings until {} instance takes the new ones, which is asked "
          "again: {}",
          count_of(refused), refused == 1 ? "goes" : "go", refused == 1 ? "its" : "their",
          outcome.note);
    }
    if (!missed.empty()) {
      outcome.note += fmt::format("{}the settings were not written for {}: {}",
                                  outcome.note.empty() ? "" : "; ", count_of(missed.size()),
                                  fmt::join(missed.begin(), missed.begin() + named(), "; "));
    }
    done(std::move(outcome));
  }
};

}  // namespace

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
  const Result<Refreshed> refreshed = refresh_configs(action.platform);
  if (refreshed.has_error()) {
    done(failed(refreshed.error()));
    return;
  }
  const auto telling = std::make_shared<Telling>();
  telling->done = std::move(done);
  telling->missed = refreshed->reasons;
  telling->outcome.status = ok_status();
  RecordedChange& change = telling->outcome.change;
  change.platform = action.platform;
  change.put_tenants = refreshed->written;
  change.put_tenants.insert(change.put_tenants.end(), refreshed->missed.begin(),
                            refreshed->missed.end());
  for (const RecordedTenant& tenant : refreshed->written) {
    if (tenant.placement) {
      ++telling->waiting;
      deps_.instances.reconfigure(*tenant.placement, tenant.spec.tenant, tenant.generation,
                                  deps_.files.paths().tenant_config(tenant.spec.tenant),
                                  [telling, name = tenant.spec.tenant](const Status& taken) {
                                    telling->take(name, taken);
                                  });
    }
  }
  telling->finish_one();
}

Result<TenantActions::Refreshed> TenantActions::refresh_configs(const PlatformSpec& platform) {
  Refreshed out;
  for (const auto& [tenant, recorded] : deps_.recorded.snapshot().tenants) {
    if (!recorded.has_data) {
      continue;
    }
    const Result<TenantFiles::Written> written =
        deps_.files.refresh_config(recorded.spec, platform, recorded.generation, deps_.keys);
    RecordedTenant after = recorded;
    ++after.generation.value;
    if (written.has_value()) {
      if (*written == TenantFiles::Written::kAnew) {
        out.written.push_back(std::move(after));
      }
    } else if (deps_.files.is_own_trouble(written.error(), platform)) {
      out.missed.push_back(std::move(after));  // no reason to keep the others from theirs
      out.reasons.push_back(fmt::format("'{}': {}", tenant.str(), written.error().text()));
    } else {
      restore_configs(out.written);
      return written.error().with_context(
          fmt::format("writing the configuration of '{}'", tenant.str()));
    }
  }
  return out;
}

void TenantActions::restore_configs(const std::vector<RecordedTenant>& refreshed) {
  for (const RecordedTenant& tenant : refreshed) {
    // One that cannot be written now is before its tenant is given to an instance.
    (void)ensure_config(*deps_.recorded.find_tenant(tenant.spec.tenant));
  }
}

Status TenantActions::ensure_config(const RecordedTenant& tenant) {
  VC_TRY(const PlatformSpec platform, this->platform());
  return deps_.files.ensure_config(tenant, platform, deps_.keys);
}

void TenantActions::deliver_config(const RecordedTenant& tenant, Completion<void> done) {
  const Status ensured = ensure_config(tenant);
  if (ensured.has_error() || !tenant.placement) {
    done(ensured);
    return;
  }
  deps_.instances.reconfigure(*tenant.placement, tenant.spec.tenant, tenant.generation,
                              deps_.files.paths().tenant_config(tenant.spec.tenant),
                              std::move(done));
}

void TenantActions::perform(const InstallKey& action, OnActionDone done) {
  if (action.tenant) {
    install_secrets(*action.tenant, std::move(done));
    return;
  }
  const Result<PlatformSpec> platform = this->platform();
  // Instances read the file for each call that they make, so nobody has to be told.
  const Status installed =
      platform.has_error() ? Status(platform.error()) : deps_.files.install_ultravox_key(*platform);
  done(ActionOutcome{installed, {}});
}

void TenantActions::install_secrets(const TenantId& name, OnActionDone done) {
  Result<RecordedTenant> tenant = require_tenant(deps_.recorded, name);
  // Its instance reads the file for its requests.
  const Status installed =
      tenant.has_error() ? Status(tenant.error()) : deps_.files.install_credentials(tenant->spec);
  const Result<bool> written =
      installed.has_error() ? Result<bool>(installed.error()) : write_rotated(*tenant);
  if (written.has_error() || !*written) {
    done(ActionOutcome{written.has_error() ? Status(written.error()) : ok_status(), {}});
    return;
  }
  ++tenant->generation.value;
  const auto telling = std::make_shared<Telling>();
  telling->done = std::move(done);
  telling->outcome.status = ok_status();
  telling->outcome.change.put_tenants.push_back(*tenant);
  if (tenant->placement) {
    ++telling->waiting;
    deps_.instances.reconfigure(
        *tenant->placement, name, tenant->generation, deps_.files.paths().tenant_config(name),
        [telling, name](const Status& taken) { telling->take(name, taken); });
  }
  telling->finish_one();
}

Result<bool> TenantActions::write_rotated(const RecordedTenant& tenant) {
  if (!tenant.has_data) {
    return false;
  }
  VC_TRY(const bool is_rotated, deps_.files.has_undelivered_secrets(tenant));
  if (!is_rotated) {
    return false;
  }
  VC_TRY(const PlatformSpec platform, this->platform());
  VC_TRY(const TenantFiles::Written written,
         deps_.files.refresh_config(tenant.spec, platform, tenant.generation, deps_.keys));
  return written == TenantFiles::Written::kAnew;
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

bool brings_back(const UpdateTenant& action, const RecordedTenant& tenant) {
  // A change of the platform in the same plan may have taken the generation further.
  return tenant.phase == TenantPhase::kDeleting && action.spec == tenant.spec &&
         action.generation <= tenant.generation;
}

void TenantActions::perform(const UpdateTenant& action, OnActionDone done) {
  Result<RecordedTenant> tenant = require_tenant(deps_.recorded, action.spec.tenant);
  const Result<PlatformSpec> platform = this->platform();
  if (tenant.has_error() || platform.has_error()) {
    done(failed(tenant.has_error() ? tenant.error() : platform.error()));
    return;
  }
  const RecordedTenant before = *tenant;
  if (brings_back(action, before)) {
    tenant->phase = TenantPhase::kCreating;
    RecordedChange change;
    change.put_tenants.push_back(*tenant);
    done(ActionOutcome{ok_status(), std::move(change)});
    return;
  }
  tenant->spec = action.spec;
  if (action.spec.tier != Tier::kAuto) {
    tenant->wish.reset();
  }
  // A change of the platform in the same plan may have used up the generation that was planned.
  const Generation generation{std::max(action.generation.value, before.generation.value + 1)};
  tenant->generation = generation;
  RecordedChange change;
  change.put_tenants.push_back(*tenant);
  if (!tenant->has_data) {
    done(ActionOutcome{ok_status(), std::move(change)});
    return;
  }
  const Status written = deps_.files.write_config(action.spec, *platform, generation, deps_.keys);
  if (written.has_error()) {
    done(failed(written.error()));
    return;
  }
  if (!tenant->placement) {
    done(ActionOutcome{ok_status(), std::move(change)});
    return;
  }
  deps_.instances.reconfigure(
      *tenant->placement, action.spec.tenant, generation,
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
  // Nor what somebody accepted for this one.
  for (const auto& [name, adoption] : deps_.recorded.snapshot().adoptions) {
    if ((name + "/").find("/tenants/" + action.tenant.str() + "/") != std::string::npos ||
        name.ends_with("/tenants/" + action.tenant.str() + ".sock")) {
      change.drop_adoptions.push_back(name);
    }
  }
  done(ActionOutcome{ok_status(), std::move(change)});
}

void TenantActions::perform(const RecordWish& action, OnActionDone done) {
  Result<RecordedTenant> tenant = require_tenant(deps_.recorded, action.tenant);
  if (tenant.has_error()) {
    done(failed(tenant.error()));
    return;
  }
  const bool can_wish = tenant->spec.tier == Tier::kAuto && tenant->phase != TenantPhase::kDeleting;
  if (action.reason && !can_wish) {
    done(failed(
        Error(ErrorCode::kConflict,
              fmt::format("cannot promote tenant '{}': {}", action.tenant.str(),
                          tenant->spec.tier == Tier::kAuto ? "it is being deleted"
                                                           : "its tier says where it runs"))));
    return;
  }
  tenant->wish =
      action.reason ? std::optional(PromotionWish{*action.reason, deps_.wall.now()}) : std::nullopt;
  RecordedChange change;
  change.put_tenants.push_back(*std::move(tenant));
  done(ActionOutcome{ok_status(), std::move(change)});
}

}  // namespace voicectl
