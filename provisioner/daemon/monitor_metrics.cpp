// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/monitor_metrics.h"

#include <algorithm>
#include <array>

#include "provisioner/daemon/edge_watch.h"
#include "provisioner/daemon/outbox_watch.h"

namespace voicectl {
namespace {

constexpr MetricKind kGauge = MetricKind::kGauge;
constexpr MetricKind kCounter = MetricKind::kCounter;

double seconds(Duration length) {
  return std::chrono::duration<double>(length).count();
}

template <typename Number>
double number(Number value) {
  return static_cast<double>(value);
}

class MonitorText {
 public:
  explicit MonitorText(const MonitorFigures& figures) : figures_(figures) {}

  std::string render() {
    tell_tenants();
    tell_dead_effects();
    tell_work_of_tenants();
    tell_instances();
    tell_processes();
    tell_decisions();
    tell_moves();
    tell_edge();
    tell_host();
    tell_daemon();
    return out_.take();
  }

 private:
  using Tenant = std::pair<const TenantId, ObservedTenantLoad>;
  using Instance = std::pair<const InstanceId, ObservedInstanceLoad>;

  /// One metric with a value per tenant that was seen; `value` may give none.
  template <typename Value>
  void per_tenant(std::string_view name,
                  MetricKind kind,
                  std::string_view help,
                  const Value& value) {
    out_.begin(name, kind, help);
    for (const auto& [tenant, load] : figures_.monitor.tenants()) {
      if (const std::optional<double> told = value(load)) {
        out_.sample({{"tenant", tenant.str()}}, *told);
      }
    }
  }

  template <typename Value>
  void per_instance(std::string_view name,
                    MetricKind kind,
                    std::string_view help,
                    const Value& value) {
    out_.begin(name, kind, help);
    for (const auto& [instance, load] : figures_.monitor.instances()) {
      if (const std::optional<double> told = value(load)) {
        out_.sample({{"instance_name", instance.str()}}, *told);
      }
    }
  }

  /// The same for processes that are supervised, whether they could be looked at or not.
  template <typename Value>
  void per_process(std::string_view name,
                   MetricKind kind,
                   std::string_view help,
                   const Value& value) {
    out_.begin(name, kind, help);
    for (const InstanceView& view : figures_.instances) {
      out_.sample({{"instance_name", view.instance.str()}}, value(view));
    }
  }

  void one(std::string_view name, MetricKind kind, std::string_view help, double value) {
    out_.begin(name, kind, help);
    out_.sample(value);
  }
  void one_if(std::string_view name,
              MetricKind kind,
              std::string_view help,
              std::optional<double> value) {
    if (value) {
      one(name, kind, help, *value);
    }
  }

  void tell_tenants() {
    out_.begin("voicectl_tenant_info", kGauge,
               "1 for each recorded tenant, with where it runs and what it has bought.");
    for (const auto& [tenant, record] : figures_.recorded.tenants) {
      const auto home = record.placement ? figures_.recorded.instances.find(*record.placement)
                                         : figures_.recorded.instances.end();
      const bool is_placed = home != figures_.recorded.instances.end();
      out_.sample({{"tenant", tenant.str()},
                   {"instance_name", is_placed ? std::string_view(record.placement->str()) : ""},
                   {"kind", is_placed ? name_of(home->second.kind) : ""},
                   {"tier", name_of(record.spec.tier)},
                   {"plan", name_of(record.spec.plan)}},
                  1);
    }
    using Load = ObservedTenantLoad;
    per_tenant("voicectl_tenant_sessions", kGauge, "Live sessions.",
               [](const Load& load) { return std::optional(number(load.stats.sessions)); });
    per_tenant("voicectl_tenant_connections", kGauge, "Open connections.",
               [](const Load& load) { return std::optional(number(load.stats.connections)); });
    per_tenant("voicectl_tenant_websockets", kGauge, "Open WebSockets.",
               [](const Load& load) { return std::optional(number(load.stats.websockets)); });
    per_tenant("voicectl_tenant_requests_in_flight", kGauge, "Requests that are being answered.",
               [](const Load& load) {
                 return load.stats.in_flight ? std::optional(number(*load.stats.in_flight))
                                             : std::nullopt;
               });
    per_tenant("voicectl_tenant_memory_bytes", kGauge,
               "Memory of its instance that the tenant holds, as far as that can be said: at least "
               "so much.",
               [](const Load& load) {
                 return load.stats.memory ? std::optional(number(load.stats.memory->count))
                                          : std::nullopt;
               });
  }

