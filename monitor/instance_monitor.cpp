// SPDX-License-Identifier: Apache-2.0
#include "monitor/instance_monitor.h"

#include <cmath>

#include "base/check.h"

namespace voicectl {
namespace {

/// Processor time between two looks, as a rate; nullopt when the process is another one (its time
/// went back) or no time has passed.
std::optional<MilliCpu> rate(const ProcessUsage& before, const ProcessUsage& now, Duration passed) {
  const Duration used = now.cpu_time - before.cpu_time;
  if (used < Duration::zero() || passed <= Duration::zero()) {
    return std::nullopt;
  }
  const double cores = static_cast<double>(used.count()) / static_cast<double>(passed.count());
  return MilliCpu{static_cast<std::uint32_t>(std::lround(cores * 1000))};
}

std::optional<MilliCpu> to_milli_cpu(std::optional<double> value) {
  return value ? std::optional(MilliCpu{static_cast<std::uint32_t>(std::lround(*value))})
               : std::nullopt;
}

std::uint64_t sessions_in(const InstanceReport& report) {
  std::uint64_t sum = 0;
  for (const TenantStats& tenant : report.tenants) {
    sum += tenant.sessions;
  }
  return sum;
}

}  // namespace

InstanceMonitor::InstanceMonitor(PromotionPolicy policy, WindowLimits limits)
    : policy_(policy), limits_(limits) {
  VC_CHECK(check_policy(policy_).has_value(), "a policy is checked where it enters");
}

void InstanceMonitor::ingest(MonoTime now, const InstanceReport& report) {
  // Shares come first: they need the totals of the look before.
  const std::map<TenantId, double> share = shares(report);
  const std::optional<MilliCpu> cpu = take_usage(now, report);
  for (const TenantStats& stats : report.tenants) {
    const auto part = cpu ? to_milli_cpu(share.at(stats.tenant) * cpu->count) : std::nullopt;
    take_tenant(now, report.instance, stats, part);
  }
}

std::optional<MilliCpu> InstanceMonitor::take_usage(MonoTime now, const InstanceReport& report) {
  auto [entry, fresh] = instances_.try_emplace(
      report.instance, InstanceHistory{now, std::nullopt, LoadWindow(limits_)});
  InstanceHistory& history = entry->second;
  const auto cpu = history.usage && report.usage
                       ? rate(*history.usage, *report.usage, now - history.at)
                       : std::nullopt;
  if (cpu) {
    history.cpu.add(now, cpu->count);
  }
  history.usage = report.usage;
  history.at = now;
  instance_loads_.insert_or_assign(
      report.instance,
      ObservedInstanceLoad{now, cpu, to_milli_cpu(history.cpu.mean(now, kShownSpan)), report.usage,
                           sessions_in(report)});
  return cpu;
}

std::map<TenantId, double> InstanceMonitor::shares(const InstanceReport& report) const {
  std::map<TenantId, double> requests;
  double all_requests = 0;
  for (const TenantStats& stats : report.tenants) {
    const auto known = tenants_.find(stats.tenant);
    const bool goes_on = known != tenants_.end() && known->second.instance == report.instance &&
                         known->second.requests_total <= stats.requests_total;
    const std::uint64_t before = goes_on ? known->second.requests_total : 0;
    const auto made = static_cast<double>(stats.requests_total - before);
    requests.emplace(stats.tenant, made);
    all_requests += made;
  }
  const auto all_sessions = static_cast<double>(sessions_in(report));
  std::map<TenantId, double> out;
  for (const TenantStats& stats : report.tenants) {
    double share = 0;
    if (all_requests > 0) {
      share = requests.at(stats.tenant) / all_requests;
    } else if (all_sessions > 0) {
      share = static_cast<double>(stats.sessions) / all_sessions;
    }
    out.emplace(stats.tenant, share);
  }
  return out;
}

void InstanceMonitor::take_tenant(MonoTime now,
                                  const InstanceId& instance,
                                  const TenantStats& stats,
                                  std::optional<MilliCpu> cpu) {
  auto [entry, fresh] = tenants_.try_emplace(
      stats.tenant,
      TenantHistory{instance, std::nullopt, 0, LoadWindow(limits_), LoadWindow(limits_)});
  TenantHistory& history = entry->second;
  if (history.instance != instance) {
    history.instance = instance;
    history.placed_at = now;
  }
  history.requests_total = stats.requests_total;
  history.sessions.add(now, static_cast<double>(stats.sessions));
  if (cpu) {
    history.cpu.add(now, cpu->count);
  }
  tenant_loads_.insert_or_assign(
      stats.tenant,
      ObservedTenantLoad{now, instance, stats, cpu, history.sessions.mean(now, kShownSpan),
                         history.sessions.max(now, kShownSpan)});
}

void InstanceMonitor::forget_older_than(MonoTime now, Duration age) {
  std::erase_if(instance_loads_, [&](const auto& entry) { return now - entry.second.at > age; });
  std::erase_if(tenant_loads_, [&](const auto& entry) { return now - entry.second.at > age; });
  std::erase_if(instances_,
                [&](const auto& entry) { return !instance_loads_.contains(entry.first); });
  std::erase_if(tenants_, [&](const auto& entry) { return !tenant_loads_.contains(entry.first); });
}

std::map<TenantId, PromotionDecision> InstanceMonitor::standing_decisions(
    MonoTime now, const Snapshot& recorded) const {
  std::map<TenantId, PromotionDecision> out;
  for (const auto& [tenant, record] : recorded.tenants) {
    const auto history = tenants_.find(tenant);
    if (history == tenants_.end() || !record.placement) {
      continue;
    }
    const auto instance = recorded.instances.find(*record.placement);
    // While it moves, what was seen belongs to another placement than the recorded one.
    if (instance == recorded.instances.end() || history->second.instance != *record.placement) {
      continue;
    }
    const TenantSituation situation{tenant,
                                    record.spec.tier,
                                    record.spec.plan,
                                    instance->second.kind,
                                    history->second.placed_at,
                                    history->second.sessions,
                                    history->second.cpu};
    if (auto decision = decide_promotion(policy_, situation, now)) {
      out.emplace(tenant, std::move(*decision));
    }
  }
  return out;
}

std::vector<PromotionDecision> InstanceMonitor::decide(MonoTime now, const Snapshot& recorded) {
  std::vector<PromotionDecision> out;
  std::map<TenantId, PromotionKind> told;
  for (auto& [tenant, decision] : standing_decisions(now, recorded)) {
    told.emplace(tenant, decision.kind);
    const auto before = told_.find(tenant);
    if (before == told_.end() || before->second != decision.kind) {
      out.push_back(decision);
    }
  }
  told_ = std::move(told);
  return out;
}

}  // namespace voicectl
