// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "provisioner/model/snapshot.h"
#include "provisioner/plan/action.h"

namespace voicectl {

/// A tenant's way from one shared instance to another, which somebody asks for. The planner leaves
/// a tenant where it was put.
struct PoolMove {
  TenantId tenant;
  InstanceId from;
  InstanceId to;
  std::string reason;
};

/// Where `tenant` goes: to `to`, or to the other shared instance with the fewest tenants (ties by
/// name). nullopt if it is there already.
/// ERRORS: kNotFound for a tenant or instance that is not recorded; kInvalidArgument if either is
/// not of the pool; kUnavailable if the instance is not ready, or there is no other; kConflict for
/// a tenant that is being made or deleted, or is served by nobody.
Result<std::optional<PoolMove>> choose_move(const Snapshot& snapshot,
                                            const TenantId& tenant,
                                            const std::optional<InstanceId>& to);

/// The same for several: without `to` each goes where the ones before it leave the fewest tenants.
/// Those that are there already are left out. ERRORS: of the first that cannot be moved.
Result<std::vector<PoolMove>> choose_moves(const Snapshot& snapshot,
                                           const std::vector<TenantId>& tenants,
                                           const std::optional<InstanceId>& to);

/// Live sessions by tenant; who is not named has none.
using SessionCounts = std::map<TenantId, std::uint64_t>;

/// As few moves as even out the pool: its live sessions or, when there are none, its tenants.
///
/// Each takes from an instance that has more to one that has less, and never makes the less loaded
/// one the more loaded by as much. Instances whose loads differ by a tenth of the average or by
/// one are even. With its moves carried out it has none to propose. Only instances that are ready
/// take part, and only tenants that are served.
/// Cost: moves x instances^2, and the tenants of one instance for each move.
std::vector<PoolMove> even_out_pool(const Snapshot& snapshot,
                                    const SessionCounts& sessions,
                                    std::size_t max_moves);

/// How many tenants are on their way at one time: a hand-over shares its instances' loops with
/// everybody else there.
inline constexpr std::size_t kMovesAtOnce = 4;

/// The moves as a plan, kMovesAtOnce at a time; one that fails holds up those that wait for it.
Result<Plan> plan_moves(const Snapshot& snapshot, const std::vector<PoolMove>& moves);

}  // namespace voicectl
