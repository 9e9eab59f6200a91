// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/relending.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl {

void Relending::begin(const InstanceId& instance) {
  for (const TenantId& tenant : deps_.recorded.tenants_of(instance)) {
    refused_.erase(tenant);
    lend(Target{tenant, instance, ++series_[tenant]});
  }
}

void Relending::lend(const Target& target) {
  under_way_.erase(target.tenant);  // whoever was asked before is not waited for
  if (!deps_.bank.holds(target.tenant)) {
    return;  // the plan binds it first, then lends it
  }
  under_way_.insert_or_assign(target.tenant, target.series);
  if (deps_.is_placing(target.tenant)) {
    return lend_when_placed(target);
  }
  deps_.placement.lend_again(*deps_.recorded.find_tenant(target.tenant),
                             [this, target](const Status& lent) { take_outcome(target, lent); });
}

void Relending::lend_when_placed(const Target& target) {
  deps_.reactor.call_after(kPlacingWait, [this, target] {
    if (series_[target.tenant] != target.series) {
      return;
    }
    if (deps_.is_placing(target.tenant)) {
      lend_when_placed(target);  // whether it is missing costs a look at all instances
    } else if (is_missing(target)) {
      lend(target);
    } else {
      under_way_.erase(target.tenant);
    }
  });
}

void Relending::take_outcome(const Target& target, const Status& lent) {
  if (series_[target.tenant] != target.series) {
    return;
  }
  under_way_.erase(target.tenant);
  const auto known = refused_.find(target.tenant);
  const bool is_first = known == refused_.end();
  if (lent.has_value()) {
    if (!is_first) {
      refused_.erase(known);
      deps_.events.add("tenant.lent", "tenant/" + target.tenant.str(),
                       dump_json({{"instance", target.instance.str()}}));
    }
    return;
  }
  const int attempt = is_first ? 1 : known->second.attempt + 1;
  refused_.insert_or_assign(target.tenant, Refusal{target, lent.error().text(), attempt});
  if (is_first) {
    deps_.events.add(
        "tenant.not_lent", "tenant/" + target.tenant.str(),
        dump_json({{"instance", target.instance.str()}, {"error", lent.error().text()}}));
  }
  wait(target, backoff_without_jitter(kWait, attempt));
}

void Relending::wait(const Target& target, Duration length) {
  deps_.reactor.call_after(length, [this, target] { try_again(target); });
}

void Relending::try_again(const Target& target) {
  if (series_[target.tenant] != target.series) {
    return;
  }
  if (deps_.is_applying()) {
    wait(target, kWait.first);
    return;
  }
  if (!is_missing(target)) {
    // An apply has seen to it, or the instance ended: then its next start begins anew.
    refused_.erase(target.tenant);
    return;
  }
  lend(target);
}

bool Relending::is_missing(const Target& target) const {
  const RecordedTenant* const recorded = deps_.recorded.find_tenant(target.tenant);
  if (recorded == nullptr || recorded->placement != target.instance) {
    return false;
  }
  const std::vector<InstanceView> views = deps_.instances.observe();
  return std::any_of(views.begin(), views.end(), [&](const InstanceView& view) {
    const auto lent = view.tenants.find(target.tenant);
    return view.instance == target.instance && view.state == InstanceState::kReady &&
           (lent == view.tenants.end() || has_old_sockets(target.tenant, lent->second));
  });
}

bool Relending::has_old_sockets(const TenantId& tenant, const LentTenant& lent) const {
  const std::optional<ListenerDescriptors> held = deps_.bank.descriptors(tenant);
  return held && held->binding != lent.binding;
}

void Relending::mend() {
  for (const TenantId& tenant : rebound()) {
    lend(Target{tenant, *deps_.recorded.find_tenant(tenant)->placement, ++series_[tenant]});
  }
}

std::set<TenantId> Relending::rebound() const {
  std::set<TenantId> out;
  std::map<InstanceId, LentTenants> ready;
  for (const InstanceView& view : deps_.instances.observe()) {
    if (view.state == InstanceState::kReady) {
      ready.emplace(view.instance, view.tenants);
    }
  }
  for (const auto& [tenant, recorded] : deps_.recorded.snapshot().tenants) {
    const auto home = recorded.placement ? ready.find(*recorded.placement) : ready.end();
    if (home == ready.end() || under_way_.contains(tenant) || refused_.contains(tenant) ||
        !deps_.bank.holds(tenant)) {
      continue;
    }
    const LentTenants& tenants = std::as_const(home->second);
    const auto lent = tenants.find(tenant);
    if (lent == tenants.end() || has_old_sockets(tenant, lent->second)) {
      out.insert(tenant);
    }
  }
  return out;
}

std::map<TenantId, std::string> Relending::unserved() const {
  std::map<TenantId, std::string> out;
  for (const auto& [tenant, refusal] : refused_) {
    if (is_missing(refusal.target)) {
      out.emplace(tenant, refusal.why);
    }
  }
  return out;
}

}  // namespace voicectl
