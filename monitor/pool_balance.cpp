// SPDX-License-Identifier: Apache-2.0
#include "monitor/pool_balance.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

namespace voicectl {
namespace {

using PoolLoads = std::map<InstanceId, double>;

PoolLoads loads_of(const std::vector<InstanceId>& pool, const std::vector<PoolTenant>& tenants) {
  PoolLoads out;
  for (const InstanceId& instance : pool) {
    out.emplace(instance, 0);
  }
  for (const PoolTenant& tenant : tenants) {
    if (const auto home = out.find(tenant.instance); home != out.end()) {
      home->second += tenant.load;
    }
  }
  return out;
}

struct Ends {
  PoolLoads::const_iterator idlest;
  PoolLoads::const_iterator busiest;
  double gap = 0;
};

/// The first of equals: ties go by name.
std::optional<Ends> ends_of(const PoolLoads& loads) {
  if (loads.size() < 2) {
    return std::nullopt;
  }
  const auto less = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto idlest = std::min_element(loads.begin(), loads.end(), less);
  const auto busiest = std::max_element(loads.begin(), loads.end(), less);
  return Ends{idlest, busiest, busiest->second - idlest->second};
}

}  // namespace

std::map<InstanceId, double> excess_of(const std::vector<InstanceId>& pool,
                                       const std::vector<PoolTenant>& tenants) {
  PoolLoads loads = loads_of(pool, tenants);
  const std::optional<Ends> ends = ends_of(loads);
  const double least = ends ? ends->idlest->second : 0;
  for (auto& [instance, load] : loads) {
    load = ends ? load - least : 0;
  }
  return loads;
}

double spread_of(const std::vector<InstanceId>& pool, const std::vector<PoolTenant>& tenants) {
  const PoolLoads loads = loads_of(pool, tenants);
  const std::optional<Ends> ends = ends_of(loads);
  return ends ? ends->gap : 0;
}

std::optional<BalanceMove> choose_balance_move(const BalancePolicy& policy,
                                               const std::vector<InstanceId>& pool,
                                               const std::vector<PoolTenant>& tenants) {
  const PoolLoads loads = loads_of(pool, tenants);
  const std::optional<Ends> ends = ends_of(loads);
  const double wanted = policy.spread.count;
  if (!ends || policy.spread.count == 0 || ends->gap < wanted) {
    return std::nullopt;
  }
  const PoolTenant* best = nullptr;
  double most = 0;
  for (const PoolTenant& tenant : tenants) {
    // By so much does the higher of the two loads fall.
    const double gain = std::min(tenant.load, ends->gap - tenant.load);
    const bool is_better =
        best == nullptr || gain > most || (gain == most && tenant.tenant < best->tenant);
    if (tenant.may_move && tenant.instance == ends->busiest->first && gain >= wanted / 4 &&
        is_better) {
      best = &tenant;
      most = gain;
    }
  }
  if (best == nullptr) {
    return std::nullopt;
  }
  return BalanceMove{
      best->tenant, best->instance, ends->idlest->first,
      fmt::format(
          "{} uses {:.0f} mCPU and {} uses {:.0f} (marked: {} apart); {} takes {:.0f} of it "
          "along",
          best->instance.str(), ends->busiest->second, ends->idlest->first.str(),
          ends->idlest->second, policy.spread.count, best->tenant.str(), best->load)};
}

}  // namespace voicectl
