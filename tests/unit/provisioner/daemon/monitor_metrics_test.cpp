// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/monitor_metrics.h"

#include <gmock/gmock.h>

#include "tests/support/prometheus_text.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr MonoTime kBegin{1000s};

InstanceId pool() {
  return *InstanceId::parse("shared-0");
}

Snapshot two_tenants() {
  Snapshot out;
  for (const char* name : {"acme", "beta"}) {
    const TenantSpec spec{*TenantId::parse(name)};
    out.tenants.emplace(
        spec.tenant,
        RecordedTenant{spec, TenantPhase::kServing, {}, {}, true, true, pool(), {}, {}, {}});
  }
  out.tenants.at(*TenantId::parse("acme")).wish = PromotionWish{"busy", {}};
  out.instances.emplace(
      pool(), RecordedInstance{pool(), InstanceKind::kShared, *Port::make(21000), "", {}});
  return out;
}

/// acme was seen twice, beta never.
InstanceMonitor a_monitor() {
  InstanceMonitor monitor;
  TenantStats stats{*TenantId::parse("acme")};
  stats.sessions = 20;
  stats.processor_time = Duration(1s);
  stats.in_flight = 2;
  stats.events_total = 30;
  stats.memory = Bytes{2048};
  LatencyHistogram latency;
  latency.record(4ms);
  stats.latency = latency;
  InstanceReport report{pool(), ProcessUsage{3s, Bytes{4096}, 7, 11}, {stats}, latency};
  report.usage->proportional = Bytes{2048};
  monitor.ingest(kBegin, report);
  report.tenants.front().requests_total = 50;
  report.usage->cpu_time = 4s;
  monitor.ingest(kBegin + 5s, report);
  return monitor;
}

std::string rendered(const InstanceMonitor& monitor, const Snapshot& recorded) {
  const InstanceView view{.instance = pool(),
                          .state = InstanceState::kReady,
                          .process = {},
                          .admin_port = *Port::make(21000),
                          .restarts = 2,
                          .process_began = {},
                          .tenants = {},
                          .version = {},
                          .last_exit = {},
                          .last_error = {}};
  HostUsage host;
  host.processors = 2;
  host.load = {0.5, 1, 2};
  host.memory = Bytes{8192};
  MoveCounts moves;
  moves.promotions = 3;
  moves.not_moved = 1;
  return render_monitor_metrics({.now = kBegin + 7s,
                                 .monitor = monitor,
                                 .recorded = recorded,
                                 .instances = {view},
                                 .missed_heartbeats = {{pool(), 1}},
                                 .hangs = {{pool(), 4}},
                                 .failed_samples = 5,
                                 .moves = moves,
                                 .host = host,
                                 .own = ProcessUsage{2s, Bytes{1024}, 1, 9},
                                 .version = "0.1",
                                 .told_at = WallTime(1764172800s)});
}

