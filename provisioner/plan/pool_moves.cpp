// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/pool_moves.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "provisioner/plan/plan_draft.h"

namespace voicectl {
namespace {

bool is_ready(const Snapshot& snapshot, const InstanceId& instance) {
  return std::any_of(
      snapshot.observed.instances.begin(), snapshot.observed.instances.end(),
      [&](const ObservedInstance& seen) { return seen.instance == instance && seen.ready; });
}

/// Takes new tenants: a shared instance that runs and is not to be replaced.
bool can_take(const Snapshot& snapshot, const RecordedInstance& instance) {
  return instance.kind == InstanceKind::kShared && instance.fate == InstanceFate::kServing &&
         is_ready(snapshot, instance.instance);
}

std::size_t count_tenants(const Snapshot& snapshot, const InstanceId& instance) {
  return static_cast<std::size_t>(
      std::count_if(snapshot.tenants.begin(), snapshot.tenants.end(),
                    [&](const auto& entry) { return entry.second.placement == instance; }));
}

Error not_to(const TenantId& tenant, const InstanceId& to, ErrorCode code, std::string_view why) {
  return Error(code, fmt::format("cannot move tenant '{}' to instance '{}': {}", tenant.str(),
                                 to.str(), why));
}

Result<const RecordedTenant*> movable(const Snapshot& snapshot, const TenantId& tenant) {
  const auto refused = [&](ErrorCode code, std::string_view why) {
    return Error(code, fmt::format("cannot move tenant '{}': {}", tenant.str(), why));
  };
  const auto found = snapshot.tenants.find(tenant);
  if (found == snapshot.tenants.end()) {
    return refused(ErrorCode::kNotFound, "there is no such tenant; see 'voicectl tenant list'");
  }
  if (found->second.phase != TenantPhase::kServing || !found->second.placement) {
    return refused(ErrorCode::kConflict, "it is served by no instance yet; run 'voicectl apply'");
  }
  if (wants_own_instance(found->second.spec, snapshot)) {
    return refused(ErrorCode::kInvalidArgument,
                   fmt::format("it has an instance of its own; 'voicectl tenant demote {}' brings "
                               "it back to the pool",
                               tenant.str()));
  }
  return &found->second;
}

Status check_target(const Snapshot& snapshot, const TenantId& tenant, const InstanceId& to) {
  const auto found = snapshot.instances.find(to);
  if (found == snapshot.instances.end()) {
    return not_to(tenant, to, ErrorCode::kNotFound,
                  "there is none of that name; see 'voicectl ps'");
  }
  if (found->second.kind == InstanceKind::kDedicated) {
    return not_to(tenant, to, ErrorCode::kInvalidArgument,
                  fmt::format("it serves one tenant alone; 'voicectl tenant promote {}' starts one "
                              "for this tenant",
                              tenant.str()));
  }
  if (found->second.fate != InstanceFate::kServing) {
    return not_to(tenant, to, ErrorCode::kConflict, "it is being replaced");
  }
  if (!is_ready(snapshot, to)) {
    return not_to(tenant, to, ErrorCode::kUnavailable, "it is not ready; see 'voicectl status'");
  }
  return ok_status();
}

Result<PoolMove> to_the_emptiest(const Snapshot& snapshot,
                                 const TenantId& tenant,
                                 const InstanceId& from) {
  std::optional<PoolMove> best;
  std::size_t fewest = 0;
  for (const auto& [name, instance] : snapshot.instances) {
    const std::size_t tenants = count_tenants(snapshot, name);
    if (name != from && can_take(snapshot, instance) && (!best || tenants < fewest)) {
      fewest = tenants;
      best = PoolMove{tenant, from, name,
                      fmt::format("asked for; {} serves the fewest tenants ({}) of the others",
                                  name.str(), tenants)};
    }
  }
  if (!best) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("cannot move tenant '{}': no other shared instance is ready; raise "
                             "pool.size, or 'voicectl tenant promote {}'",
                             tenant.str(), tenant.str()));
  }
  return *std::move(best);
}

/// A shared instance as the evening out sees it.
struct Load {
  std::uint64_t sum = 0;
  std::map<TenantId, std::uint64_t> tenants;
};
using Loads = std::map<InstanceId, Load>;

/// What a tenant counts for.
struct Weights {
  Loads loads;
  std::string_view unit;
  std::uint64_t total = 0;

  std::uint64_t average() const { return loads.empty() ? 0 : total / loads.size(); }
  std::uint64_t tolerance() const { return std::max<std::uint64_t>(1, average() / 10); }
};

Weights weigh(const Snapshot& snapshot, const SessionCounts& sessions) {
  Weights out;
  for (const auto& [name, instance] : snapshot.instances) {
    if (can_take(snapshot, instance)) {
      out.loads.emplace(name, Load{});
    }
  }
  const auto fill = [&](auto weight_of) {
    for (const auto& [name, tenant] : snapshot.tenants) {
      const auto home = tenant.placement ? out.loads.find(*tenant.placement) : out.loads.end();
      if (home != out.loads.end() && tenant.phase == TenantPhase::kServing) {
        const std::uint64_t weight = weight_of(name);
        home->second.tenants.insert_or_assign(name, weight);
        home->second.sum += weight;
        out.total += weight;
      }
    }
  };
  out.unit = "live sessions";
  fill([&](const TenantId& tenant) {
    const auto known = sessions.find(tenant);
    return known == sessions.end() ? 0 : known->second;
  });
  if (out.total == 0) {
    out.unit = "tenants";
    fill([](const TenantId&) { return std::uint64_t{1}; });
  }
  return out;
}

