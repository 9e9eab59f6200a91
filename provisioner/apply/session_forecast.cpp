// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/session_forecast.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

namespace voicectl {
namespace {

/// Which program runs in each instance before and after the plan.
class ProgramsOf {
 public:
  ProgramsOf(const Plan& plan, const Snapshot& before) : before_(before) {
    for (const ObservedInstance& instance : before.observed.instances) {
      if (instance.ready) {
        ready_.insert(instance.instance);
      }
    }
    for (const Step& step : plan.steps) {
      if (const auto* const start = std::get_if<StartInstance>(&step.action)) {
        started_.emplace(start->instance, start->fingerprint);
      }
    }
  }

  bool is_ready(const InstanceId& instance) const { return ready_.contains(instance); }

  /// Whether the two take connections over from each other.
  bool understand_each_other(const InstanceId& from, const InstanceId& to) const {
    const std::string one = fingerprint_of(from);
    const std::string other = fingerprint_of(to);
    const ProgramRecord* const source = before_.programs.find(one);
    const ProgramRecord* const target = before_.programs.find(other);
    return one == other ||
           (source != nullptr && target != nullptr && can_hand_over(*source, *target));
  }

 private:
  std::string fingerprint_of(const InstanceId& instance) const {
    if (const auto started = started_.find(instance);
        started != started_.end() && !ready_.contains(instance)) {
      return started->second;
    }
    const auto recorded = before_.instances.find(instance);
    return recorded == before_.instances.end() ? "" : recorded->second.fingerprint;
  }

  const Snapshot& before_;
  std::set<InstanceId> ready_;
  std::map<InstanceId, std::string> started_;
};

/// Fates of the tenants that the plan touches.
class Fates {
 public:
  Fates(const Plan& plan, const Snapshot& before) : before_(before), programs_(plan, before) {
    for (const Step& step : plan.steps) {
      if (const auto* const lend = std::get_if<LendListener>(&step.action)) {
        take(*lend);
      } else if (const auto* const reclaim = std::get_if<ReclaimListener>(&step.action)) {
        drop(reclaim->tenant, reclaim->instance, "it is taken off its instance: its sessions end");
      }
    }
  }

  std::map<TenantId, TenantForecast> take() && { return std::move(fates_); }

 private:
  /// Whether sessions of it can be live in `instance` now.
  bool is_served_by(const TenantId& tenant, const InstanceId& instance) const {
    const auto recorded = before_.tenants.find(tenant);
    return recorded != before_.tenants.end() && recorded->second.placement == instance &&
           programs_.is_ready(instance);
  }

  void take(const LendListener& lend) {
    if (!lend.from || *lend.from == lend.instance || !is_served_by(lend.tenant, *lend.from)) {
      return;
    }
    if (programs_.understand_each_other(*lend.from, lend.instance)) {
      fates_.insert_or_assign(lend.tenant,
                              TenantForecast{.tenant = lend.tenant,
                                             .fate = SessionFate::kMove,
                                             .from = lend.from,
                                             .to = lend.instance,
                                             .why = "handed over with its connections open"});
    } else {
      drop(lend.tenant, *lend.from,
           fmt::format("{} runs a program that takes no connections over from {}: its WebSockets "
                       "are closed and told to come again",
                       lend.instance.str(), lend.from->str()));
      fates_.at(lend.tenant).to = lend.instance;
    }
  }

  void drop(const TenantId& tenant, const InstanceId& from, std::string why) {
    if (is_served_by(tenant, from)) {
      fates_.insert_or_assign(
          tenant,
          TenantForecast{
              .tenant = tenant, .fate = SessionFate::kDrop, .from = from, .why = std::move(why)});
    }
  }

  const Snapshot& before_;
  ProgramsOf programs_;
  std::map<TenantId, TenantForecast> fates_;
};

void count(const TenantForecast& tenant, EffectForecast& forecast) {
  const LiveLoad::OfTenant live = tenant.live.value_or(LiveLoad::OfTenant{});
  forecast.sessions[tenant.fate] += live.sessions;
  if (tenant.fate == SessionFate::kMove || (tenant.fate == SessionFate::kDrain && tenant.to)) {
    forecast.quantities[Quantity::kWebsocketsMoved] += static_cast<std::int64_t>(live.websockets);
  } else if (tenant.fate == SessionFate::kDrop && tenant.to) {
    forecast.quantities[Quantity::kWebsocketsDropped] += static_cast<std::int64_t>(live.websockets);
  }
}

}  // namespace

void forecast_sessions(const Plan& plan,
                       const Snapshot& before,
                       const LiveLoad& load,
                       EffectForecast& forecast) {
  const bool is_reloaded = forecast.quantities[Quantity::kEdgeReloads] > 0;
  forecast.quantities[Quantity::kWebsocketsMoved] = 0;
  forecast.quantities[Quantity::kWebsocketsDropped] = 0;
  std::map<TenantId, TenantForecast> fates = Fates(plan, before).take();
  for (const auto& [name, recorded] : before.tenants) {
    if (!recorded.placement) {
      continue;
    }
    const auto live = load.tenants.find(name);
    forecast.unsampled += live == load.tenants.end() ? 1 : 0;
    const std::uint64_t websockets = live == load.tenants.end() ? 0 : live->second.websockets;
    auto fate = fates.find(name);
    if (is_reloaded && websockets > 0) {
      forecast.stranded += websockets;
      if (fate == fates.end()) {
        fate =
            fates.emplace(name, TenantForecast{.tenant = name, .fate = SessionFate::kDrain}).first;
      }
      if (fate->second.fate != SessionFate::kDrop) {
        fate->second.fate = SessionFate::kDrain;
        fate->second.why = "its WebSockets stay with a worker of nginx that ends";
      }
    }
    TenantForecast told = fate == fates.end()
                              ? TenantForecast{.tenant = name, .fate = SessionFate::kStay}
                              : fate->second;
    told.live = live == load.tenants.end() ? std::nullopt : std::optional(live->second);
    count(told, forecast);
    if (told.fate != SessionFate::kStay) {
      forecast.tenants.push_back(std::move(told));
    }
  }
  if (std::any_of(forecast.tenants.begin(), forecast.tenants.end(),
                  [](const TenantForecast& tenant) { return !tenant.live; })) {
    forecast.quantities.erase(Quantity::kWebsocketsMoved);
    forecast.quantities.erase(Quantity::kWebsocketsDropped);
  }
}

}  // namespace voicectl
