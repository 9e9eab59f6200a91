// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/homes.h"

#include <fmt/core.h>

#include <algorithm>
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
                             "it is recorded and the machine does not show it"));
  } else if (observed->failed) {
    VC_TRY(home.start, start(context, recorded.instance, recorded.kind, recorded.fingerprint,
                             "it failed and its restart budget is spent"));
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
  for (const TenantSpec& spec : context.desired().tenants) {
    if (!wants_own_instance(spec, context.snapshot())) {
      continue;
    }
    const std::vector<const RecordedInstance*>& known = recorded[dedicated_tail(spec.tenant)];
    const RecordedTenant* const tenant = context.find_recorded(spec.tenant);
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
    const std::string& program =
        ProgramChoice(context.snapshot(), context.inputs()).of_dedicated(spec.tenant);
    const std::string reason = why_dedicated(spec, tenant, number);
    VC_TRY(const StepRef step, start(context, name, InstanceKind::kDedicated, program, reason));
    dedicated_.emplace(spec.tenant, Home{name, step, true, 0, program});
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

Placement Homes::place_in_pool(const RecordedTenant* recorded, const std::string& program) {
  const auto order = [&](const Home& home) {
    return std::make_tuple(!home.is_ready, !program.empty() && home.program != program,
                           home.tenants);
  };
  const auto before = [&](const auto& a, const auto& b) {
    return order(a.second) < order(b.second);
  };
  // The map is in the order of names and the first of equals wins: ties go by name.
  Home& home = std::min_element(shared_.begin(), shared_.end(), before)->second;
  std::string why = shared_.size() == 1
                        ? fmt::format("{} is the pool", home.instance.str())
                        : fmt::format("{} serves the fewest tenants ({}) of {} shared instances",
                                      home.instance.str(), home.tenants, shared_.size());
  if (recorded != nullptr && recorded->placement) {
    why = fmt::format("{} is not to serve it any more; {}", recorded->placement->str(), why);
  }
  ++home.tenants;
  return Placement{home.instance, home.start, std::move(why)};
}

Result<std::map<TenantId, Placement>> Homes::place(const PlanContext& context) {
  const ProgramChoice programs(context.snapshot(), context.inputs());
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
    out.emplace(spec->tenant,
                place_in_pool(
                    context.find_recorded(spec->tenant),
                    programs.is_upgrading() ? programs.of_homeless(spec->tenant) : std::string()));
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