std::vector<InstanceId> by_load(const Loads& loads) {
  std::vector<InstanceId> out;
  for (const auto& [name, load] : loads) {
    out.push_back(name);
  }
  std::stable_sort(out.begin(), out.end(), [&](const InstanceId& a, const InstanceId& b) {
    return loads.at(a).sum > loads.at(b).sum;
  });
  return out;
}

/// The tenant whose move brings two loads that differ by `gap` closest together.
std::optional<TenantId> best_of(const Load& donor, std::uint64_t gap) {
  std::optional<TenantId> best;
  std::uint64_t least = 0;
  for (const auto& [tenant, weight] : donor.tenants) {
    if (weight == 0 || weight >= gap) {
      continue;
    }
    const std::uint64_t left = weight * 2 > gap ? weight * 2 - gap : gap - weight * 2;
    if (!best || left < least) {
      best = tenant;
      least = left;
    }
  }
  return best;
}

struct Shift {
  TenantId tenant;
  InstanceId from;
  InstanceId to;
};

std::optional<Shift> next_shift(const Weights& weights) {
  const std::vector<InstanceId> order = by_load(weights.loads);
  for (const InstanceId& donor : order) {
    for (auto receiver = order.rbegin(); receiver != order.rend(); ++receiver) {
      const std::uint64_t more = weights.loads.at(donor).sum;
      const std::uint64_t less = weights.loads.at(*receiver).sum;
      if (more <= less + weights.tolerance()) {
        break;  // the next receivers have more still
      }
      if (const std::optional<TenantId> tenant = best_of(weights.loads.at(donor), more - less)) {
        return Shift{*tenant, donor, *receiver};
      }
    }
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<PoolMove>> choose_move(const Snapshot& snapshot,
                                            const TenantId& tenant,
                                            const std::optional<InstanceId>& to) {
  VC_TRY(const RecordedTenant* const recorded, movable(snapshot, tenant));
  const InstanceId& from = *recorded->placement;
  if (!to) {
    VC_TRY(PoolMove move, to_the_emptiest(snapshot, tenant, from));
    return std::optional(std::move(move));
  }
  if (*to == from) {
    return std::optional<PoolMove>();
  }
  VC_TRY(check_target(snapshot, tenant, *to));
  return std::optional(PoolMove{tenant, from, *to, "asked for"});
}

Result<std::vector<PoolMove>> choose_moves(const Snapshot& snapshot,
                                           const std::vector<TenantId>& tenants,
                                           const std::optional<InstanceId>& to) {
  Snapshot ahead = snapshot;
  std::vector<PoolMove> out;
  for (const TenantId& tenant : std::set<TenantId>(tenants.begin(), tenants.end())) {
    VC_TRY(std::optional<PoolMove> move, choose_move(ahead, tenant, to));
    if (move) {
      ahead.tenants.at(tenant).placement = move->to;
      out.push_back(*std::move(move));
    }
  }
  return out;
}

std::vector<PoolMove> even_out_pool(const Snapshot& snapshot,
                                    const SessionCounts& sessions,
                                    std::size_t max_moves) {
  Weights weights = weigh(snapshot, sessions);
  const Loads before = weights.loads;
  // Where each tenant that has moved is now. One that moves twice makes one move in the end.
  std::map<TenantId, InstanceId> moved;
  while (const std::optional<Shift> shift = next_shift(weights)) {
    if (!moved.contains(shift->tenant) && moved.size() == max_moves) {
      break;
    }
    Load& from = weights.loads.at(shift->from);
    Load& to = weights.loads.at(shift->to);
    const auto taken = from.tenants.extract(shift->tenant);
    from.sum -= taken.mapped();
    to.sum += taken.mapped();
    to.tenants.emplace(shift->tenant, taken.mapped());
    moved.insert_or_assign(shift->tenant, shift->to);
  }
  std::vector<PoolMove> out;
  for (const auto& [tenant, to] : moved) {
    const InstanceId from = *snapshot.tenants.at(tenant).placement;
    if (from != to) {
      out.push_back(PoolMove{
          tenant, from, to,
          fmt::format("{} has {} {} and {} has {}; with all moves {} and {} of {} on average",
                      from.str(), before.at(from).sum, weights.unit, to.str(), before.at(to).sum,
                      weights.loads.at(from).sum, weights.loads.at(to).sum, weights.average())});
    }
  }
  return out;
}

Result<Plan> plan_moves(const Snapshot& snapshot, const std::vector<PoolMove>& moves) {
  PlanDraft draft;
  std::vector<StepRef> steps;
  for (const PoolMove& move : moves) {
    steps.push_back(draft.add(LendListener{move.tenant, move.to, move.from}, move.reason));
    if (steps.size() > kMovesAtOnce) {
      draft.need(steps.back(), steps[steps.size() - 1 - kMovesAtOnce]);
    }
  }
  return std::move(draft).finish(snapshot);
}

}  // namespace voicectl
