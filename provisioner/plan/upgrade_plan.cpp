// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/upgrade_plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "base/check.h"
#include "provisioner/plan/instance_names.h"

namespace voicectl {
namespace {

std::size_t count_tenants(const Snapshot& snapshot, const InstanceId& instance) {
  return static_cast<std::size_t>(
      std::count_if(snapshot.tenants.begin(), snapshot.tenants.end(),
                    [&](const auto& entry) { return entry.second.placement == instance; }));
}

const UpgradeRecord& under_way(const Snapshot& snapshot) {
  VC_CHECK(snapshot.programs.upgrade.has_value(), "an upgrade is under way");
  return *snapshot.programs.upgrade;
}

UpgradeOutcome outcome_of(const UpgradeRecord& upgrade, WallTime now) {
  return UpgradeOutcome{upgrade.target, upgrade.from, upgrade.why,   upgrade.who,
                        upgrade.began,  now,          upgrade.moved, upgrade.dropped};
}

/// Shared ones first, by their numbers, then the others by name.
std::tuple<bool, std::uint32_t, InstanceId> turn_of(const InstanceId& instance) {
  const std::optional<std::uint32_t> number = shared_instance_number(instance);
  return {!number.has_value(), number.value_or(0), instance};
}

struct Canary {
  std::string shown;
  std::optional<TenantId> tenant;
  std::optional<InstanceId> instance;
};

Result<Canary> instance_canary(const Snapshot& snapshot,
                               const std::string& name,
                               const std::vector<InstanceId>& candidates) {
  VC_TRY(const InstanceId instance, InstanceId::parse(name));
  if (!snapshot.instances.contains(instance)) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot begin with instance '{}': there is none of that name; see "
                             "'voicectl ps'",
                             name));
  }
  if (std::find(candidates.begin(), candidates.end(), instance) == candidates.end()) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot begin with instance '{}': it runs that program already, or is "
                             "being replaced",
                             name));
  }
  return Canary{"instance/" + name, std::nullopt, instance};
}

Result<Canary> tenant_canary(const Snapshot& snapshot,
                             const std::string& slug,
                             const std::vector<InstanceId>& candidates) {
  VC_TRY(const TenantId tenant, TenantId::parse(slug));
  const auto found = snapshot.tenants.find(tenant);
  if (found == snapshot.tenants.end() || !found->second.placement) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot begin with tenant '{}': there is none of that name that is "
                             "served; see 'voicectl tenant list'",
                             slug));
  }
  const InstanceId& home = *found->second.placement;
  const auto instance = snapshot.instances.find(home);
  if (instance != snapshot.instances.end() && instance->second.kind == InstanceKind::kDedicated) {
    VC_TRY(Canary out, instance_canary(snapshot, home.str(), candidates));
    out.shown = "tenant/" + slug;
    return out;
  }
  return Canary{"tenant/" + slug, tenant, std::nullopt};
}

/// The shared instance with the fewest tenants; any other if there is none.
Canary default_canary(const Snapshot& snapshot, const std::vector<InstanceId>& candidates) {
  const auto best = std::min_element(
      candidates.begin(), candidates.end(), [&](const InstanceId& a, const InstanceId& b) {
        const auto key = [&](const InstanceId& id) {
          return std::tuple(!shared_instance_number(id).has_value(), count_tenants(snapshot, id));
        };
        return key(a) < key(b);
      });
  return Canary{"instance/" + best->str(), std::nullopt, *best};
}

Result<Canary> choose_canary(const Snapshot& snapshot,
                             const std::string& wish,
                             const std::vector<InstanceId>& candidates) {
  constexpr std::string_view kTenant = "tenant/";
  constexpr std::string_view kInstance = "instance/";
  if (wish.empty()) {
    return default_canary(snapshot, candidates);
  }
  if (wish.starts_with(kTenant)) {
    return tenant_canary(snapshot, wish.substr(kTenant.size()), candidates);
  }
  return instance_canary(
      snapshot, wish.starts_with(kInstance) ? wish.substr(kInstance.size()) : wish, candidates);
}

/// Programs that nobody runs or goes back to any more.
void forget_unused(SetPrograms& action, Snapshot snapshot) {
  snapshot.programs = action.programs;
  const std::vector<std::string> used = programs_in_use(snapshot);
  std::erase_if(action.programs.known, [&](const auto& entry) {
    return std::find(used.begin(), used.end(), entry.first) == used.end();
  });
}

void finish(SetPrograms& action, const Snapshot& snapshot, WallTime now) {
  Programs& programs = action.programs;
  programs.last = outcome_of(*programs.upgrade, now);
  programs.previous = programs.upgrade->from;
  programs.current = programs.upgrade->target;
  programs.upgrade.reset();
  forget_unused(action, snapshot);
}

/// Instances of that fate become another.
void change_fates(SetPrograms& action,
                  const Snapshot& snapshot,
                  InstanceFate from,
                  InstanceFate to) {
  for (const auto& [name, instance] : snapshot.instances) {
    if (instance.fate == from) {
      action.fates.insert_or_assign(name, to);
    }
  }
}

}  // namespace

std::vector<InstanceId> instances_to_upgrade(const Snapshot& snapshot, const std::string& target) {
  std::vector<InstanceId> out;
  for (const auto& [name, instance] : snapshot.instances) {
    // One that waits for a tenant is replaced by the planner when all is over.
    const bool waits = spare_instance_number(name) && count_tenants(snapshot, name) == 0;
    if (instance.fate == InstanceFate::kServing && instance.fingerprint != target && !waits) {
      out.push_back(name);
    }
  }
  std::sort(out.begin(), out.end(),
            [](const InstanceId& a, const InstanceId& b) { return turn_of(a) < turn_of(b); });
  return out;
}

