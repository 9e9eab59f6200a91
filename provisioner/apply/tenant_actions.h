// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/clock.h"
#include "provisioner/apply/executor.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/apply/tenant_files.h"
#include "provisioner/instances/instance_manager.h"
#include "provisioner/plan/action.h"

namespace voicectl {

/// Whether all that the action does is to record that a tenant is not being deleted any more: it
/// says what is recorded. No file is written and no instance is told.
bool brings_back(const UpdateTenant& action, const RecordedTenant& tenant);

/// Platform and tenants: records, folders, configuration files.
///
/// THREADS: loop thread only.
class TenantActions {
 public:
  struct Deps {
    RecordedState& recorded;
    TenantFiles& files;
    InstanceManager& instances;
    /// The daemon's list; a deleted tenant's keys leave it.
    std::vector<ApiKeyRecord>& keys;
    const WallClock& wall;
  };
  explicit TenantActions(Deps deps) : deps_(deps) {}

  /// Writes the tenants' configurations anew that say something else with these settings. Who does
  /// not take the new one, or whose own files keep it from being written, is named in the outcome's
  /// note, and is outdated from then on.
  void perform(const SetPlatform& action, OnActionDone done);
  void perform(const InstallKey& action, OnActionDone done);
  void perform(const CreateTenant& action, OnActionDone done);
  void perform(const UpdateTenant& action, OnActionDone done);
  void perform(const DeleteTenant& action, OnActionDone done);
  /// A tenant that is being deleted, or whose tier says where it runs, gets no wish.
  void perform(const RecordWish& action, OnActionDone done);
  void perform(const PrepareTenantData& action, OnActionDone done);
  void perform(const RetireTenantData& action, OnActionDone done);

  /// The file that instances read says what is recorded, also after a change that was refused or
  /// could not be recorded. Before a tenant is given to anybody.
  Status ensure_config(const RecordedTenant& tenant);
  /// Makes sure of that, and has the tenant's instance take it.
  void deliver_config(const RecordedTenant& tenant, Completion<void> done);

 private:
  Result<PlatformSpec> platform() const;
  /// What others gave it and what was rotated, to where its instance reads it.
  void install_secrets(const TenantId& name, OnActionDone done);
  /// Writes the configuration with the next generation if secrets were rotated that it does not
  /// say. Whether it did.
  Result<bool> write_rotated(const RecordedTenant& tenant);
  /// Makes the import that `tenant` names its folder, and its keys keys of ours.
  Result<std::vector<ApiKeyRecord>> take_import(const RecordedTenant& tenant,
                                                const PlatformSpec& platform);
  /// Makes the tenant's folder, or writes its configuration anew if it is recorded as having one.
  /// Keys that came with its data.
  Result<std::vector<ApiKeyRecord>> prepare(const RecordedTenant& tenant,
                                            const PlatformSpec& platform,
                                            Generation generation);
  /// Takes back what a change of the platform has written that is not made.
  void restore_configs(const std::vector<RecordedTenant>& refreshed);
  /// What became of the tenants' configurations with other settings of the platform.
  struct Refreshed {
    /// Written anew, with their new generation.
    std::vector<RecordedTenant> written;
    /// Their own files did not let it: with a new generation too, so that they get the settings as
    /// soon as that is mended; and why.
    std::vector<RecordedTenant> missed;
    std::vector<std::string> reasons;
  };
  Result<Refreshed> refresh_configs(const PlatformSpec& platform);
  /// ERRORS: kInvalidArgument if tenants have sessions in a store of another kind.
  Status check_store(const StoreSpec& store) const;

  Deps deps_;
};

/// The recorded tenant, or the error of an action that names one nobody recorded.
Result<RecordedTenant> require_tenant(const RecordedState& recorded, const TenantId& tenant);

/// The outcome of an action that failed and has nothing to record.
ActionOutcome failed(const Error& error);

}  // namespace voicectl
