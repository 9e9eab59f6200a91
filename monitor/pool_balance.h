// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "provisioner/model/monitor_spec.h"

namespace voicectl {

/// A tenant of the pool as the evening out sees it.
struct PoolTenant {
  TenantId tenant;
  InstanceId instance;
  /// Processor time of the last minutes, in thousandths of a processor.
  double load = 0;
  /// Nothing speaks against moving it: it is served, did not move a short while ago, and is not
  /// about to get an instance of its own.
  bool may_move = false;
};

struct BalanceMove {
  TenantId tenant;
  InstanceId from;
  InstanceId to;
  /// With the numbers that decided.
  std::string reason;
};

/// By how much each of these instances exceeds the idlest of them.
std::map<InstanceId, double> excess_of(const std::vector<InstanceId>& pool,
                                       const std::vector<PoolTenant>& tenants);

/// By how much the busiest of these instances exceeds the idlest. 0 for fewer than two.
double spread_of(const std::vector<InstanceId>& pool, const std::vector<PoolTenant>& tenants);

/// The tenant whose move from the busiest instance to the idlest makes the most of it, if there is
/// one that is worth the move: the higher of the two loads must fall by at least a quarter of
/// `policy.spread`. Ties go by name. So whatever it says, carried out again and again on loads that
/// stay the same, comes to an end, and never makes the idlest the busier by as much.
///
/// Looks at neither dwell nor pace. Pure. Tenants on instances that are not of `pool` are left out.
std::optional<BalanceMove> choose_balance_move(const BalancePolicy& policy,
                                               const std::vector<InstanceId>& pool,
                                               const std::vector<PoolTenant>& tenants);

}  // namespace voicectl
