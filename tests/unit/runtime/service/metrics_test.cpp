// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/metrics.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/support/prometheus_text.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;

TEST(MetricsTest, NameEveryTenantAndRoute) {
  auto counters = std::make_shared<TenantCounters>();
  counters->requests[{"/api/sessions", 201}] = 4;
  counters->tool_calls[{"placeOrder", "ok"}] = 2;
  counters->refusals[{"webhook", "tenant"}] = 5;
  TenantLoad load;
  load.sessions = 3;
  load.counters = counters;
  load.processor_time = std::chrono::milliseconds(250);
  load.bytes = {100, 200};
  counters->latency.record(std::chrono::milliseconds(40));
  counters->take_latency();
  counters->latency.record(std::chrono::milliseconds(4));
  load.event_lag = {2, std::chrono::milliseconds(3), std::chrono::milliseconds(2)};

  const std::string text = render_metrics({{"acme", load}}, HandOverFigures(),
                                          {std::chrono::milliseconds(1500), Bytes{4096}, 9, {}, 7});

  EXPECT_THAT(text, HasSubstr("voicectl_sessions{tenant=\"acme\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_requests_total{tenant=\"acme\",route=\"/api/sessions\","
                              "status=\"201\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_tool_calls_total{tenant=\"acme\",tool=\"placeOrder\","
                              "outcome=\"ok\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_event_lag_seconds_total{tenant=\"acme\"} 0.003\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_requests_refused_total{tenant=\"acme\","
                              "traffic=\"webhook\",reason=\"tenant\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_handler_cpu_seconds_total{tenant=\"acme\"} 0.25\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_received_bytes_total{tenant=\"acme\"} 100\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_sent_bytes_total{tenant=\"acme\"} 200\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_request_seconds_bucket{tenant=\"acme\",le=\"0.005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_request_seconds_count{tenant=\"acme\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_loop_lag_seconds_count 0\n"));
  EXPECT_THAT(text, HasSubstr("process_cpu_seconds_total 1.5\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_websockets_kept 7\n"));
  EXPECT_THAT(text, HasSubstr("process_open_fds 9\n"));
}

TEST(MetricsTest, BucketsHoldMoreThanFourBillionRequests) {
  const auto counters = std::make_shared<TenantCounters>();
  for (int i = 0; i < 2; ++i) {
    counters->latency.add_bucket(3, 3'000'000'000);  // of 3 us each
    EXPECT_EQ(counters->take_latency().count(), 3'000'000'000U);
  }
  TenantLoad load;
  load.counters = counters;

  const std::string text = render_metrics({{"acme", load}}, HandOverFigures(), {});

  EXPECT_THAT(text, HasSubstr("voicectl_request_seconds_bucket{tenant=\"acme\",le=\"0.0005\"} "
                              "6000000000\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_request_seconds_count{tenant=\"acme\"} 6000000000\n"));
}

std::vector<TenantMetrics> two_tenants() {
  const auto counters = std::make_shared<TenantCounters>();
  counters->requests[{"/api/sessions/{session}", 200}] = 1;
  counters->tool_calls[{"placeOrder", "ok"}] = 1;
  counters->refusals[{"webhook", "forgery"}] = 1;
  TenantLoad load;
  load.counters = counters;
  TenantEffects effects;
  effects.sides = {{.side = "erpnext",
                    .pending = 3,
                    .dead = 2,
                    .oldest = std::chrono::milliseconds(90'500),
                    .is_paused = true,
                    .delivered = 11,
                    .failed = 4,
                    .unreachable = 5,
                    .refused = 1,
                    .given_up = 2},
                   {.side = "a\"b\\c\nd"}};
  effects.erpnext = {{{"ok", 10}, {"timeout", 1}}, std::chrono::milliseconds(1250)};
  effects.promises = 7;
  return {{"acme", load, effects}, {"beta", load, std::nullopt}};
}

TEST(MetricsTest, TellWhatIsOwedToOtherSystemsAndHowTheyAnswer) {
  const std::string text = render_metrics(two_tenants(), HandOverFigures(), {});

  for (const char* const line :
       {"voicectl_outbox_pending{tenant=\"acme\",side=\"erpnext\"} 3\n",
        "voicectl_outbox_dead{tenant=\"acme\",side=\"erpnext\"} 2\n",
        "voicectl_outbox_oldest_seconds{tenant=\"acme\",side=\"erpnext\"} 90.5\n",
        "voicectl_outbox_paused{tenant=\"acme\",side=\"erpnext\"} 1\n",
        "voicectl_outbox_attempts_total{tenant=\"acme\",side=\"erpnext\",outcome=\"delivered\"} "
        "11\n",
        "voicectl_outbox_attempts_total{tenant=\"acme\",side=\"erpnext\",outcome=\"failed\"} 4\n",
        "voicectl_outbox_attempts_total{tenant=\"acme\",side=\"erpnext\",outcome=\"unreachable\"} "
        "5\n",
        "voicectl_outbox_given_up_total{tenant=\"acme\",side=\"erpnext\"} 2\n",
        "voicectl_backend_requests_total{tenant=\"acme\",outcome=\"ok\"} 10\n",
        "voicectl_backend_request_seconds_total{tenant=\"acme\"} 1.25\n",
        "voicectl_tool_promises_total{tenant=\"acme\"} 7\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsTest, TellOfHandOvers) {
  HandOverFigures figures;
  handoff::HandOverReport given;
  given.is_handed_over = true;
  given.connections = 12;
  given.dropped = 1;
  given.pause = std::chrono::microseconds(1500);
  given.took = std::chrono::milliseconds(80);
  figures.note_given(given);
  handoff::HandOverReport kept;
  kept.refused = 3;
  figures.note_given(kept);
  figures.note_taken(7);
  figures.note_not_taken();

  const std::string text = render_metrics(two_tenants(), figures, {});

  for (const char* const line :
       {"voicectl_instance_hand_overs_total{outcome=\"given\"} 1\n",
        "voicectl_instance_hand_overs_total{outcome=\"kept\"} 1\n",
        "voicectl_instance_hand_overs_total{outcome=\"taken\"} 1\n",
        "voicectl_instance_hand_overs_total{outcome=\"not_taken\"} 1\n",
        "voicectl_instance_hand_over_connections_total{result=\"given\"} 12\n",
        "voicectl_instance_hand_over_connections_total{result=\"taken\"} 7\n",
        "voicectl_instance_hand_over_connections_total{result=\"refused\"} 3\n",
        "voicectl_instance_hand_over_connections_total{result=\"dropped\"} 1\n",
        "voicectl_instance_hand_over_duration_seconds_bucket{le=\"0.1\"} 1\n",
        "voicectl_instance_hand_over_pause_seconds_bucket{le=\"0.001\"} 0\n",
        "voicectl_instance_hand_over_pause_seconds_bucket{le=\"0.0025\"} 1\n",
        "voicectl_instance_hand_over_longest_pause_seconds 0.0015\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsTest, AreValidPrometheusText) {
  const std::string text =
      render_metrics(two_tenants(), HandOverFigures(), {std::chrono::milliseconds(1), Bytes{1}, 1});

  EXPECT_THAT(problems_of_metrics(text), ::testing::IsEmpty());
  EXPECT_GT(std::count(text.begin(), text.end(), '\n'), 30);
}

}  // namespace
}  // namespace voicectl::runtime
