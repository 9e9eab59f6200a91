// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/metrics.h"

#include <gmock/gmock.h>

#include <regex>
#include <set>
#include <sstream>

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
  const std::string text = render_metrics(two_tenants(), {});

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

/// What the text format demands: each metric is described once, before its samples, which stand
/// together and differ in their labels; values are numbers; counters end in "_total".
TEST(MetricsTest, AreValidPrometheusText) {
  const std::regex sample(
      R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"(?:,[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*")*\})? ([0-9]+(?:\.[0-9]+)?(?:e[-+][0-9]+)?))re");
  const std::string text =
      render_metrics(two_tenants(), {std::chrono::milliseconds(1), Bytes{1}, 1});
  ASSERT_TRUE(text.ends_with('\n'));
  std::istringstream lines(text);
  std::set<std::string> described;
  std::set<std::string> series;
  std::string name;
  std::string kind;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) {
      name = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(described.insert(name).second) << name;
      continue;
    }
    if (line.starts_with("# TYPE ")) {
      ASSERT_EQ(line.substr(7, name.size() + 1), name + " ");
      kind = line.substr(8 + name.size());
      EXPECT_TRUE(kind == "gauge" || kind == "counter") << line;
      EXPECT_EQ(kind == "counter", name.ends_with("_total")) << name;
      continue;
    }
    std::smatch parts;
    ASSERT_TRUE(std::regex_match(line, parts, sample)) << line;
    EXPECT_EQ(parts[1], name) << line;
    EXPECT_TRUE(series.insert(parts[1].str() + parts[2].str()).second) << line;
  }
  EXPECT_GT(series.size(), 30U);
}

}  // namespace
}  // namespace voicectl::runtime
