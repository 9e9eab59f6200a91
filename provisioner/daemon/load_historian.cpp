// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/load_historian.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

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
    drop_old(now);
    return;
  }
  dropped_at_.reset();
  if (!minute_) {
    minute_ = Minute{at, now};
  }
}

void LoadHistorian::end_minute(MonoTime now) {
  minute_->watched = std::chrono::duration_cast<std::chrono::milliseconds>(now - minute_->since);
  std::erase_if(minute_->rows, [](const auto& entry) { return !has_anything(entry.second.row); });
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

void LoadHistorian::write() {
  if (is_writing_ || waiting_.empty()) {
    return;
  }
  is_writing_ = true;
  const std::shared_ptr<const Minute> minute = waiting_.front();
  deps_.registry.run<void>(
      [minute, rows = rows_of(*minute)](Registry& registry) {
        return registry.append_load(minute->at, minute->watched, rows);
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
