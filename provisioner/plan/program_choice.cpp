// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/program_choice.h"

#include <algorithm>

#include "provisioner/plan/instance_names.h"

namespace voicectl {

bool ProgramChoice::in_canary_phase() const {
  return is_upgrading() && snapshot_->programs.upgrade->phase == UpgradePhase::kCanary;
}

bool ProgramChoice::is_canary(const TenantId& tenant) const {
  return in_canary_phase() && snapshot_->programs.upgrade->canary_tenant == tenant;
}

std::size_t ProgramChoice::beside_pool(const DesiredState& desired) const {
  return static_cast<std::size_t>(
      std::count_if(desired.tenants.begin(), desired.tenants.end(), [&](const TenantSpec& spec) {
        return !wants_own_instance(spec, *snapshot_) && is_canary(spec.tenant);
      }));
}

const std::string& ProgramChoice::of_others() const {
  return is_upgrading() && snapshot_->programs.upgrade->phase == UpgradePhase::kRolling
             ? snapshot_->programs.upgrade->target
             : inputs_->instance_fingerprint;
}

const std::string& ProgramChoice::of_shared(std::size_t on_target) const {
  if (!in_canary_phase()) {
    return of_others();
  }
  const auto replaced = static_cast<std::size_t>(std::count_if(
      snapshot_->instances.begin(), snapshot_->instances.end(), [](const auto& entry) {
        return entry.second.kind == InstanceKind::kShared &&
               entry.second.fate == InstanceFate::kWayBack;
      }));
  const std::size_t wanted = replaced + (snapshot_->programs.upgrade->canary_tenant ? 1 : 0);
  return on_target < wanted ? snapshot_->programs.upgrade->target : of_others();
}

const std::string& ProgramChoice::of_dedicated(const TenantId& tenant) const {
  const std::string tail = dedicated_tail(tenant);
  const auto recorded = snapshot_->tenants.find(tenant);
  // One that had waited for it has another name.
  const auto is_own = [&](const InstanceId& instance) {
    return dedicated_tail(instance) == tail ||
           (recorded != snapshot_->tenants.end() && recorded->second.placement == instance);
  };
  const bool is_replaced =
      in_canary_phase() &&
      std::any_of(snapshot_->instances.begin(), snapshot_->instances.end(), [&](const auto& entry) {
        return entry.second.kind == InstanceKind::kDedicated &&
               entry.second.fate == InstanceFate::kWayBack && is_own(entry.first);
      });
  return is_replaced ? snapshot_->programs.upgrade->target : of_others();
}

const std::string& ProgramChoice::of_homeless(const TenantId& tenant) const {
  if (is_canary(tenant)) {
    return snapshot_->programs.upgrade->target;
  }
  const auto recorded = snapshot_->tenants.find(tenant);
  const auto home = recorded == snapshot_->tenants.end() || !recorded->second.placement
                        ? snapshot_->instances.end()
                        : snapshot_->instances.find(*recorded->second.placement);
  const bool was_replaced = in_canary_phase() && home != snapshot_->instances.end() &&
                            home->second.fate == InstanceFate::kWayBack;
  return was_replaced ? snapshot_->programs.upgrade->target : of_others();
}

}  // namespace voicectl