  void tell_dead_effects() {
    if (figures_.outboxes == nullptr) {
      return;
    }
    out_.begin("voicectl_tenant_outbox_dead", kGauge,
               "Effects on other systems that were given up and wait for an operator.");
    for (const auto& [tenant, load] : figures_.monitor.tenants()) {
      out_.sample({{"tenant", tenant.str()}}, number(figures_.outboxes->dead_of(tenant)));
    }
  }

  void tell_work_of_tenants() {
    using Load = ObservedTenantLoad;
    per_tenant("voicectl_tenant_requests_total", kCounter, "Answered requests.",
               [](const Load& load) { return std::optional(number(load.stats.requests_total)); });
    per_tenant("voicectl_tenant_tool_calls_total", kCounter, "Tool calls of agents.",
               [](const Load& load) { return std::optional(number(load.stats.tool_calls_total)); });
    per_tenant("voicectl_tenant_events_total", kCounter, "Events passed on.",
               [](const Load& load) { return std::optional(number(load.stats.events_total)); });
    per_tenant("voicectl_tenant_cpu_seconds_total", kCounter,
               "Processor time spent for the tenant where it runs now.", [](const Load& load) {
                 return load.stats.processor_time
                            ? std::optional(seconds(*load.stats.processor_time))
                            : std::nullopt;
               });
    per_tenant("voicectl_tenant_received_bytes_total", kCounter,
               "Bytes read from the tenant's connections where it runs now.",
               [](const Load& load) { return std::optional(number(load.stats.received)); });
    per_tenant("voicectl_tenant_sent_bytes_total", kCounter,
               "Bytes written to the tenant's connections where it runs now.",
               [](const Load& load) { return std::optional(number(load.stats.sent)); });
    out_.begin("voicectl_tenant_request_seconds", MetricKind::kHistogram,
               "From a whole request to its answer, wherever the tenant ran.");
    for (const auto& [tenant, load] : figures_.monitor.tenants()) {
      out_.sample({{"tenant", tenant.str()}}, load.all_latency);
    }
  }

  void tell_instances() {
    using Load = ObservedInstanceLoad;
    per_instance("voicectl_instance_sessions", kGauge, "Live sessions of all its tenants.",
                 [](const Load& load) { return std::optional(number(load.sessions)); });
    per_instance("voicectl_instance_tenants", kGauge, "Tenants that it tells about.",
                 [](const Load& load) { return std::optional(number(load.tenants)); });
    out_.begin("voicectl_instance_loop_lag_seconds", MetricKind::kHistogram,
               "How long who was due waited for the instance's loop.");
    for (const auto& [instance, load] : figures_.monitor.instances()) {
      out_.sample({{"instance_name", instance.str()}}, load.loop_lag);
    }
    per_instance("voicectl_instance_cpu_seconds_total", kCounter, "Processor time of the process.",
                 [](const Load& load) {
                   return load.usage ? std::optional(seconds(load.usage->cpu_time)) : std::nullopt;
                 });
    per_instance("voicectl_instance_resident_memory_bytes", kGauge, "Memory held by the process.",
                 [](const Load& load) {
                   return load.usage ? std::optional(number(load.usage->memory.count))
                                     : std::nullopt;
                 });
    per_instance("voicectl_instance_proportional_memory_bytes", kGauge,
                 "Memory of the process with shared pages counted in parts (PSS), summed up every "
                 "five minutes.",
                 [](const Load& load) {
                   return load.usage && load.usage->proportional
                              ? std::optional(number(load.usage->proportional->count))
                              : std::nullopt;
                 });
    per_instance("voicectl_instance_threads", kGauge, "Threads of the process.",
                 [](const Load& load) {
                   return load.usage ? std::optional(number(load.usage->threads)) : std::nullopt;
                 });
    per_instance("voicectl_instance_open_fds", kGauge,
                 "Open descriptors of the process, counted once a minute.", [](const Load& load) {
                   return load.usage && load.usage->descriptors
                              ? std::optional(number(*load.usage->descriptors))
                              : std::nullopt;
                 });
  }

  void tell_processes() {
    per_process(
        "voicectl_instance_ready", kGauge, "1 while the instance serves.",
        [](const InstanceView& view) { return view.state == InstanceState::kReady ? 1.0 : 0.0; });
    tell_placements();
    tell_sample_ages();
    per_process("voicectl_instance_restarts_total", kCounter,
                "Starts after an end that nobody asked for.",
                [](const InstanceView& view) { return number(view.restarts); });
    per_process("voicectl_instance_missed_heartbeats", kGauge, "Heartbeats missed in a row.",
                [this](const InstanceView& view) {
                  const auto found = figures_.missed_heartbeats.find(view.instance);
                  return found == figures_.missed_heartbeats.end() ? 0.0 : number(found->second);
                });
    per_process("voicectl_instance_hangs_total", kCounter,
                "How often it was found to hang: it had missed too many heartbeats.",
                [this](const InstanceView& view) {
                  const auto found = figures_.hangs.find(view.instance);
                  return found == figures_.hangs.end() ? 0.0 : number(found->second);
                });
  }

