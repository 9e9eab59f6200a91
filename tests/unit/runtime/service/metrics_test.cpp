// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/metrics.h"

#include <gmock/gmock.h>

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
  load.event_lag = {2, std::chrono::milliseconds(3), std::chrono::milliseconds(2)};

  const std::string text =
      render_metrics({{"acme", load}}, {std::chrono::milliseconds(1500), Bytes{4096}, 9});

  EXPECT_THAT(text, HasSubstr("voicectl_sessions{tenant=\"acme\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_requests_total{tenant=\"acme\",route=\"/api/sessions\","
                              "status=\"201\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_tool_calls_total{tenant=\"acme\",tool=\"placeOrder\","
                              "outcome=\"ok\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_event_lag_seconds_total{tenant=\"acme\"} 0.003\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_requests_refused_total{tenant=\"acme\","
                              "traffic=\"webhook\",reason=\"tenant\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("process_cpu_seconds_total 1.5\n"));
  EXPECT_THAT(text, HasSubstr("process_open_fds 9\n"));
}

}  // namespace
}  // namespace voicectl::runtime
