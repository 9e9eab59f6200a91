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
std::optional<MilliCpu> rate(Duration before, Duration now, Duration passed) {
  const Duration used = now - before;
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

/// Room in the windows beyond the longest dwell.
constexpr std::size_t kSparePoints = 8;
/// So long is it remembered at least when a tenant that is not seen was moved, and that it could
/// not be: it may be in an instance that starts anew.
constexpr Duration kRememberedFor = std::chrono::hours(1);

/// How fast a total grew; nullopt if it was counted anew meanwhile.
std::optional<double> growth(std::uint64_t before, std::uint64_t now, Duration passed) {
  return now < before ? std::nullopt
                      : std::optional(static_cast<double>(now - before) /
                                      std::chrono::duration<double>(passed).count());
}

/// What a tenant's totals came to since it was last looked at. Requests and events travel with a
/// tenant that moves; what else is counted begins anew with its next instance.
void take_rates(const TenantStats& before,
                Duration passed,
                bool has_moved,
                ObservedTenantLoad& seen) {
  const TenantStats& now = seen.stats;
  seen.requests_per_s = growth(before.requests_total, now.requests_total, passed);
  seen.events_per_s = growth(before.events_total, now.events_total, passed);
  if (has_moved) {
    return;
  }
  seen.received_per_s = growth(before.received, now.received, passed);
  seen.sent_per_s = growth(before.sent, now.sent, passed);
  if (now.processor_time && before.processor_time) {
    seen.cpu = rate(*before.processor_time, *now.processor_time, passed);
  }
}

/// How much a total grew. One that went back was counted anew meanwhile.
std::uint64_t gain(std::uint64_t before, std::uint64_t now) {
  return now < before ? now : now - before;
}

/// The same of one that is never counted anew.
std::uint64_t growth_of(std::uint64_t before, std::uint64_t now) {
  return now < before ? 0 : now - before;
}

TenantGain gain_of(const TenantStats& before,
                   Duration passed,
                   bool has_moved,
                   const ObservedTenantLoad& seen) {
  const TenantStats& now = seen.stats;
  TenantGain out{.requests = gain(before.requests_total, now.requests_total),
                 .events = gain(before.events_total, now.events_total),
                 .received = has_moved ? now.received : gain(before.received, now.received),
                 .sent = has_moved ? now.sent : gain(before.sent, now.sent)};
  if (now.processor_time) {
    const Duration then = has_moved ? Duration{0} : before.processor_time.value_or(Duration{0});
    const bool is_anew = has_moved || *now.processor_time < then;
    out.processor_time = *now.processor_time - (is_anew ? Duration{0} : then);
    if (is_anew && out.processor_time > passed) {
      // One thread cannot have spent it since: the page is an old one, of an instance that has lent
      // the tenant on meanwhile. What it says of bytes is of before; requests and events travel
      // with the tenant, so that those of an old page are no more than are known.
      return TenantGain{.requests = growth_of(before.requests_total, now.requests_total),
                        .events = growth_of(before.events_total, now.events_total),
                        .processor_time = passed};
    }
  } else if (seen.cpu) {
    out.processor_time = passed * seen.cpu->count / 1000;
  }
  return out;
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
    : policy_(policy), least_points_(limits.points), limits_(limits) {
  size_windows();
}

void InstanceMonitor::set_policy(const PromotionPolicy& policy) {
  if (policy_ == policy) {
    return;
  }
  policy_ = policy;
  size_windows();
}

void InstanceMonitor::size_windows() {
  VC_CHECK(check_policy(policy_).has_value(), "a policy is checked where it enters");
  limits_.points = std::max(
      least_points_,
      static_cast<std::size_t>(Duration(longest_dwell(policy_)) / kSampleInterval) + kSparePoints);
  for (auto& [tenant, history] : tenants_) {
    history.load.set_limits(limits_);
  }
  for (auto& [instance, window] : excess_) {
    window.set_limits(limits_);
  }
}

void InstanceMonitor::ingest(MonoTime now, const InstanceReport& report) {
  ++samples_;
  const bool is_counted =
      std::all_of(report.tenants.begin(), report.tenants.end(),
                  [](const TenantStats& stats) { return stats.processor_time.has_value(); });
  // Shares come first: they need the totals of the look before.
  const std::map<TenantId, double> share =
      is_counted ? std::map<TenantId, double>() : shares(report);
  const std::optional<MilliCpu> cpu = take_usage(now, report);
  for (const TenantStats& stats : report.tenants) {
    const auto part =
        cpu && !is_counted ? to_milli_cpu(share.at(stats.tenant) * cpu->count) : std::nullopt;
    take_tenant(now, report, stats, part);
  }
}

std::optional<MilliCpu> InstanceMonitor::take_usage(MonoTime now, const InstanceReport& report) {
  auto [entry, fresh] = instances_.try_emplace(
      report.instance, InstanceHistory{now, std::nullopt, LoadWindow(limits_)});
  InstanceHistory& history = entry->second;
  const auto cpu = history.usage && report.usage
                       ? rate(history.usage->cpu_time, report.usage->cpu_time, now - history.at)
                       : std::nullopt;
  if (cpu) {
    history.cpu.add(now, cpu->count);
  }
  history.usage = report.usage;
  history.at = now;
  looked_at_.insert_or_assign(report.instance, now);
  if (report.loop_lag) {
    history.loop_lag.add(*report.loop_lag);
  }
  instance_loads_.insert_or_assign(
      report.instance,
      ObservedInstanceLoad{
          now, cpu, to_milli_cpu(history.cpu.mean(now, kShownSpan)), report.usage,
          sessions_in(report),
          report.loop_lag ? std::optional(report.loop_lag->longest_us()) : std::nullopt,
          history.loop_lag, report.tenants.size()});
  return cpu;
}

std::map<TenantId, double> InstanceMonitor::shares(const InstanceReport& report) const {
  std::map<TenantId, double> requests;
  double all_requests = 0;
  for (const TenantStats& stats : report.tenants) {
    const auto known = tenants_.find(stats.tenant);
    const bool goes_on = known != tenants_.end() && known->second.instance == report.instance &&
                         known->second.stats.requests_total <= stats.requests_total;
    const std::uint64_t before = goes_on ? known->second.stats.requests_total : 0;
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

void InstanceMonitor::note_placement(MonoTime now,
                                     const InstanceReport& report,
                                     const TenantId& tenant) {
  SeenPlacement& seen =
      placements_.try_emplace(tenant, SeenPlacement{report.instance, report.kind, now})
          .first->second;
  seen.at = now;
  if (seen.instance != report.instance) {
    seen.instance = report.instance;
    seen.placed_at = now;
    balance_attempts_.erase(tenant);
  }
  if (seen.kind != report.kind) {
    seen.kind = report.kind;
    seen.kind_changed_at = now;
    attempts_.erase(tenant);
  }
}

void InstanceMonitor::take_tenant(MonoTime now,
                                  const InstanceReport& report,
                                  const TenantStats& stats,
                                  std::optional<MilliCpu> share) {
  const InstanceId& instance = report.instance;
  note_placement(now, report, stats.tenant);
  auto [entry, fresh] = tenants_.try_emplace(
      stats.tenant, TenantHistory{instance, TenantStats{stats.tenant}, std::nullopt,
                                  LoadWindows(limits_), RecentLatency()});
  TenantHistory& history = entry->second;
  const bool has_moved = std::exchange(history.instance, instance) != instance;
  ObservedTenantLoad seen{now, instance, stats, share, std::nullopt, std::nullopt, std::nullopt};
  if (stats.processor_time) {
    // It counts: what it used before we looked is not to be guessed.
    seen.cpu.reset();
  }
  if (history.at && now > *history.at) {
    take_rates(history.stats, now - *history.at, has_moved, seen);
    seen.gained = gain_of(history.stats, now - *history.at, has_moved, seen);
  }
  history.stats = stats;
  history.at = now;
  history.load[Measure::kSessions].add(now, static_cast<double>(stats.sessions));
  if (seen.cpu) {
    history.load[Measure::kCpu].add(now, seen.cpu->count);
    history.steady_cpu.update(history.load[Measure::kCpu].mean(now, kSteadySpan).value_or(0));
  }
  seen.steady_cpu = to_milli_cpu(history.steady_cpu.held());
  if (stats.in_flight) {
    history.load[Measure::kInFlight].add(now, static_cast<double>(*stats.in_flight));
  }
  if (stats.latency) {
    history.latency.add(now, *stats.latency);
    history.all_latency.add(*stats.latency);
    LatencyHistogram recent = history.latency.all();
    history.load[Measure::kP99].add(now, static_cast<double>(recent.quantile_us(0.99)) / 1000);
    seen.latency = recent.count() > 0 ? std::optional(recent) : std::nullopt;
  }
  seen.all_latency = history.all_latency;
  seen.mean_sessions = history.load[Measure::kSessions].mean(now, kShownSpan);
  seen.max_sessions = history.load[Measure::kSessions].max(now, kShownSpan);
  tenant_loads_.insert_or_assign(stats.tenant, std::move(seen));
}

void InstanceMonitor::forget_older_than(MonoTime now, Duration age) {
  std::erase_if(instance_loads_, [&](const auto& entry) { return now - entry.second.at > age; });
  std::erase_if(tenant_loads_, [&](const auto& entry) { return now - entry.second.at > age; });
  std::erase_if(instances_,
                [&](const auto& entry) { return !instance_loads_.contains(entry.first); });
  std::erase_if(tenants_, [&](const auto& entry) { return !tenant_loads_.contains(entry.first); });
  const Duration remembered = std::max<Duration>(kRememberedFor, policy_.cooldown);
  std::erase_if(recalled_, [&](const auto& entry) { return now - entry.second > remembered; });
  std::erase_if(placements_, [&](const auto& entry) { return now - entry.second.at > remembered; });
  std::erase_if(looked_at_, [&](const auto& entry) { return now - entry.second > remembered; });
  for (std::map<TenantId, Attempt>* const attempts : {&attempts_, &balance_attempts_}) {
    std::erase_if(*attempts,
                  [&](const auto& entry) { return now - entry.second.not_before > remembered; });
  }
}

std::optional<MonoTime> InstanceMonitor::looked_at(const InstanceId& instance) const {
  const auto found = looked_at_.find(instance);
  return found == looked_at_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace voicectl
