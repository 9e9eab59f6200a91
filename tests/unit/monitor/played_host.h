// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "monitor/instance_monitor.h"

namespace voicectl {

/// What a tenant is made to do until the next look; absent: its instance does not tell.
struct PlayedLoad {
  std::uint64_t sessions = 0;
  std::uint32_t milli_cpu = 0;
  std::optional<std::uint32_t> latency_ms{};
  std::optional<std::uint64_t> in_flight{};
};

/// A host as the registry has it: one shared instance, and one of its own for whoever is alone; and
/// the monitor that looks at it.
class PlayedHost {
 public:
  explicit PlayedHost(const PromotionPolicy& policy, const WindowLimits& limits = {})
      : monitor(policy, limits) {
    add_instance(shared(), InstanceKind::kShared);
  }

  static InstanceId shared() { return InstanceId::parse("shared-0").value(); }
  static InstanceId own(const TenantId& tenant) {
    return InstanceId::parse("dedicated-" + tenant.str()).value();
  }

  void add(const TenantId& tenant, PricePlan plan = PricePlan::kStarter, Tier tier = Tier::kAuto) {
    TenantSpec spec{.tenant = tenant};
    spec.plan = plan;
    spec.tier = tier;
    recorded.tenants.emplace(
        tenant,
        RecordedTenant{spec, TenantPhase::kServing, {}, {}, true, true, shared(), {}, {}, {}});
    if (tier == Tier::kDedicated) {
      put(tenant, InstanceKind::kDedicated);
    }
    add_instance(own(tenant), InstanceKind::kDedicated);
  }
  RecordedTenant& record_of(const TenantId& tenant) { return recorded.tenants.at(tenant); }
  bool is_alone(const TenantId& tenant) { return record_of(tenant).placement != shared(); }
  void put(const TenantId& tenant, InstanceKind kind) {
    record_of(tenant).placement = kind == InstanceKind::kDedicated ? own(tenant) : shared();
  }
  /// As the driver records it.
  void wish(const PromotionDecision& decision, WallTime since = {}) {
    record_of(decision.tenant).wish = decision.kind == PromotionKind::kPromote
                                          ? std::optional(PromotionWish{decision.reason, since})
                                          : std::nullopt;
  }
  std::size_t wishes() const {
    std::size_t out = 0;
    for (const auto& [tenant, record] : recorded.tenants) {
      out += record.wish ? 1 : 0;
    }
    return out;
  }
  /// Those of tier auto that cost a process, or are to.
  std::size_t promoted() {
    std::size_t out = 0;
    for (const auto& [tenant, record] : recorded.tenants) {
      out += record.spec.tier == Tier::kAuto && (record.wish || is_alone(tenant)) ? 1 : 0;
    }
    return out;
  }

  /// Every instance tells of its tenants; of those that are left out nobody hears.
  void look(MonoTime now, const std::map<TenantId, PlayedLoad>& loads) {
    std::map<InstanceId, InstanceReport> reports;
    for (const auto& [tenant, load] : loads) {
      used_[tenant] += (now - looked_at_.value_or(now)) * load.milli_cpu / 1000;
      const InstanceId where = *record_of(tenant).placement;
      InstanceReport& report =
          reports.try_emplace(where, InstanceReport{where, {}, {}}).first->second;
      report.kind = recorded.instances.at(where).kind;
      TenantStats stats{tenant};
      stats.sessions = load.sessions;
      stats.processor_time = used_[tenant];
      stats.in_flight = load.in_flight;
      if (load.latency_ms) {
        stats.latency.emplace();
        stats.latency->record(std::chrono::milliseconds(*load.latency_ms));
      }
      report.tenants.push_back(std::move(stats));
    }
    looked_at_ = now;
    for (const auto& [where, report] : reports) {
      monitor.ingest(now, report);
    }
  }

  InstanceMonitor monitor;
  Snapshot recorded;

 private:
  void add_instance(const InstanceId& id, InstanceKind kind) {
    recorded.instances.emplace(id, RecordedInstance{id, kind, Port::make(21000).value(), "", {}});
  }

  std::map<TenantId, Duration> used_;
  std::optional<MonoTime> looked_at_;
};

}  // namespace voicectl
