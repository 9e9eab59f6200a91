// SPDX-License-Identifier: Apache-2.0
#include "tests/support/plan/plan_laws.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "provisioner/plan/planner.h"

namespace voicectl {
namespace {

using Ancestors = std::vector<std::set<std::size_t>>;

/// For each step all that must have succeeded before it.
Ancestors ancestors_of(const Plan& plan) {
  Ancestors out(plan.steps.size());
  for (const Step& step : plan.steps) {
    for (const std::size_t need : step.needs) {
      out[step.number].insert(need);
      out[step.number].insert(out[need].begin(), out[need].end());
    }
  }
  return out;
}

template <typename T>
std::vector<std::pair<std::size_t, T>> all(const Plan& plan) {
  std::vector<std::pair<std::size_t, T>> out;
  for (const Step& step : plan.steps) {
    if (const T* const action = std::get_if<T>(&step.action)) {
      out.emplace_back(step.number, *action);
    }
  }
  return out;
}

class OrderCheck {
 public:
  OrderCheck(const Plan& plan, std::vector<std::string>& problems)
      : plan_(plan), ancestors_(ancestors_of(plan)), problems_(problems) {}

  /// Every step of kind First about a subject must come before every one of kind Then.
  template <typename First, typename Then>
  void same_tenant() {
    for (const auto& [first, a] : all<First>(plan_)) {
      for (const auto& [then, b] : all<Then>(plan_)) {
        if (subject_of(plan_.steps[first].action) == subject_of(plan_.steps[then].action)) {
          must_precede(first, then);
        }
      }
    }
  }

  void must_precede(std::size_t first, std::size_t then) {
    if (!ancestors_[then].contains(first)) {
      problems_.push_back(fmt::format("'{}' does not wait for '{}'",
                                      describe(plan_.steps[then].action),
                                      describe(plan_.steps[first].action)));
    }
  }

 private:
  const Plan& plan_;
  Ancestors ancestors_;
  std::vector<std::string>& problems_;
};

void check_instances(const Plan& plan, const Snapshot& before, OrderCheck& order) {
  for (const auto& [lend, a] : all<LendListener>(plan)) {
    for (const auto& [start, b] : all<StartInstance>(plan)) {
      if (a.instance == b.instance) {
        order.must_precede(start, lend);
      }
    }
  }
  for (const auto& [stop, a] : all<StopInstance>(plan)) {
    for (const auto& [leave, b] : all<LendListener>(plan)) {
      const auto tenant = before.tenants.find(b.tenant);
      if (tenant != before.tenants.end() && tenant->second.placement == a.instance) {
        order.must_precede(leave, stop);
      }
    }
    for (const auto& [leave, b] : all<ReclaimListener>(plan)) {
      if (b.instance == a.instance) {
        order.must_precede(leave, stop);
      }
    }
  }
}

}  // namespace

std::vector<std::string> broken_orders(const Plan& plan, const Snapshot& before) {
  std::vector<std::string> problems;
  for (const Step& step : plan.steps) {
    for (const std::size_t need : step.needs) {
      if (need >= step.number) {
        problems.push_back(fmt::format("step {} needs {}", step.number, need));
      }
    }
  }
  if (!problems.empty()) {
    return problems;
  }
  OrderCheck order(plan, problems);
  order.same_tenant<CreateTenant, PrepareTenantData>();
  order.same_tenant<CreateTenant, BindListener>();
  order.same_tenant<PrepareTenantData, LendListener>();
  order.same_tenant<BindListener, LendListener>();
  order.same_tenant<LendListener, PublishRoute>();
  order.same_tenant<WithdrawRoute, ReclaimListener>();
  order.same_tenant<WithdrawRoute, ReleaseListener>();
  order.same_tenant<ReclaimListener, ReleaseListener>();
  order.same_tenant<ReleaseListener, RetireTenantData>();
  order.same_tenant<RetireTenantData, DeleteTenant>();
  order.same_tenant<ReleaseListener, DeleteTenant>();
  check_instances(plan, before, order);
  return problems;
}

std::vector<std::string> shared_ports(const Snapshot& snapshot) {
  std::vector<std::string> problems;
  std::map<Port, std::string> holders;
  const auto hold = [&](Port port, const std::string& holder) {
    const auto [at, is_new] = holders.emplace(port, holder);
    if (!is_new && at->second != holder) {
      problems.push_back(fmt::format("{} and {} have port {}", at->second, holder, port.value()));
    }
  };
  for (const auto& [name, tenant] : snapshot.tenants) {
    if (tenant.port) {
      hold(*tenant.port, "tenant/" + name.str());
    }
  }
  for (const auto& [name, instance] : snapshot.instances) {
    hold(instance.admin_port, "instance/" + name.str());
  }
  for (const PortLease& lease : snapshot.leases) {
    if (!lease.released_at) {
      hold(lease.port, lease.holder);
    }
  }
  return problems;
}

std::vector<std::string> hasty_leases(const Snapshot& before, const Plan& plan, WallTime now) {
  std::set<Port> resting;
  for (const PortLease& lease : before.leases) {
    if (lease.released_at && now < *lease.released_at + kPortQuarantine) {
      resting.insert(lease.port);
    }
  }
  std::vector<std::string> problems;
  const auto check = [&](Port port, const std::string& who) {
    if (resting.contains(port)) {
      problems.push_back(fmt::format("{} gets port {} in its quarantine", who, port.value()));
    }
    if (before.observed.foreign_ports.contains(port)) {
      problems.push_back(
          fmt::format("{} gets port {}, which another program holds", who, port.value()));
    }
  };
  for (const auto& [step, a] : all<BindListener>(plan)) {
    check(a.port, a.tenant.str());
  }
  for (const auto& [step, a] : all<StartInstance>(plan)) {
    check(a.admin_port, a.instance.str());
  }
  return problems;
}

std::vector<std::string> misplaced_tenants(const Snapshot& snapshot) {
  std::vector<std::string> problems;
  std::map<std::string, std::string> owners;
  for (const auto& [name, tenant] : snapshot.tenants) {
    if (tenant.placement && !snapshot.instances.contains(*tenant.placement)) {
      problems.push_back(
          fmt::format("{} is placed on {}, which is gone", name.str(), tenant.placement->str()));
    }
    for (const std::string& host : tenant.routes) {
      const auto [at, is_new] = owners.emplace(host, name.str());
      if (!is_new) {
        problems.push_back(fmt::format("{} leads to {} and {}", host, at->second, name.str()));
      }
    }
  }
  return problems;
}

}  // namespace voicectl