TEST(MonitorMetricsTest, TellWhatWasSeenOfTenantsAndInstances) {
  const std::string text = rendered(a_monitor(), two_tenants());

  EXPECT_THAT(problems_of_metrics(text), IsEmpty());
  for (const char* line :
       {"voicectl_tenant_info{tenant=\"acme\",instance_name=\"shared-0\",kind=\"shared\",",
        "voicectl_tenant_sessions{tenant=\"acme\"} 20\n",
        "voicectl_tenant_requests_total{tenant=\"acme\"} 50\n",
        "voicectl_tenant_cpu_seconds_total{tenant=\"acme\"} 1\n",
        "voicectl_tenant_request_seconds_bucket{tenant=\"acme\",le=\"0.005\"} 2\n",
        "voicectl_tenant_events_total{tenant=\"acme\"} 30\n",
        "voicectl_tenant_memory_bytes{tenant=\"acme\"} 2048\n",
        "voicectl_tenant_requests_in_flight{tenant=\"acme\"} 2\n",
        "voicectl_instance_sample_age_seconds{instance_name=\"shared-0\"} 2\n",
        "voicectl_instance_cpu_seconds_total{instance_name=\"shared-0\"} 4\n",
        "voicectl_instance_open_fds{instance_name=\"shared-0\"} 11\n",
        "voicectl_instance_proportional_memory_bytes{instance_name=\"shared-0\"} 2048\n",
        "voicectl_instance_loop_lag_seconds_count{instance_name=\"shared-0\"} 2\n",
        "voicectl_instance_ready{instance_name=\"shared-0\"} 1\n",
        "voicectl_instance_placements{instance_name=\"shared-0\"} 2\n",
        "voicectl_instance_restarts_total{instance_name=\"shared-0\"} 2\n",
        "voicectl_instance_missed_heartbeats{instance_name=\"shared-0\"} 1\n",
        "voicectl_instance_hangs_total{instance_name=\"shared-0\"} 4\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MonitorMetricsTest, TellWhatIsDecidedAndWhatTheHostDoes) {
  const std::string text = rendered(a_monitor(), two_tenants());

  for (const char* line :
       {"voicectl_monitor_mode{mode=\"on\"} 1\n", "voicectl_monitor_mode{mode=\"off\"} 0\n",
        "voicectl_tenant_pressure{tenant=\"acme\"} 0.5\n",
        "voicectl_tenant_promoted{tenant=\"acme\"} 1\n",
        "voicectl_tenant_promoted{tenant=\"beta\"} 0\n", "voicectl_monitor_promoted 1\n",
        "voicectl_monitor_promoted_limit 8\n", "voicectl_monitor_unseen_tenants 1\n",
        "voicectl_monitor_decisions{rule=\"wished\"} 1\n",
        "voicectl_monitor_moves_total{kind=\"promote\"} 3\n",
        "voicectl_monitor_moves_failed_total 1\n",
        "voicectl_monitor_samples_total{result=\"taken\"} 2\n",
        "voicectl_monitor_samples_total{result=\"failed\"} 5\n",
        "voicectl_host_load{minutes=\"5\"} 1\n", "voicectl_host_memory_bytes 8192\n",
        "voicectl_build_info{version=\"0.1\"} 1\n", "voicectl_daemon_open_fds 9\n",
        "voicectl_metrics_told_seconds 1764172800\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, ::testing::Not(HasSubstr("voicectl_host_disk"))) << "not known";
}

TEST(MonitorMetricsTest, AnInstanceThatDoesNotAnswerIsNotForgottenWhileItIsSupervised) {
  InstanceMonitor monitor = a_monitor();
  monitor.forget_older_than(kBegin + 100s, 20s);
  InstanceView silent{.instance = pool(),
                      .state = InstanceState::kReady,
                      .process = {},
                      .admin_port = *Port::make(21000),
                      .restarts = 0,
                      .process_began = kBegin,
                      .tenants = {},
                      .version = {},
                      .last_exit = {},
                      .last_error = {}};
  InstanceView never = silent;
  never.instance = *InstanceId::parse("shared-1");
  never.process_began = kBegin + 40s;

  const std::string text = render_monitor_metrics({.now = kBegin + 100s,
                                                   .monitor = monitor,
                                                   .recorded = two_tenants(),
                                                   .instances = {silent, never}});

  EXPECT_THAT(text, HasSubstr("sample_age_seconds{instance_name=\"shared-0\"} 95\n"));
  EXPECT_THAT(text, HasSubstr("sample_age_seconds{instance_name=\"shared-1\"} 60\n"));
}

TEST(MonitorMetricsTest, AreGoodTextBeforeAnythingWasSeen) {
  const InstanceMonitor monitor;
  const Snapshot nothing;

  EXPECT_THAT(problems_of_metrics(
                  render_monitor_metrics({.now = kBegin, .monitor = monitor, .recorded = nothing})),
              IsEmpty());
}

}  // namespace
}  // namespace voicectl