  void tell_placements() {
    std::map<InstanceId, std::size_t> placed;
    for (const auto& [tenant, recorded] : figures_.recorded.tenants) {
      if (recorded.placement) {
        ++placed[*recorded.placement];
      }
    }
    per_process("voicectl_instance_placements", kGauge, "Tenants that are recorded to be there.",
                [&placed](const InstanceView& view) {
                  const auto found = placed.find(view.instance);
                  return found == placed.end() ? 0.0 : number(found->second);
                });
  }

  void tell_sample_ages() {
    out_.begin("voicectl_instance_sample_age_seconds", kGauge,
               "How long ago it was last looked at, or began if it never was.");
    for (const InstanceView& view : figures_.instances) {
      const std::optional<MonoTime> looked_at = figures_.monitor.looked_at(view.instance);
      const std::optional<MonoTime> since = looked_at ? looked_at : view.process_began;
      if (since) {
        out_.sample({{"instance_name", view.instance.str()}}, seconds(figures_.now - *since));
      }
    }
  }

  void tell_decisions() {
    const PromotionPolicy& policy = figures_.monitor.policy();
    out_.begin("voicectl_monitor_mode", kGauge, "1 for the mode that is in force.");
    for (const PromotionMode mode :
         {PromotionMode::kOff, PromotionMode::kObserve, PromotionMode::kOn}) {
      out_.sample({{"mode", name_of(mode)}}, policy.mode == mode ? 1 : 0);
    }
    const std::vector<PromotionDecision> decisions =
        figures_.monitor.judge(figures_.now, figures_.recorded);
    out_.begin(
        "voicectl_tenant_pressure", kGauge,
        "How near the tenant is to its high marks: the greatest part of one, 1 at the mark.");
    for (const PromotionDecision& decision : decisions) {
      out_.sample({{"tenant", decision.tenant.str()}}, decision.pressure);
    }
    out_.begin("voicectl_tenant_promoted", kGauge,
               "1 while the monitor wishes the tenant an instance of its own.");
    std::size_t promoted = 0;
    for (const auto& [tenant, record] : figures_.recorded.tenants) {
      promoted += record.wish ? 1 : 0;
      out_.sample({{"tenant", tenant.str()}}, record.wish ? 1 : 0);
    }
    tell_rules(decisions);
    one("voicectl_monitor_promoted", kGauge, "Tenants that the monitor wishes alone.",
        number(promoted));
    one("voicectl_monitor_promoted_limit", kGauge, "As many as may be at a time.",
        policy.max_promoted);
    one_if(
        "voicectl_monitor_pool_spread_processors", kGauge,
        "Processor time by which the busiest shared instance exceeds the idlest; 1 is a processor.",
        spread_in_processors());
    one("voicectl_monitor_unseen_tenants", kGauge, "Recorded tenants that no instance tells about.",
        number(count_unseen()));
  }

  void tell_rules(const std::vector<PromotionDecision>& decisions) {
    constexpr auto kRules = std::to_array(
        {PromotionRule::kModeOff, PromotionRule::kTier, PromotionRule::kWished,
         PromotionRule::kCooldown, PromotionRule::kUnseen, PromotionRule::kBetweenMarks,
         PromotionRule::kDwell, PromotionRule::kBusy, PromotionRule::kQuiet, PromotionRule::kBudget,
         PromotionRule::kReserve, PromotionRule::kPace, PromotionRule::kRetry});
    out_.begin("voicectl_monitor_decisions", kGauge,
               "Tenants by the rule that decides about them now.");
    for (const PromotionRule rule : kRules) {
      const auto count =
          std::count_if(decisions.begin(), decisions.end(),
                        [&](const PromotionDecision& one) { return one.rule == rule; });
      out_.sample({{"rule", name_of(rule)}}, number(count));
    }
  }

  std::optional<double> spread_in_processors() const {
    const std::optional<double> spread = figures_.monitor.pool_spread();
    return spread ? std::optional(*spread / 1000) : std::nullopt;
  }

  std::size_t count_unseen() const {
    const auto& seen = figures_.monitor.tenants();
    return static_cast<std::size_t>(std::count_if(
        figures_.recorded.tenants.begin(), figures_.recorded.tenants.end(), [&](const auto& entry) {
          return entry.second.phase == TenantPhase::kServing && !seen.contains(entry.first);
        }));
  }

