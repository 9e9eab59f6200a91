// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/metrics.h"

#include <fmt/core.h>

#include <string>

#include "base/metrics_text.h"

namespace voicectl::runtime {
namespace {

/// One metric with a value per tenant.
template <typename Value>
void per_tenant(MetricsText& out,
                const std::vector<TenantMetrics>& tenants,
                std::string_view name,
                MetricKind kind,
                std::string_view help,
                const Value& value) {
  out.begin(name, kind, help);
  for (const TenantMetrics& one : tenants) {
    out.sample({{"tenant", one.tenant}}, static_cast<double>(value(one.load)));
  }
}

double seconds(Duration length) {
  return std::chrono::duration<double>(length).count();
}

void loads(MetricsText& out, const std::vector<TenantMetrics>& tenants) {
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

void memory(MetricsText& out, const std::vector<TenantMetrics>& tenants) {
  out.begin("voicectl_memory_bytes", MetricKind::kGauge,
            "Memory that the tenant holds, by what for, as far as that can be said.");
  for (const TenantMetrics& one : tenants) {
    const TenantMemory& held = one.load.memory;
    for (const auto& [part, bytes] :
         {std::pair("own", held.own), std::pair("sessions", held.sessions),
          std::pair("connections", held.connections), std::pair("answers", held.answers),
          std::pair("database", held.database)}) {
      out.sample({{"tenant", one.tenant}, {"part", part}}, static_cast<double>(bytes));
    }
  }
}

void recoveries(MetricsText& out, const std::vector<TenantMetrics>& tenants) {
  per_tenant(out, tenants, "voicectl_websockets_recovered_total", MetricKind::kCounter,
             "WebSockets of an instance that died, gone on with here.",
             [](const TenantLoad& load) { return load.recovered.kept; });
  out.begin("voicectl_websockets_doubtful_total", MetricKind::kCounter,
            "WebSockets of an instance that died, closed because their state was not certain.");
  for (const TenantMetrics& one : tenants) {
    for (const auto& [why, count] : one.load.recovered.doubtful) {
      out.sample({{"tenant", one.tenant}, {"reason", why}}, static_cast<double>(count));
    }
  }
}

void event_lags(MetricsText& out, const std::vector<TenantMetrics>& tenants) {
  per_tenant(out, tenants, "voicectl_events_total", MetricKind::kCounter, "Events passed on.",
             [](const TenantLoad& load) { return load.event_lag.events; });
  per_tenant(out, tenants, "voicectl_event_lag_seconds_total", MetricKind::kCounter,
             "Time from the decision to the passing on of events, summed up.",
             [](const TenantLoad& load) { return seconds(load.event_lag.total); });
  per_tenant(out, tenants, "voicectl_event_lag_seconds_max", MetricKind::kGauge,
             "Longest such time.",
             [](const TenantLoad& load) { return seconds(load.event_lag.longest); });
}

void work(MetricsText& out, const std::vector<TenantMetrics>& tenants) {
  per_tenant(out, tenants, "voicectl_handler_cpu_seconds_total", MetricKind::kCounter,
             "Processor time spent for the tenant here.", [](const TenantLoad& load) {
               return seconds(load.processor_time.value_or(Duration::zero()));
             });
  per_tenant(out, tenants, "voicectl_received_bytes_total", MetricKind::kCounter,
             "Bytes read from the tenant's connections.",
             [](const TenantLoad& load) { return load.bytes.received; });
  per_tenant(out, tenants, "voicectl_sent_bytes_total", MetricKind::kCounter,
             "Bytes written to the tenant's connections.",
             [](const TenantLoad& load) { return load.bytes.sent; });
  out.begin("voicectl_request_seconds", MetricKind::kHistogram,
            "From a whole request to its answer.");
  for (const TenantMetrics& one : tenants) {
    out.sample({{"tenant", one.tenant}}, one.load.counters->all_latency());
  }
}

/// One metric with a value per tenant and pair of two more labels.
template <typename Counts>
void per_pair(MetricsText& out,
              const std::vector<TenantMetrics>& tenants,
              std::string_view first,
              std::string_view second,
              Counts TenantCounters::*counts) {
  for (const TenantMetrics& one : tenants) {
    for (const auto& [key, count] : (*one.load.counters).*counts) {
      const std::string value = fmt::format("{}", key.second);
      out.sample({{"tenant", one.tenant}, {first, key.first}, {second, value}},
                 static_cast<double>(count));
    }
  }
}

void requests(MetricsText& out, const std::vector<TenantMetrics>& tenants) {
  out.begin("voicectl_requests_total", MetricKind::kCounter, "Answered requests.");
  per_pair(out, tenants, "route", "status", &TenantCounters::requests);
  out.begin("voicectl_tool_calls_total", MetricKind::kCounter, "Tool calls of agents.");
  per_pair(out, tenants, "tool", "outcome", &TenantCounters::tool_calls);
}

void refusals(MetricsText& out, const std::vector<TenantMetrics>& tenants) {
  per_tenant(out, tenants, "voicectl_requests_in_flight", MetricKind::kGauge,
             "Requests that are being answered.",
             [](const TenantLoad& load) { return load.counters->requests_in_progress; });
  out.begin("voicectl_requests_refused_total", MetricKind::kCounter,
            "Requests answered with 429 because there were too many.");
  per_pair(out, tenants, "traffic", "reason", &TenantCounters::refusals);
}

/// One metric with a value per tenant and other side.
template <typename Value>
void per_side(MetricsText& out,
              const std::vector<TenantMetrics>& tenants,
              std::string_view name,
              MetricKind kind,
              std::string_view help,
              const Value& value) {
  out.begin(name, kind, help);
  for (const TenantMetrics& one : tenants) {
    for (const SideFigures& side : one.effects ? one.effects->sides : std::vector<SideFigures>()) {
      out.sample({{"tenant", one.tenant}, {"side", side.side}}, static_cast<double>(value(side)));
    }
  }
}

void deliveries(MetricsText& out, const std::vector<TenantMetrics>& tenants) {
  out.begin("voicectl_outbox_attempts_total", MetricKind::kCounter,
            "Attempts to deliver an effect to another system.");
  for (const TenantMetrics& one : tenants) {
    for (const SideFigures& side : one.effects ? one.effects->sides : std::vector<SideFigures>()) {
      const std::pair<std::string_view, std::uint64_t> outcomes[] = {
          {"delivered", side.delivered},
          {"failed", side.failed},
          {"unreachable", side.unreachable},
          {"refused", side.refused}};
      for (const auto& [outcome, count] : outcomes) {
        out.sample({{"tenant", one.tenant}, {"side", side.side}, {"outcome", outcome}},
                   static_cast<double>(count));
      }
    }
  }
}

void outboxes(MetricsText& out, const std::vector<TenantMetrics>& tenants) {
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

void backends(MetricsText& out, const std::vector<TenantMetrics>& tenants) {
  out.begin("voicectl_backend_requests_total", MetricKind::kCounter,
            "Requests to a tenant's ERPNext, by what came of it.");
  for (const TenantMetrics& one : tenants) {
    if (one.effects) {
      for (const auto& [outcome, count] : one.effects->erpnext.requests) {
        out.sample({{"tenant", one.tenant}, {"outcome", outcome}}, static_cast<double>(count));
      }
    }
  }
  const auto if_any = [&](std::string_view name, std::string_view help, const auto& value) {
    out.begin(name, MetricKind::kCounter, help);
    for (const TenantMetrics& one : tenants) {
      if (one.effects) {
        out.sample({{"tenant", one.tenant}}, static_cast<double>(value(*one.effects)));
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
  MetricsText out;
  loads(out, tenants);
  memory(out, tenants);
  recoveries(out, tenants);
  event_lags(out, tenants);
  work(out, tenants);
  requests(out, tenants);
  refusals(out, tenants);
  outboxes(out, tenants);
  backends(out, tenants);
  out.begin("process_cpu_seconds_total", MetricKind::kCounter, "Processor time used.");
  out.sample(seconds(process.cpu));
  out.begin("process_resident_memory_bytes", MetricKind::kGauge, "Memory held.");
  out.sample(static_cast<double>(process.resident.count));
  out.begin("voicectl_loop_lag_seconds", MetricKind::kHistogram,
            "How long who is due waits for the loop.");
  out.sample({}, LatencyTotals(process.loop_lag));
  out.begin("voicectl_websockets_kept", MetricKind::kGauge,
            "Open WebSockets that outlive a death of this instance.");
  out.sample(static_cast<double>(process.kept_websockets));
  out.begin("process_open_fds", MetricKind::kGauge, "Open file descriptors.");
  out.sample(static_cast<double>(process.open_descriptors));
  std::string text = out.take();
  hand_overs.render(text);
  return text;
}

}  // namespace voicectl::runtime