Result<SetPrograms> begin_upgrade(const Snapshot& snapshot, const UpgradeWish& wish, WallTime now) {
  const Programs& programs = snapshot.programs;
  if (programs.upgrade) {
    return Error(
        ErrorCode::kConflict,
        "cannot begin an upgrade: another one is under way; see 'voicectl upgrade status'");
  }
  if (programs.find(wish.target) == nullptr) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot upgrade to program '{}': it is not known", wish.target));
  }
  SetPrograms action{programs, {}};
  UpgradeRecord& upgrade = action.programs.upgrade.emplace();
  upgrade.target = wish.target;
  upgrade.from = programs.current;
  upgrade.watch = wish.watch;
  upgrade.batch = std::max<std::uint32_t>(1, wish.batch);
  upgrade.who = wish.who;
  upgrade.began = now;
  const std::vector<InstanceId> candidates = instances_to_upgrade(snapshot, wish.target);
  if (candidates.empty()) {
    finish(action, snapshot, now);
    return action;
  }
  VC_TRY(const Canary canary, choose_canary(snapshot, wish.canary, candidates));
  upgrade.canary = canary.shown;
  upgrade.canary_tenant = canary.tenant;
  if (canary.instance) {
    action.fates.emplace(*canary.instance, InstanceFate::kWayBack);
  }
  return action;
}

SetPrograms advance_upgrade(const Snapshot& snapshot, WallTime now) {
  const UpgradeRecord& upgrade = under_way(snapshot);
  VC_CHECK(upgrade.phase != UpgradePhase::kReversing, "who goes back does not go on");
  SetPrograms action{snapshot.programs, {}};
  change_fates(action, snapshot, InstanceFate::kWayBack, InstanceFate::kRetired);
  const std::vector<InstanceId> left = instances_to_upgrade(snapshot, upgrade.target);
  if (left.empty()) {
    finish(action, snapshot, now);
    return action;
  }
  action.programs.upgrade->phase = UpgradePhase::kRolling;
  for (std::size_t i = 0; i < std::min<std::size_t>(left.size(), upgrade.batch); ++i) {
    action.fates.insert_or_assign(left[i], InstanceFate::kWayBack);
  }
  return action;
}

SetPrograms reverse_upgrade(const Snapshot& snapshot, const std::string& why) {
  const UpgradeRecord& upgrade = under_way(snapshot);
  SetPrograms action{snapshot.programs, {}};
  if (upgrade.phase == UpgradePhase::kReversing) {
    return action;
  }
  action.programs.upgrade->phase = UpgradePhase::kReversing;
  action.programs.upgrade->why = why;
  change_fates(action, snapshot, InstanceFate::kWayBack, InstanceFate::kServing);
  for (const InstanceId& instance : upgraded_instances(snapshot)) {
    action.fates.insert_or_assign(instance, InstanceFate::kRetired);
  }
  return action;
}

SetPrograms end_reversal(const Snapshot& snapshot, WallTime now) {
  const UpgradeRecord& upgrade = under_way(snapshot);
  SetPrograms action{snapshot.programs, {}};
  action.programs.last = outcome_of(upgrade, now);
  action.programs.upgrade.reset();
  forget_unused(action, snapshot);
  return action;
}

bool is_upgrade_settled(const Snapshot& snapshot) {
  const UpgradeRecord& upgrade = under_way(snapshot);
  const bool is_reversing = upgrade.phase == UpgradePhase::kReversing;
  for (const auto& [name, tenant] : snapshot.tenants) {
    const auto home =
        tenant.placement ? snapshot.instances.find(*tenant.placement) : snapshot.instances.end();
    if (home == snapshot.instances.end()) {
      // Whom nobody serves is no reason never to be done with going back.
      if (tenant.phase == TenantPhase::kServing && !is_reversing) {
        return false;
      }
      continue;
    }
    const bool must_move = !is_reversing && upgrade.phase == UpgradePhase::kCanary &&
                           upgrade.canary_tenant == name &&
                           home->second.fingerprint != upgrade.target;
    if (must_move || home->second.fate != InstanceFate::kServing) {
      return false;
    }
  }
  return !is_reversing ||
         std::none_of(snapshot.instances.begin(), snapshot.instances.end(), [](const auto& entry) {
           return entry.second.fate == InstanceFate::kRetired;
         });
}

std::vector<InstanceId> upgraded_instances(const Snapshot& snapshot) {
  const UpgradeRecord& upgrade = under_way(snapshot);
  std::vector<InstanceId> out;
  for (const auto& [name, instance] : snapshot.instances) {
    if (instance.fate == InstanceFate::kServing && instance.fingerprint == upgrade.target) {
      out.push_back(name);
    }
  }
  return out;
}

std::vector<std::string> programs_in_use(const Snapshot& snapshot) {
  const Programs& programs = snapshot.programs;
  std::set<std::string> out = {programs.current, programs.previous};
  if (programs.upgrade) {
    out.insert({programs.upgrade->target, programs.upgrade->from});
  }
  for (const auto& [name, instance] : snapshot.instances) {
    out.insert(instance.fingerprint);
  }
  out.erase("");
  return {out.begin(), out.end()};
}

}  // namespace voicectl