  void tell_moves() {
    const MoveCounts& moves = figures_.moves;
    out_.begin("voicectl_monitor_moves_total", kCounter,
               "Moves that the monitor has begun, by what for.");
    out_.sample({{"kind", "promote"}}, number(moves.promotions));
    out_.sample({{"kind", "demote"}}, number(moves.demotions));
    out_.sample({{"kind", "rebalance"}}, number(moves.rebalances));
    one("voicectl_monitor_moves_failed_total", kCounter,
        "Of those, moves that did not come about; they are tried again.", number(moves.not_moved));
    out_.begin("voicectl_monitor_move_seconds", MetricKind::kHistogram,
               "From the decision until the tenant was where it was wished.");
    out_.sample({}, moves.took);
    out_.begin("voicectl_monitor_samples_total", kCounter,
               "Looks at instances, by what came of it.");
    out_.sample({{"result", "taken"}}, number(figures_.monitor.samples()));
    out_.sample({{"result", "failed"}}, number(figures_.failed_samples));
  }

  void tell_edge() {
    if (figures_.edge == nullptr) {
      return;
    }
    const EdgeWatch& edge = *figures_.edge;
    out_.begin("voicectl_edge_probes_total", kCounter,
               "Questions to tenants through the edge, by what came of it.");
    out_.sample({{"result", "answered"}}, number(edge.answered()));
    out_.sample({{"result", "failed"}}, number(edge.failed()));
    out_.begin("voicectl_edge_probe_seconds", MetricKind::kHistogram,
               "How long good answers took, connection included.");
    out_.sample({}, edge.took());
    out_.begin("voicectl_tenant_reachable", kGauge,
               "0 for a tenant that has not answered several questions in a row.");
    for (const auto& [tenant, sight] : edge.seen()) {
      out_.sample({{"tenant", tenant.str()}}, edge.is_unreachable(sight) ? 0 : 1);
    }
  }

  void tell_host() {
    const HostUsage& host = figures_.host;
    const auto bytes = [](const std::optional<Bytes>& value) {
      return value ? std::optional(number(value->count)) : std::nullopt;
    };
    const auto length = [](const std::optional<Duration>& value) {
      return value ? std::optional(seconds(*value)) : std::nullopt;
    };
    one("voicectl_host_processors", kGauge, "Processors of the machine.", host.processors);
    if (host.load) {
      out_.begin("voicectl_host_load", kGauge,
                 "Processes that run or wait to run, on average of so many minutes.");
      out_.sample({{"minutes", "1"}}, (*host.load)[0]);
      out_.sample({{"minutes", "5"}}, (*host.load)[1]);
      out_.sample({{"minutes", "15"}}, (*host.load)[2]);
    }
    one_if("voicectl_host_cpu_seconds_total", kCounter, "Processor time used by anybody.",
           length(host.busy));
    one_if("voicectl_host_cpu_stolen_seconds_total", kCounter,
           "Processor time that other machines on the same hardware had instead.",
           length(host.stolen));
    one_if("voicectl_host_memory_bytes", kGauge, "Memory of the machine.", bytes(host.memory));
    one_if("voicectl_host_memory_available_bytes", kGauge,
           "Memory that a program could still get without swapping.", bytes(host.memory_free));
    one_if("voicectl_host_disk_bytes", kGauge, "Size of the file system of the state folder.",
           bytes(host.disk));
    one_if("voicectl_host_disk_available_bytes", kGauge, "What is free there.",
           bytes(host.disk_free));
  }

  void tell_daemon() {
    out_.begin("voicectl_build_info", kGauge, "1, with the version of the daemon.");
    out_.sample({{"version", figures_.version}}, 1);
    one("voicectl_metrics_told_seconds", kGauge,
        "When all this was told, in seconds since 1970: a file of it may be an old one.",
        std::chrono::duration<double>(figures_.told_at.time_since_epoch()).count());
    if (figures_.own) {
      one("voicectl_daemon_cpu_seconds_total", kCounter, "Processor time used by the daemon.",
          seconds(figures_.own->cpu_time));
      one("voicectl_daemon_resident_memory_bytes", kGauge, "Memory held by the daemon.",
          number(figures_.own->memory.count));
      one_if("voicectl_daemon_open_fds", kGauge, "Open descriptors of the daemon.",
             figures_.own->descriptors ? std::optional(number(*figures_.own->descriptors))
                                       : std::nullopt);
    }
  }

  const MonitorFigures& figures_;
  MetricsText out_;
};

}  // namespace

std::string render_monitor_metrics(const MonitorFigures& figures) {
  return MonitorText(figures).render();
}

}  // namespace voicectl
