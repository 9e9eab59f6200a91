// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/homes.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <vector>

#include "provisioner/plan/instance_names.h"
#include "provisioner/plan/program_choice.h"

namespace voicectl {
namespace {

Result<StepRef> start(PlanContext& context,
                      const InstanceId& instance,
                      InstanceKind kind,
                      const std::string& program,
                      std::string reason) {
  const RecordedInstance* const recorded = context.find_recorded(instance);
  std::optional<Port> port;
  if (recorded != nullptr && !context.is_foreign(recorded->admin_port)) {
    port = recorded->admin_port;
  } else {
    VC_TRY(const Port leased, context.ports.lease(holder_of(instance)));
    port = leased;
  }
  if (recorded != nullptr && recorded->admin_port != *port) {
    reason += fmt::format("; another program holds its port {}", recorded->admin_port.value());
  }
  return context.draft.add(StartInstance{instance, kind, *port, program}, std::move(reason));
}

/// A recorded instance: started again, with its own program, only if nobody else does it. One that
/// is merely restarting is left to its supervisor.
Result<Home> keep(PlanContext& context, const RecordedInstance& recorded) {
  const ObservedInstance* const observed = context.find_observed(recorded.instance);
  Home home{recorded.instance, std::nullopt, true, 0, recorded.fingerprint};
  if (observed == nullptr) {
    VC_TRY(home.start, start(context, recorded.instance, recorded.kind, recorded.fingerprint,
                             "drift: it is recorded and the machine does not show it"));
  } else if (observed->failed) {
    VC_TRY(home.start, start(context, recorded.instance, recorded.kind, recorded.fingerprint,
                             "drift: it failed and its restart budget is spent"));
  } else {
    home.is_ready = observed->ready;
  }
  return home;
}

/// Pool members that are there to stay, lowest number first.
std::vector<const RecordedInstance*> current_pool(const PlanContext& context) {
  std::vector<const RecordedInstance*> out;
  for (const auto& [name, recorded] : context.snapshot().instances) {
    if (recorded.kind == InstanceKind::kShared && recorded.fate == InstanceFate::kServing) {
      out.push_back(&recorded);
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const auto* a, const auto* b) {
    return shared_instance_number(a->instance) < shared_instance_number(b->instance);
  });
  return out;
}

std::size_t count_shared(const PlanContext& context) {
  return static_cast<std::size_t>(
      std::count_if(context.snapshot().instances.begin(), context.snapshot().instances.end(),
                    [](const auto& entry) { return entry.second.kind == InstanceKind::kShared; }));
}

/// Instances that serve nobody and wait for whoever is promoted next, lowest number first.
std::vector<const RecordedInstance*> free_spares(const PlanContext& context) {
  std::set<InstanceId> taken;
  for (const auto& [name, tenant] : context.snapshot().tenants) {
    if (tenant.placement) {
      taken.insert(*tenant.placement);
    }
  }
  std::vector<const RecordedInstance*> out;
  for (const auto& [name, instance] : context.snapshot().instances) {
    if (spare_instance_number(name) && instance.fate == InstanceFate::kServing &&
        !taken.contains(name)) {
      out.push_back(&instance);
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const auto* a, const auto* b) {
    return spare_instance_number(a->instance) < spare_instance_number(b->instance);
  });
  return out;
}

/// The instance that waited and has got this tenant; null if it is in none.
const RecordedInstance* taken_spare(const PlanContext& context, const RecordedTenant* tenant) {
  if (tenant == nullptr || !tenant->placement || !spare_instance_number(*tenant->placement)) {
    return nullptr;
  }
  const RecordedInstance* const home = context.find_recorded(*tenant->placement);
  return home != nullptr && home->fate == InstanceFate::kServing ? home : nullptr;
}

/// Takes the first of them that could serve at once, with that program, out of `free`; null if none
/// could.
const RecordedInstance* take_spare(const PlanContext& context,
                                   const std::string& program,
                                   std::vector<const RecordedInstance*>& free) {
  const auto found = std::find_if(free.begin(), free.end(), [&](const RecordedInstance* one) {
    const ObservedInstance* const seen = context.find_observed(one->instance);
    return seen != nullptr && seen->ready && one->fingerprint == program;
  });
  if (found == free.end()) {
    return nullptr;
  }
  const RecordedInstance* const out = *found;
  free.erase(found);
  return out;
}

/// How many are to wait: none while the monitor promotes nobody, nor beyond its budget.
std::size_t wanted_spares(const PlanContext& context) {
  const PromotionPolicy& policy = context.desired().platform.monitor;
  const auto promoted = static_cast<std::size_t>(
      std::count_if(context.desired().tenants.begin(), context.desired().tenants.end(),
                    [&](const TenantSpec& spec) {
                      const RecordedTenant* const tenant = context.find_recorded(spec.tenant);
                      return spec.tier == Tier::kAuto && tenant != nullptr && tenant->wish;
                    }));
  const std::size_t room = policy.max_promoted > promoted ? policy.max_promoted - promoted : 0;
  return policy.mode == PromotionMode::kOn ? std::min<std::size_t>(policy.spare, room) : 0;
}

/// Why a tenant is alone in an instance.
std::string why_alone(const TenantSpec& spec, const RecordedTenant* recorded) {
  return spec.tier == Tier::kDedicated || recorded == nullptr || !recorded->wish
             ? fmt::format("tenant {} has tier dedicated", spec.tenant.str())
             : fmt::format("the monitor promotes {}: {}", spec.tenant.str(),
                           recorded->wish->reason);
}

/// Why a tenant gets a dedicated instance of that number.
std::string why_dedicated(const TenantSpec& spec,
                          const RecordedTenant* recorded,
                          std::uint32_t number) {
  if (number == 1) {
    return why_alone(spec, recorded);
  }
  return fmt::format("the instance of tenant {} is to be replaced, as was asked",
                     spec.tenant.str());
}

/// Why a tenant is sent there.
std::string why_there(const Home& home, std::size_t pool, bool is_measured) {
  if (pool == 1) {
    return fmt::format("{} is the pool", home.instance.str());
  }
  return is_measured ? fmt::format(
                           "{} is the least loaded ({} mCPU, {} tenants) of {} shared "
                           "instances",
                           home.instance.str(), home.load, home.tenants, pool)
                     : fmt::format("{} serves the fewest tenants ({}) of {} shared instances",
                                   home.instance.str(), home.tenants, pool);
}

/// Of those in the pool: who is alone says nothing about them. 0 if nothing was measured.
std::uint64_t average_load(const std::map<TenantId, std::uint32_t>& loads,
                           const std::map<TenantId, Home>& alone) {
  std::uint64_t sum = 0;
  std::uint64_t count = 0;
  for (const auto& [tenant, load] : loads) {
    if (!alone.contains(tenant)) {
      sum += load;
      ++count;
    }
  }
  return count == 0 ? 0 : sum / count;
}

/// How many of them run what an upgrade goes to.
std::size_t count_on_target(const PlanContext& context, const std::map<InstanceId, Home>& homes) {
  const std::optional<UpgradeRecord>& upgrade = context.snapshot().programs.upgrade;
  return static_cast<std::size_t>(std::count_if(homes.begin(), homes.end(), [&](const auto& entry) {
    return upgrade && entry.second.program == upgrade->target;
  }));
}

}  // namespace

Status Homes::plan_pool(PlanContext& context) {
  const ProgramChoice programs(context.snapshot(), context.inputs());
  const std::size_t wanted =
      context.desired().platform.pool_size + programs.beside_pool(context.desired());
  const std::size_t recorded = count_shared(context);
  const std::vector<const RecordedInstance*> current = current_pool(context);
  for (std::size_t i = 0; i < std::min(wanted, current.size()); ++i) {
    VC_TRY(Home home, keep(context, *current[i]));
    shared_.emplace(home.instance, std::move(home));
  }
  const std::string reason =
      recorded > current.size()
          ? fmt::format("{} of {} shared instances are to be replaced, as was asked",
                        recorded - current.size(), recorded)
          : fmt::format("the pool has {} of {} instances", current.size(), wanted);
  for (std::uint32_t number = 0; shared_.size() < wanted; ++number) {
    const InstanceId name = shared_instance_name(number);
    if (context.find_recorded(name) == nullptr) {
      const std::string& program = programs.of_shared(count_on_target(context, shared_));
      VC_TRY(const StepRef step, start(context, name, InstanceKind::kShared, program, reason));
      shared_.emplace(name, Home{name, step, true, 0, program});
    }
  }
  return ok_status();
}

Status Homes::plan_dedicated(PlanContext& context) {
  std::map<std::string, std::vector<const RecordedInstance*>> recorded;
  for (const auto& [name, instance] : context.snapshot().instances) {
    const std::optional<std::string> tail = dedicated_tail(name);
    if (tail && instance.kind == InstanceKind::kDedicated &&
        instance.fate == InstanceFate::kServing) {
      recorded[*tail].push_back(&instance);
    }
  }
  std::vector<const RecordedInstance*> free = free_spares(context);
  for (const TenantSpec& spec : context.desired().tenants) {
    if (!wants_own_instance(spec, context.snapshot())) {
      continue;
    }
    const std::vector<const RecordedInstance*>& known = recorded[dedicated_tail(spec.tenant)];
    const RecordedTenant* const tenant = context.find_recorded(spec.tenant);
    const std::string& program =
        ProgramChoice(context.snapshot(), context.inputs()).of_dedicated(spec.tenant);
    const bool is_promoted = spec.tier == Tier::kAuto && known.empty();
    const RecordedInstance* spare = taken_spare(context, tenant);
    if (spare == nullptr && is_promoted) {
      spare = take_spare(context, program, free);
    }
    if (spare != nullptr) {
      VC_TRY(Home home, keep(context, *spare));
      dedicated_.emplace(spec.tenant, std::move(home));
      continue;
    }
    const auto own = std::find_if(known.begin(), known.end(), [&](const RecordedInstance* i) {
      return tenant != nullptr && tenant->placement == i->instance;
    });
    if (!known.empty()) {
      VC_TRY(Home home, keep(context, own == known.end() ? *known.front() : **own));
      dedicated_.emplace(spec.tenant, std::move(home));
      continue;
    }
    std::uint32_t number = 1;
    while (context.find_recorded(dedicated_instance_name(spec.tenant, number)) != nullptr) {
      ++number;
    }
    const InstanceId name = dedicated_instance_name(spec.tenant, number);
    const std::string reason = why_dedicated(spec, tenant, number);
    VC_TRY(const StepRef step, start(context, name, InstanceKind::kDedicated, program, reason));
    dedicated_.emplace(spec.tenant, Home{name, step, true, 0, program});
  }
  return plan_spares(context, free);
}

Status Homes::plan_spares(PlanContext& context, const std::vector<const RecordedInstance*>& free) {
  const std::string& program = context.inputs().instance_fingerprint;
  const bool is_upgrading = ProgramChoice(context.snapshot(), context.inputs()).is_upgrading();
  const std::size_t wanted = wanted_spares(context);
  std::size_t waiting = 0;
  for (const RecordedInstance* const one : free) {
    // One of an older program is of no use to anybody, and an upgrade has enough to start.
    if (waiting < wanted && (is_upgrading || one->fingerprint == program)) {
      VC_TRY(const Home home, keep(context, *one));
      dedicated_starts_.emplace(home.instance, home.start);
      ++waiting;
    }
  }
  for (std::uint32_t number = 0; waiting < wanted && !is_upgrading; ++number) {
    const InstanceId name = spare_instance_name(number);
    if (context.find_recorded(name) == nullptr) {
      const std::string reason =
          fmt::format("{} of {} instances wait for whoever is promoted next", waiting, wanted);
      VC_TRY(const StepRef step, start(context, name, InstanceKind::kDedicated, program, reason));
      dedicated_starts_.emplace(name, step);
      ++waiting;
    }
  }
  return ok_status();
}

Result<Homes> Homes::plan(PlanContext& context) {
  Homes homes;
  VC_TRY(homes.plan_pool(context));
  VC_TRY(homes.plan_dedicated(context));
  for (const auto& [tenant, home] : homes.dedicated_) {
    homes.dedicated_starts_.emplace(home.instance, home.start);
  }
  return homes;
}

Placement Homes::place_in_pool(const RecordedTenant* recorded,
                               const std::string& program,
                               std::uint64_t load) {
  const auto order = [&](const Home& home) {
    return std::make_tuple(!home.is_ready, !program.empty() && home.program != program,
                           home.load / kLoadStep, home.tenants);
  };
  const auto before = [&](const auto& a, const auto& b) {
    return order(a.second) < order(b.second);
  };
  // The map is in the order of names and the first of equals wins: ties go by name.
  Home& home = std::min_element(shared_.begin(), shared_.end(), before)->second;
  std::string why = why_there(home, shared_.size(), is_measured_);
  if (recorded != nullptr && recorded->placement) {
    why = fmt::format("{} is not to serve it any more; {}", recorded->placement->str(), why);
  }
  ++home.tenants;
  home.load += load;
  return Placement{home.instance, home.start, std::move(why)};
}

Result<std::map<TenantId, Placement>> Homes::place(const PlanContext& context) {
  const ProgramChoice programs(context.snapshot(), context.inputs());
  const std::map<TenantId, std::uint32_t>& loads = context.inputs().loads;
  const std::uint64_t average = average_load(loads, dedicated_);
  const auto load_of = [&](const TenantId& tenant) {
    const auto measured = loads.find(tenant);
    return measured == loads.end() ? average : std::uint64_t{measured->second};
  };
  is_measured_ = !loads.empty();
  std::map<TenantId, Placement> out;
  std::vector<const TenantSpec*> homeless;
  for (const TenantSpec& spec : context.desired().tenants) {
    if (const auto own = dedicated_.find(spec.tenant); own != dedicated_.end()) {
      out.emplace(spec.tenant, Placement{own->second.instance, own->second.start,
                                         why_alone(spec, context.find_recorded(spec.tenant))});
      continue;
    }
    const RecordedTenant* const recorded = context.find_recorded(spec.tenant);
    const auto stays = recorded != nullptr && recorded->placement
                           ? shared_.find(*recorded->placement)
                           : shared_.end();
    const bool must_go = stays != shared_.end() && programs.is_canary(spec.tenant) &&
                         stays->second.program != programs.of_homeless(spec.tenant);
    if (stays == shared_.end() || must_go) {
      homeless.push_back(&spec);
      continue;
    }
    ++stays->second.tenants;
    stays->second.load += load_of(spec.tenant);
    out.emplace(spec.tenant,
                Placement{stays->second.instance, stays->second.start, "it is there already"});
  }
  for (const TenantSpec* const spec : homeless) {
    if (shared_.empty()) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("cannot place tenant '{}': the pool has no instances; raise "
                               "pool.size or give it tier dedicated",
                               spec->tenant.str()));
    }
    out.emplace(
        spec->tenant,
        place_in_pool(context.find_recorded(spec->tenant),
                      programs.is_upgrading() ? programs.of_homeless(spec->tenant) : std::string(),
                      load_of(spec->tenant)));
  }
  return out;
}

bool Homes::contains(const InstanceId& instance) const {
  return shared_.contains(instance) || dedicated_starts_.contains(instance);
}

std::optional<StepRef> Homes::start_of(const InstanceId& instance) const {
  if (const auto pooled = shared_.find(instance); pooled != shared_.end()) {
    return pooled->second.start;
  }
  const auto found = dedicated_starts_.find(instance);
  return found == dedicated_starts_.end() ? std::nullopt : found->second;
}

}  // namespace voicectl
