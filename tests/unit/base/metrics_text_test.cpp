// SPDX-License-Identifier: Apache-2.0
#include "base/metrics_text.h"

#include <gmock/gmock.h>

#include "tests/support/prometheus_text.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;

TEST(MetricsTextTest, WritesOneHeadForAllSamples) {
  MetricsText text;
  text.begin("calls_total", MetricKind::kCounter, "Calls.");
  text.sample({{"tenant", "acme"}, {"tool", "order"}}, 3);
  text.sample({{"tenant", "beta"}, {"tool", "order"}}, 0.5);
  text.begin("age_seconds", MetricKind::kGauge, "Age.");
  text.sample(123456789);

  EXPECT_EQ(text.take(),
            "# HELP calls_total Calls.\n# TYPE calls_total counter\n"
            "calls_total{tenant=\"acme\",tool=\"order\"} 3\n"
            "calls_total{tenant=\"beta\",tool=\"order\"} 0.5\n"
            "# HELP age_seconds Age.\n# TYPE age_seconds gauge\nage_seconds 123456789\n");
}

TEST(MetricsTextTest, AMetricWithoutASampleLeavesNoTrace) {
  MetricsText text;
  text.begin("nothing", MetricKind::kGauge, "Nothing.");

  EXPECT_EQ(text.take(), "");
}

TEST(MetricsTextTest, ValuesOfLabelsMayHoldAnything) {
  MetricsText text;
  text.begin("odd", MetricKind::kGauge, "Odd.");
  text.sample({{"name", "a\"b\\c\nd"}}, 1);

  const std::string told = text.take();
  EXPECT_THAT(told, ::testing::HasSubstr("odd{name=\"a\\\"b\\\\c\\nd\"} 1\n"));
  EXPECT_THAT(problems_of_metrics(told), IsEmpty());
}

TEST(MetricsTextTest, AddsHistogramsUp) {
  LatencyHistogram first;
  first.record(400us);
  first.record(20ms);
  LatencyHistogram second;
  second.record(20s);
  LatencyTotals totals(first);
  totals.add(second);
  MetricsText text;
  text.begin("wait_seconds", MetricKind::kHistogram, "Waits.");
  text.sample({{"tenant", "acme"}}, totals);

  const std::string told = text.take();
  EXPECT_THAT(problems_of_metrics(told), IsEmpty());
  for (const char* line : {"wait_seconds_bucket{tenant=\"acme\",le=\"0.0005\"} 1\n",
                           "wait_seconds_bucket{tenant=\"acme\",le=\"0.025\"} 2\n",
                           "wait_seconds_bucket{tenant=\"acme\",le=\"10\"} 2\n",
                           "wait_seconds_bucket{tenant=\"acme\",le=\"+Inf\"} 3\n",
                           "wait_seconds_count{tenant=\"acme\"} 3\n"}) {
    EXPECT_THAT(told, ::testing::HasSubstr(line));
  }
  EXPECT_NEAR(totals.sum_seconds(), 20.0204, 0.001);
}

}  // namespace
}  // namespace voicectl
