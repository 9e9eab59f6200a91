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

void recoveries(std::string& out, const std::vector<TenantMetrics>& tenants) {
  per_tenant(out, tenants, "voicectl_websockets_recovered_total", MetricKind::kCounter,
             "WebSockets of an instance that died, gone on with here.",
             [](const TenantLoad& load) { return load.recovered.kept; });
  std::string doubtful;
  for (const TenantMetrics& one : tenants) {
    for (const auto& [why, count] : one.load.recovered.doubtful) {
      doubtful += fmt::format("voicectl_websockets_doubtful_total{{tenant=\"{}\",reason=\"{}\"}} {}\n",
                              one.tenant, why, count);
    }
  }
  if (!doubtful.empty()) {
    head(out, "voicectl_websockets_doubtful_total", MetricKind::kCounter,
         "WebSockets of an instance that died, closed because their state was not certain.");
    out += doubtful;
  }
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

/// The value of a label: it may hold anything.
std::string label(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') {
      out += '\\';
    }
    out += c == '\n' ? "\\n" : std::string(1, c);
  }
  return out;
}

/// One metric with a value per tenant and other side.
template <typename Value>
void per_side(std::string& out,
              const std::vector<TenantMetrics>& tenants,
              std::string_view name,
              MetricKind kind,
              std::string_view help,
              const Value& value) {
  head(out, name, kind, help);
  for (const TenantMetrics& one : tenants) {
    for (const SideFigures& side : one.effects ? one.effects->sides : std::vector<SideFigures>()) {
      out += fmt::format("{}{{tenant=\"{}\",side=\"{}\"}} {}\n", name, one.tenant, label(side.side),
                         value(side));
    }
  }
}

void deliveries(std::string& out, const std::vector<TenantMetrics>& tenants) {
  constexpr std::string_view kName = "voicectl_outbox_attempts_total";
  head(out, kName, MetricKind::kCounter, "Attempts to deliver an effect to another system.");
  for (const TenantMetrics& one : tenants) {
    for (const SideFigures& side : one.effects ? one.effects->sides : std::vector<SideFigures>()) {
      const std::pair<std::string_view, std::uint64_t> outcomes[] = {
          {"delivered", side.delivered},
          {"failed", side.failed},
          {"unreachable", side.unreachable},
          {"refused", side.refused}};
      for (const auto& [outcome, count] : outcomes) {
        out += fmt::format("{}{{tenant=\"{}\",side=\"{}\",outcome=\"{}\"}} {}\n", kName, one.tenant,
                           label(side.side), outcome, count);
      }
    }
  }
}

void outboxes(std::string& out, const std::vector<TenantMetrics>& tenants) {
  per_side(out, tenants, "voicectl_outbox_pending", MetricKind::kGauge,
           "Effects that wait to be delivered.",
           [](const SideFigures& side) { return side.pending; });
  per_side(out, tenants, "voicectl_outbox_dead", MetricKind::kGauge,
           "Effects that were given up and wait for an operator.",
           [](const SideFigures& side) { return side.dead; });
  per_side(out, tenants, "voicectl_outbox_oldest_seconds", MetricKind::kGauge,
           "How long the longest waiting effect has waited.",
           [](const SideFigures& side) { return seconds(side.oldest); });
  per_side(out, tenants, "voicectl_outbox_paused", MetricKind::kGauge,
           "1 while the other system is left alone because it could not be reached.",
           [](const SideFigures& side) { return side.is_paused ? 1 : 0; });
  deliveries(out, tenants);
  per_side(out, tenants, "voicectl_outbox_given_up_total", MetricKind::kCounter,
           "Effects that were given up.", [](const SideFigures& side) { return side.given_up; });
}

void backends(std::string& out, const std::vector<TenantMetrics>& tenants) {
  constexpr std::string_view kRequests = "voicectl_backend_requests_total";
  head(out, kRequests, MetricKind::kCounter, "Requests to a tenant's ERPNext, by what came of it.");
  for (const TenantMetrics& one : tenants) {
    if (one.effects) {
      for (const auto& [outcome, count] : one.effects->erpnext.requests) {
        out += fmt::format("{}{{tenant=\"{}\",outcome=\"{}\"}} {}\n", kRequests, one.tenant,
                           label(outcome), count);
      }
    }
  }
  const auto if_any = [&](std::string_view name, std::string_view help, const auto& value) {
    head(out, name, MetricKind::kCounter, help);
    for (const TenantMetrics& one : tenants) {
      if (one.effects) {
        out += fmt::format("{}{{tenant=\"{}\"}} {}\n", name, one.tenant, value(*one.effects));
      }
    }
  };
  if_any("voicectl_backend_request_seconds_total", "Time that these requests took, summed up.",
         [](const TenantEffects& effects) { return seconds(effects.erpnext.waited); });
  if_any("voicectl_tool_promises_total",
         "Tool calls that were answered with a promise because the backend took too long.",
         [](const TenantEffects& effects) { return effects.promises; });
}

}  // namespace

std::string render_metrics(const std::vector<TenantMetrics>& tenants,
                           const HandOverFigures& hand_overs,
                           const ProcessMetrics& process) {
  std::string out;
  loads(out, tenants);
  recoveries(out, tenants);
  event_lags(out, tenants);
  requests(out, tenants);
  refusals(out, tenants);
  outboxes(out, tenants);
  backends(out, tenants);
  hand_overs.render(out);
  head(out, "process_cpu_seconds_total", MetricKind::kCounter, "Processor time used.");
  out += fmt::format("process_cpu_seconds_total {}\n", seconds(process.cpu));
  head(out, "process_resident_memory_bytes", MetricKind::kGauge, "Memory held.");
  out += fmt::format("process_resident_memory_bytes {}\n", process.resident.count);
  head(out, "process_open_fds", MetricKind::kGauge, "Open file descriptors.");
  out += fmt::format("process_open_fds {}\n", process.open_descriptors);
  return out;
}

}  // namespace voicectl::runtime
