// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/load_feed.h"

#include <utility>

#include "provisioner/daemon/stats_question.h"

namespace voicectl {
namespace {

constexpr Duration kForgetAfter = 4 * kSampleInterval;

std::optional<double> milliseconds(const std::optional<LatencyHistogram>& latency, double share) {
  return latency ? std::optional(static_cast<double>(latency->quantile_us(share)) / 1000)
                 : std::nullopt;
}

}  // namespace

LoadFeed::LoadFeed(Deps deps) : deps_(std::move(deps)) {}

void LoadFeed::start() {
  sample();
  deps_.reactor.call_after(kSampleInterval, [this] { start(); });
}

void LoadFeed::sample() {
  deps_.monitor.forget_older_than(deps_.reactor.now(), kForgetAfter);
  deps_.on_round();
  for (const InstanceView& view : deps_.instances.observe()) {
    if (view.state != InstanceState::kReady) {
      continue;
    }
    ask_stats(deps_.reactor, deps_.instances, view, StatsDepth::kSample, kSampleInterval,
              [this, view](Result<InstanceStats> told) {
                if (told.has_value()) {
                  take(view, std::move(*told));
                } else {
                  ++failures_;
                }
              });
  }
}

void LoadFeed::take(const InstanceView& instance, InstanceStats told) {
  if (deps_.on_told) {
    deps_.on_told(told);
  }
  InstanceReport report{instance.instance, {}, std::move(told.tenants), told.loop_lag};
  report.kind = instance.kind;
  if (instance.process) {
    report.usage = deps_.processes.sample({*instance.process}).front();
  }
  deps_.monitor.ingest(deps_.reactor.now(), report);
  if (deps_.on_report) {
    deps_.on_report(report);
  }
}

LoadView LoadFeed::view() const {
  LoadView out;
  for (const auto& [name, load] : deps_.monitor.instances()) {
    InstanceLoad& shown = out.instances[name];
    shown.sessions = load.sessions;
    if (load.cpu) {
      shown.cpu_percent = static_cast<double>(load.cpu->count) / 10;
    }
    if (load.usage) {
      shown.rss_bytes = load.usage->memory.count;
      shown.threads = load.usage->threads;
      shown.descriptors = load.usage->descriptors;
      if (load.usage->proportional) {
        shown.pss_bytes = load.usage->proportional->count;
      }
    }
    if (load.loop_lag_us) {
      shown.loop_lag_ms = static_cast<double>(*load.loop_lag_us) / 1000;
    }
  }
  for (const auto& [name, load] : deps_.monitor.tenants()) {
    out.tenants[name] =
        TenantLoad{load.stats.sessions,
                   load.stats.websockets,
                   load.requests_per_s,
                   load.cpu ? std::optional(load.cpu->count) : std::nullopt,
                   milliseconds(load.latency, 0.5),
                   milliseconds(load.latency, 0.95),
                   milliseconds(load.latency, 0.99),
                   load.stats.in_flight,
                   load.received_per_s,
                   load.sent_per_s,
                   load.steady_cpu ? std::optional(load.steady_cpu->count) : std::nullopt,
                   load.stats.memory ? std::optional(load.stats.memory->count) : std::nullopt,
                   load.events_per_s};
  }
  return out;
}

}  // namespace voicectl
