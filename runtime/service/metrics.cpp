// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/metrics.h"

#include <fmt/core.h>

namespace voicectl::runtime {
namespace {

enum class MetricKind { kGauge, kCounter };

void head(std::string& out, std::string_view name, MetricKind kind, std::string_view help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                     kind == MetricKind::kGauge ? "gauge" : "counter");
}

/// One metric with a value per tenant.
template <typename Value>
void per_tenant(std::string& out,
                const std::vector<TenantMetrics>& tenants,
                std::string_view name,
                MetricKind kind,
                std::string_view help,
                const Value& value) {
  head(out, name, kind, help);
  for (const TenantMetrics& one : tenants) {
    out += fmt::format("{}{{tenant=\"{}\"}} {}\n", name, one.tenant, value(one.load));
  }
}

double seconds(Duration length) {
  return std::chrono::duration<double>(length).count();
}

void loads(std::string& out, const std::vector<TenantMetrics>& tenants) {
  per_tenant(out, tenants, "voicectl_sessions", MetricKind::kGauge, "Live sessions.",
             [](const TenantLoad& load) { return load.sessions; });
  per_tenant(out, tenants, "voicectl_connections", MetricKind::kGauge, "Open connections.",
             [](const TenantLoad& load) { return load.connections; });
  per_tenant(out, tenants, "voicectl_websockets", MetricKind::kGauge, "Open WebSockets.",
             [](const TenantLoad& load) { return load.websockets; });
  per_tenant(out, tenants, "voicectl_tenant_writable", MetricKind::kGauge,
             "1 while the tenant's store takes writes.",
             [](const TenantLoad& load) { return load.writable ? 1 : 0; });
}

void event_lags(std::string& out, const std::vector<TenantMetrics>& tenants) {
  per_tenant(out, tenants, "voicectl_events_total", MetricKind::kCounter, "Events passed on.",
             [](const TenantLoad& load) { return load.event_lag.events; });
  per_tenant(out, tenants, "voicectl_event_lag_seconds_total", MetricKind::kCounter,
             "Time from the decision to the passing on of events, summed up.",
             [](const TenantLoad& load) { return seconds(load.event_lag.total); });
  per_tenant(out, tenants, "voicectl_event_lag_seconds_max", MetricKind::kGauge,
             "Longest such time.",
             [](const TenantLoad& load) { return seconds(load.event_lag.longest); });
}

void requests(std::string& out, const std::vector<TenantMetrics>& tenants) {
  head(out, "voicectl_requests_total", MetricKind::kCounter, "Answered requests.");
  for (const TenantMetrics& one : tenants) {
    for (const auto& [key, count] : one.load.counters->requests) {
      out += fmt::format("voicectl_requests_total{{tenant=\"{}\",route=\"{}\",status=\"{}\"}} {}\n",
                         one.tenant, key.first, key.second, count);
    }
  }
  head(out, "voicectl_tool_calls_total", MetricKind::kCounter, "Tool calls of agents.");
  for (const TenantMetrics& one : tenants) {
    for (const auto& [key, count] : one.load.counters->tool_calls) {
      out +=
          fmt::format("voicectl_tool_calls_total{{tenant=\"{}\",tool=\"{}\",outcome=\"{}\"}} {}\n",
                      one.tenant, key.first, key.second, count);
    }
  }
}

void refusals(std::string& out, const std::vector<TenantMetrics>& tenants) {
  per_tenant(out, tenants, "voicectl_requests_in_flight", MetricKind::kGauge,
             "Requests that are being answered.",
             [](const TenantLoad& load) { return load.counters->requests_in_progress; });
  head(out, "voicectl_requests_refused_total", MetricKind::kCounter,
       "Requests answered with 429 because there were too many.");
  for (const TenantMetrics& one : tenants) {
    for (const auto& [key, count] : one.load.counters->refusals) {
      out += fmt::format(
          "voicectl_requests_refused_total{{tenant=\"{}\",traffic=\"{}\",reason=\"{}\"}} {}\n",
          one.tenant, key.first, key.second, count);
    }
  }
}

}  // namespace

std::string render_metrics(const std::vector<TenantMetrics>& tenants,
                           const ProcessMetrics& process) {
  std::string out;
  loads(out, tenants);
  event_lags(out, tenants);
  requests(out, tenants);
  refusals(out, tenants);
  head(out, "process_cpu_seconds_total", MetricKind::kCounter, "Processor time used.");
  out += fmt::format("process_cpu_seconds_total {}\n", seconds(process.cpu));
  head(out, "process_resident_memory_bytes", MetricKind::kGauge, "Memory held.");
  out += fmt::format("process_resident_memory_bytes {}\n", process.resident.count);
  head(out, "process_open_fds", MetricKind::kGauge, "Open file descriptors.");
  out += fmt::format("process_open_fds {}\n", process.open_descriptors);
  return out;
}

}  // namespace voicectl::runtime
