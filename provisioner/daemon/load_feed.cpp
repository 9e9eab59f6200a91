// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/load_feed.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "runtime/control/protocol.h"

namespace voicectl {
namespace {

constexpr Duration kForgetAfter = 4 * kSampleInterval;

std::uint64_t count_of(const Json& object, std::string_view key) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer_or(object, key, 0)));
}

std::optional<std::uint64_t> count_if_told(const Json& object, std::string_view key) {
  return object.contains(key) ? std::optional(count_of(object, key)) : std::nullopt;
}

/// [bucket, count, ...]; what makes no sense is left out.
LatencyHistogram histogram_of(const Json& list) {
  LatencyHistogram out;
  for (std::size_t i = 0; list.is_array() && i + 1 < list.size(); i += 2) {
    if (list[i].is_number_unsigned() && list[i + 1].is_number_unsigned()) {
      (void)out.add_bucket(list[i].get<std::size_t>(),
                           list[i + 1].get<std::uint32_t>());  // else it has no such bucket
    }
  }
  return out;
}

std::optional<TenantStats> stats_of(const Json& tenant) {
  const Result<TenantId> name = TenantId::parse(string_or(tenant, "tenant", ""));
  if (name.has_error()) {
    return std::nullopt;
  }
  TenantStats out{*name,
                  count_of(tenant, "sessions"),
                  count_of(tenant, "connections"),
                  count_of(tenant, "websockets"),
                  count_of(tenant, "requests_total"),
                  count_of(tenant, "tool_calls_total")};
  if (const auto used = count_if_told(tenant, "cpu_us")) {
    out.processor_time = std::chrono::microseconds(*used);
  }
  out.received = count_of(tenant, "received");
  out.sent = count_of(tenant, "sent");
  out.in_flight = count_if_told(tenant, "in_flight");
  out.events_total = count_of(tenant, "events_total");
  if (const auto held = count_if_told(tenant, "memory")) {
    out.memory = Bytes{*held};
  }
  if (tenant.contains("latency")) {
    out.latency = histogram_of(tenant["latency"]);
  }
  return out;
}

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
    auto report = std::make_shared<InstanceReport>(InstanceReport{view.instance, {}, {}});
    report->kind = view.kind;
    ask(view, "", report);
  }
}

void LoadFeed::ask(const InstanceView& instance,
                   const std::string& after,
                   const std::shared_ptr<InstanceReport>& report) {
  Json question = {{"sample", true}};
  if (!after.empty()) {
    question["after"] = after;
  }
  deps_.instances.request(instance.instance, control::request::kStats, dump_json(question),
                          kSampleInterval,
                          [this, instance, report](const Result<std::string>& page) {
                            if (page.has_value()) {
                              take(instance, *page, report);
                            } else {
                              ++failures_;
                            }
                          });
}

void LoadFeed::take(const InstanceView& instance,
                    const std::string& page,
                    const std::shared_ptr<InstanceReport>& report) {
  const Result<Json> body = parse_json(page);
  if (body.has_error() || !body->contains("tenants") || !(*body)["tenants"].is_array()) {
    ++failures_;
    return;
  }
  for (const Json& tenant : (*body)["tenants"]) {
    if (std::optional<TenantStats> stats = stats_of(tenant)) {
      report->tenants.push_back(std::move(*stats));
    }
  }
  if (body->contains("loop_lag")) {
    report->loop_lag = histogram_of((*body)["loop_lag"]);
  }
  const std::string next = string_or(*body, "next", "");
  const std::string last = report->tenants.empty() ? "" : report->tenants.back().tenant.str();
  // A page that does not lead on would be asked for without an end.
  if (!next.empty() && next == last) {
    ask(instance, next, report);
    return;
  }
  if (instance.process) {
    report->usage = deps_.processes.sample({*instance.process}).front();
  }
  deps_.monitor.ingest(deps_.reactor.now(), *report);
  if (deps_.on_report) {
    deps_.on_report(*report);
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
                   load.stats.memory ? std::optional(load.stats.memory->count) : std::nullopt};
  }
  return out;
}

}  // namespace voicectl
