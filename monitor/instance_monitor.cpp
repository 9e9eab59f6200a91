// SPDX-License-Identifier: Apache-2.0
#include "monitor/instance_monitor.h"

#include <algorithm>
#include <cmath>
#include <utility>

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

/// In which moves are counted against the pace.
constexpr Duration kPaceSpan = std::chrono::minutes(1);

void hold_back(PromotionDecision& decision, Duration wait) {
  decision.kind.reset();
  decision.rule = PromotionRule::kRetry;
  decision.reason =
      "it could not be moved a short while ago; it has " + std::exchange(decision.reason, "");
  decision.otherwise = {"it is tried again in " + format_duration(wait)};
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

void InstanceMonitor::set_policy(const PromotionPolicy& policy) {
  VC_CHECK(check_policy(policy).has_value(), "a policy is checked where it enters");
  policy_ = policy;
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
      TenantHistory{
          instance, std::nullopt, 0, std::nullopt, LoadWindow(limits_), LoadWindow(limits_)});
  TenantHistory& history = entry->second;
  if (history.instance != instance) {
    history.instance = instance;
    history.placed_at = now;
    attempts_.erase(stats.tenant);
  }
  std::optional<double> requests;
  if (history.at && now > *history.at && stats.requests_total >= history.requests_total) {
    requests = static_cast<double>(stats.requests_total - history.requests_total) /
               std::chrono::duration<double>(now - *history.at).count();
  }
  history.requests_total = stats.requests_total;
  history.at = now;
  history.sessions.add(now, static_cast<double>(stats.sessions));
  if (cpu) {
    history.cpu.add(now, cpu->count);
  }
  tenant_loads_.insert_or_assign(
      stats.tenant,
      ObservedTenantLoad{now, instance, stats, cpu, requests,
                         history.sessions.mean(now, kShownSpan),
                         history.sessions.max(now, kShownSpan)});
}

void InstanceMonitor::forget_older_than(MonoTime now, Duration age) {
  std::erase_if(instance_loads_, [&](const auto& entry) { return now - entry.second.at > age; });
  std::erase_if(tenant_loads_, [&](const auto& entry) { return now - entry.second.at > age; });
  std::erase_if(instances_,
                [&](const auto& entry) { return !instance_loads_.contains(entry.first); });
  std::erase_if(tenants_, [&](const auto& entry) { return !tenant_loads_.contains(entry.first); });
  std::erase_if(attempts_, [&](const auto& entry) { return !tenants_.contains(entry.first); });
}

const InstanceMonitor::TenantHistory* InstanceMonitor::history_of(
    const RecordedTenant& record) const {
  const auto history = tenants_.find(record.spec.tenant);
  // While it moves, what was seen belongs to another placement than the recorded one.
  return history == tenants_.end() || history->second.instance != record.placement
             ? nullptr
             : &history->second;
}

std::size_t InstanceMonitor::recent_moves(MonoTime now) const {
  return static_cast<std::size_t>(std::count_if(moves_.begin(), moves_.end(),
                                                [&](MonoTime at) { return now - at < kPaceSpan; }));
}

std::vector<PromotionDecision> InstanceMonitor::judge(MonoTime now,
                                                      const Snapshot& recorded) const {
  std::vector<PromotionDecision> out;
  std::vector<PricePlan> plans;
  HostSituation host{0, recent_moves(now)};
  for (const auto& [tenant, record] : recorded.tenants) {
    host.promoted += record.wish ? 1 : 0;
    const TenantHistory* const history = history_of(record);
    const auto instance =
        record.placement ? recorded.instances.find(*record.placement) : recorded.instances.end();
    if (history == nullptr || instance == recorded.instances.end()) {
      continue;
    }
    out.push_back(
        decide_promotion(policy_,
                         TenantSituation{tenant, record.spec.tier, record.spec.plan,
                                         instance->second.kind, record.wish.has_value(),
                                         history->placed_at, history->sessions, history->cpu},
                         now));
    plans.push_back(record.spec.plan);
    const auto attempt = attempts_.find(tenant);
    if (out.back().kind && attempt != attempts_.end() && now < attempt->second.not_before) {
      hold_back(out.back(), attempt->second.not_before - now);
    }
  }
  keep_within_limits(policy_, host, plans, out);
  return out;
}

std::vector<PromotionDecision> InstanceMonitor::news(MonoTime now, const Snapshot& recorded) {
  std::vector<PromotionDecision> out;
  std::map<TenantId, PromotionKind> told;
  for (PromotionDecision& decision : judge(now, recorded)) {
    if (!decision.kind) {
      continue;
    }
    told.emplace(decision.tenant, *decision.kind);
    const auto before = told_.find(decision.tenant);
    if (before == told_.end() || before->second != *decision.kind) {
      out.push_back(std::move(decision));
    }
  }
  told_ = std::move(told);
  return out;
}

void InstanceMonitor::note_attempt(MonoTime now, const TenantId& tenant) {
  std::erase_if(moves_, [&](MonoTime at) { return now - at >= kPaceSpan; });
  moves_.push_back(now);
  Attempt& attempt = attempts_[tenant];
  attempt.not_before = now + backoff_without_jitter(kMoveRetry, attempt.count + 1);
  ++attempt.count;
}

std::vector<TenantId> InstanceMonitor::stranded(MonoTime now, const Snapshot& recorded) const {
  std::vector<TenantId> out;
  for (const auto& [tenant, record] : recorded.tenants) {
    const auto instance =
        record.placement ? recorded.instances.find(*record.placement) : recorded.instances.end();
    const auto attempt = attempts_.find(tenant);
    const bool is_where_it_belongs =
        instance == recorded.instances.end() || record.spec.tier != Tier::kAuto ||
        record.wish.has_value() == (instance->second.kind == InstanceKind::kDedicated);
    if (!is_where_it_belongs && (attempt == attempts_.end() || now >= attempt->second.not_before)) {
      out.push_back(tenant);
    }
  }
  return out;
}

}  // namespace voicectl
