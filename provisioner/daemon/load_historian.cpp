// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/load_historian.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "provisioner/plan/instance_names.h"

namespace voicectl {
namespace {

constexpr std::chrono::microseconds kNoWork = std::chrono::milliseconds(1);
/// Looks within a minute, and some more.
constexpr int kLooks = 20;

bool has_more_than(const LoadRow& row, std::chrono::microseconds work) {
  return row.sessions + row.requests + row.events + row.received + row.sent > 0 ||
         row.processor_time > work;
}

bool has_anything(const LoadRow& row) {
  return has_more_than(row, kNoWork);
}

std::optional<std::uint64_t> used_of(const std::optional<Bytes>& all,
                                     const std::optional<Bytes>& free) {
  return all && free ? std::optional(all->count - std::min(free->count, all->count)) : std::nullopt;
}

std::optional<std::uint64_t> count_of(const std::optional<Bytes>& bytes) {
  return bytes ? std::optional<std::uint64_t>(bytes->count) : std::nullopt;
}

}  // namespace

bool LoadHistorian::is_off() const {
  const std::optional<PlatformSpec>& platform = deps_.recorded.snapshot().platform;
  return !platform || platform->monitor.mode == PromotionMode::kOff;
}

void LoadHistorian::hear(const InstanceReport& report) {
  if (!minute_) {
    return;
  }
  for (const TenantStats& told : report.tenants) {
    const auto seen = deps_.monitor.tenants().find(told.tenant);
    if (seen != deps_.monitor.tenants().end()) {
      add(seen->second, told.latency.value_or(LatencyHistogram()));
    }
  }
  add_process(report);
}

void LoadHistorian::add_process(const InstanceReport& report) {
  const auto seen = deps_.monitor.instances().find(report.instance);
  if (seen == deps_.monitor.instances().end() || !report.usage) {
    return;
  }
  const ProcessUsage& usage = *report.usage;
  const auto [before, is_new] = used_.try_emplace(report.instance, usage.cpu_time);
  const Duration last = std::exchange(before->second, usage.cpu_time);
  UsageRow row{.subject = report.instance,
               // Time that went back is another process's.
               .processor_time = std::chrono::duration_cast<std::chrono::microseconds>(
                   usage.cpu_time < last ? usage.cpu_time : usage.cpu_time - last),
               .most_cpu = seen->second.cpu.value_or(MilliCpu{})};
  row[UsageMeasure::kMemory] = usage.memory.count;
  row[UsageMeasure::kProportional] = count_of(usage.proportional);
  row[UsageMeasure::kThreads] = usage.threads;
  row[UsageMeasure::kDescriptors] = usage.descriptors;
  row[UsageMeasure::kLoopLag] = seen->second.loop_lag_us;
  row[UsageMeasure::kSessions] = seen->second.sessions;
  row[UsageMeasure::kTenants] = seen->second.tenants;
  add_usage(minute_->usage.try_emplace(report.instance, UsageRow{report.instance}).first->second,
            row);
}

std::optional<UsageRow> LoadHistorian::host_row(Duration passed) {
  const std::optional<HostUsage> before = std::exchange(host_, deps_.host.sample());
  const HostUsage& now = *host_;
  UsageRow row;
  if (before && before->busy && now.busy && *now.busy >= *before->busy &&
      passed > Duration::zero()) {
    const Duration used = *now.busy - *before->busy;
    row.processor_time = std::chrono::duration_cast<std::chrono::microseconds>(used);
    // Not less than the mean of the same minute, however that is rounded.
    row.most_cpu = MilliCpu{
        static_cast<std::uint32_t>((1000 * used.count() + passed.count() - 1) / passed.count())};
  }
  row[UsageMeasure::kMemory] = used_of(now.memory, now.memory_free);
  row[UsageMeasure::kMemorySize] = count_of(now.memory);
  row[UsageMeasure::kDisk] = used_of(now.disk, now.disk_free);
  row[UsageMeasure::kDiskSize] = count_of(now.disk);
  if (now.load) {
    row[UsageMeasure::kLoad] = static_cast<std::uint64_t>(now.load->front() * 1000);
  }
  return row == UsageRow{} ? std::nullopt : std::optional(row);
}

void LoadHistorian::add(const ObservedTenantLoad& seen, const LatencyHistogram& latency) {
  const TenantGain gained = seen.gained.value_or(TenantGain{});
  const LoadRow row{.tenant = seen.stats.tenant,
                    .instance = seen.instance,
                    .sessions = seen.stats.sessions,
                    .requests = gained.requests,
                    .events = gained.events,
                    .processor_time = std::chrono::duration_cast<std::chrono::microseconds>(
                        gained.processor_time),
                    .most_cpu = seen.cpu.value_or(MilliCpu{}),
                    .received = gained.received,
                    .sent = gained.sent,
                    .memory = seen.stats.memory};
  // Of many like this one nothing would be kept.
  if (!has_more_than(row, kNoWork / kLooks) && !minute_->rows.contains(row.tenant)) {
    return;
  }
  const RecordedTenant* const recorded = deps_.recorded.find_tenant(row.tenant);
  if (recorded == nullptr) {
    return;
  }
  const Told fresh{recorded->created_at, row};
  const auto [known, is_new] = minute_->rows.try_emplace(row.tenant, fresh);
  if (!is_new && known->second.made_at != fresh.made_at) {
    known->second = fresh;
  } else if (!is_new) {
    add_load(known->second.row, row);
  }
  if (seen.gained) {
    // Else it is of requests that were counted before.
    known->second.latency.merge(latency);
  }
}

void LoadHistorian::turn() {
  const MonoTime now = deps_.clock.now();
  const WallTime at = begin_of(LoadStep::kMinute, deps_.wall.now());
  // Also when the clock was set back: what was seen is of the minute that it began in.
  if (minute_ && (minute_->at != at || is_off())) {
    end_minute(now);
  }
  if (is_off()) {
    // What is used meanwhile is of no minute.
    used_.clear();
    host_.reset();
    drop_old(now);
    return;
  }
  dropped_at_.reset();
  if (!host_) {
    host_ = deps_.host.sample();
  }
  if (!minute_) {
    minute_ = Minute{at, now};
  }
}

void LoadHistorian::end_minute(MonoTime now) {
  minute_->watched = std::chrono::duration_cast<std::chrono::milliseconds>(now - minute_->since);
  std::erase_if(minute_->rows, [](const auto& entry) { return !has_anything(entry.second.row); });
  std::erase_if(
      used_, [&](const auto& entry) { return !deps_.monitor.instances().contains(entry.first); });
  minute_->host = host_row(now - minute_->since);
  waiting_.push_back(std::make_shared<const Minute>(*std::move(minute_)));
  minute_.reset();
  if (waiting_.size() > kWaiting) {
    waiting_.pop_front();
  }
  write();
}

void LoadHistorian::drop_old(MonoTime now) {
  if (dropped_at_ && now - *dropped_at_ < kDropInterval) {
    return;
  }
  dropped_at_ = now;
  deps_.registry.run<void>(
      [at = deps_.wall.now()](Registry& registry) { return registry.drop_old_load(at); },
      [this, weak = std::weak_ptr(self_)](const Status& dropped) {
        if (!weak.expired() && dropped.has_error()) {
          deps_.log.warn("load.not_dropped", {{"error", dropped.error()}});
        }
      });
}

std::vector<LoadRow> LoadHistorian::rows_of(const Minute& minute) const {
  std::vector<LoadRow> rows;
  rows.reserve(minute.rows.size());
  for (const auto& [tenant, told] : minute.rows) {
    const RecordedTenant* const recorded = deps_.recorded.find_tenant(tenant);
    if (recorded != nullptr && recorded->created_at == told.made_at) {
      rows.push_back(told.row);
      rows.back().latency = pack_latency(told.latency);
    }
  }
  return rows;
}

std::vector<UsageRow> LoadHistorian::usage_of(const Minute& minute) const {
  std::set<std::string> tails;
  for (const auto& [tenant, recorded] : deps_.recorded.snapshot().tenants) {
    if (recorded.created_at < minute.at + std::chrono::minutes(1)) {
      tails.insert(dedicated_tail(tenant));
    }
  }
  std::vector<UsageRow> out;
  for (const auto& [instance, row] : minute.usage) {
    const std::optional<std::string> tail = dedicated_tail(instance);
    if (!tail || tails.contains(*tail)) {
      out.push_back(row);
    }
  }
  if (minute.host) {
    out.push_back(*minute.host);
  }
  return out;
}

void LoadHistorian::write() {
  if (is_writing_ || waiting_.empty()) {
    return;
  }
  is_writing_ = true;
  const std::shared_ptr<const Minute> minute = waiting_.front();
  deps_.registry.run<void>(
      [minute, rows = rows_of(*minute), usage = usage_of(*minute)](Registry& registry) {
        return registry.append_load(minute->at, minute->watched, rows, usage);
      },
      [this, weak = std::weak_ptr(self_), minute](const Status& written) {
        if (weak.expired()) {
          return;
        }
        is_writing_ = false;
        if (written.has_error()) {
          if (!std::exchange(has_failed_, true)) {
            deps_.log.warn("load.not_kept", {{"error", written.error()}});
          }
          return;
        }
        has_failed_ = false;
        if (!waiting_.empty() && waiting_.front() == minute) {
          waiting_.pop_front();
        }
        write();
      });
}

}  // namespace voicectl
