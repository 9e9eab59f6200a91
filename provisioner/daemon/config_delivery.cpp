// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/config_delivery.h"

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl {

std::map<TenantId, Generation> ConfigDelivery::outdated() const {
  std::map<TenantId, Generation> out;
  for (const InstanceView& view : deps_.instances.observe()) {
    if (view.state != InstanceState::kReady) {
      continue;  // it reads the file when it gets its tenants again
    }
    for (const auto& [tenant, lent] : view.tenants) {
      const RecordedTenant* const recorded = deps_.recorded.find_tenant(tenant);
      if (recorded != nullptr && recorded->placement == view.instance &&
          lent.generation != recorded->generation) {
        out.emplace(tenant, lent.generation);
      }
    }
  }
  return out;
}

std::string ConfigDelivery::reason_of(const TenantId& tenant) const {
  const auto known = reasons_.find(tenant);
  return known == reasons_.end() ? "" : known->second;
}

void ConfigDelivery::begin() {
  forget_the_mended();
  if (is_waiting_ || open_ > 0) {
    return;
  }
  if (outdated().empty()) {
    attempt_ = 0;
    return;
  }
  ++attempt_;
  wait();
}

void ConfigDelivery::wait() {
  is_waiting_ = true;
  deps_.reactor.call_after(backoff_without_jitter(kWait, attempt_), [this] {
    is_waiting_ = false;
    if (deps_.is_applying()) {
      wait();
    } else {
      ask_all();
    }
  });
}

void ConfigDelivery::ask_all() {
  open_ = 1;  // so that no answer can be the last while we still ask
  for (const auto& [tenant, generation] : outdated()) {
    ++open_;
    deps_.deliver(*deps_.recorded.find_tenant(tenant),
                  [this, name = tenant](const Status& taken) { take_answer(name, taken); });
  }
  finish_one();
}

void ConfigDelivery::finish_one() {
  if (--open_ == 0) {
    begin();
  }
}

void ConfigDelivery::take_answer(const TenantId& tenant, const Status& taken) {
  if (taken.has_error()) {
    const bool is_first = reasons_.insert_or_assign(tenant, taken.error().text()).second;
    if (is_first) {
      deps_.events.add("tenant.not_configured", "tenant/" + tenant.str(),
                       dump_json({{"error", taken.error().text()}}));
    }
  }
  finish_one();
}

void ConfigDelivery::forget_the_mended() {
  const std::map<TenantId, Generation> still =
      reasons_.empty() ? std::map<TenantId, Generation>() : outdated();
  for (auto reason = reasons_.begin(); reason != reasons_.end();) {
    if (still.contains(reason->first)) {
      ++reason;
      continue;
    }
    deps_.events.add("tenant.configured", "tenant/" + reason->first.str());
    reason = reasons_.erase(reason);
  }
}

}  // namespace voicectl
