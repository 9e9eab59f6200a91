// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/load_json.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/support/matchers.h"
#include "tests/support/plan/schema_check.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// 2026-11-21 11:00, a whole hour.
constexpr WallTime kHour{std::chrono::milliseconds(1'795'258'800'000)};

LoadRow a_busy_row(std::uint64_t requests) {
  LatencyHistogram latency;
  for (std::uint64_t i = 0; i < requests; ++i) {
    latency.record(i < requests * 9 / 10 ? 10ms : 1s);
  }
  return LoadRow{.tenant = *TenantId::parse("acme"),
                 .instance = *InstanceId::parse("shared-0"),
                 .sessions = 3,
                 .requests = requests,
                 .events = 7,
                 .processor_time = 15s,
                 .most_cpu = MilliCpu{900},
                 .received = 1000,
                 .sent = 2000,
                 .memory = Bytes{4096},
                 .latency = pack_latency(latency)};
}

TEST(LoadJsonTest, IsAsTheSchemaSays) {
  LoadRow silent = a_busy_row(0);
  silent.memory = std::nullopt;
  const std::vector<WatchedStep> points = {{kHour, 30s, a_busy_row(100)},
                                           {kHour + 1min, 60s, silent},
                                           {kHour + 2min, 60s, std::nullopt}};

  const Json told =
      load_history_json(*TenantId::parse("acme"), {LoadStep::kMinute, kHour, kHour + 1h}, points);

  SchemaCheck check("load-history.schema.json");
  check.check(told);
  EXPECT_THAT(check.problems, IsEmpty());
  const Json& busy = told["points"][0];
  EXPECT_EQ(busy["cpu_milli"], 500.0) << "15 seconds of the 30 that were watched";
  EXPECT_NEAR(busy["p50_ms"].get<double>(), 10, 1);
  EXPECT_NEAR(busy["p99_ms"].get<double>(), 1000, 100);
  EXPECT_EQ(told["points"][1]["p99_ms"], nullptr);
  EXPECT_EQ(told["points"][1]["memory_bytes"], nullptr);
  EXPECT_EQ(told["points"][2]["instance"], nullptr);
  EXPECT_EQ(told["points"][2]["requests"], 0);
}

TEST(LoadJsonTest, UsageIsAsItsSchemaSays) {
  UsageRow instance{.subject = *InstanceId::parse("shared-0"), .processor_time = 15s};
  instance[UsageMeasure::kMemory] = 4096;
  instance[UsageMeasure::kLoopLag] = 1500;
  UsageRow host{.most_cpu = MilliCpu{1900}};
  host[UsageMeasure::kLoad] = 2500;
  const LoadQuestion question{LoadStep::kMinute, kHour, kHour + 1h};

  const Json told = usage_history_json(instance.subject, question,
                                       {{kHour, 30s, instance}, {kHour + 1min, 60s, std::nullopt}});
  const Json of_host = usage_history_json({}, question, {{kHour, 60s, host}});

  for (const Json& one : {told, of_host}) {
    SchemaCheck check("usage-history.schema.json");
    check.check(one);
    EXPECT_THAT(check.problems, IsEmpty());
  }
  EXPECT_EQ(told["subject"], "instance/shared-0");
  EXPECT_EQ(told["points"][0]["cpu_milli"], 500.0);
  EXPECT_EQ(told["points"][0]["memory_bytes"], 4096);
  EXPECT_EQ(told["points"][0]["loop_lag_ms"], 1.5);
  EXPECT_EQ(told["points"][0]["disk_bytes"], nullptr);
  EXPECT_EQ(told["points"][1]["cpu_milli"], nullptr);
  EXPECT_EQ(of_host["subject"], "host");
  EXPECT_EQ(of_host["points"][0]["cpu_most_milli"], 1900);
  EXPECT_EQ(of_host["points"][0]["load"], 2.5);
}

TEST(LoadJsonTest, TheFinestStepThatReachesBackIsTaken) {
  const WallTime now = kHour + 5min;
  const auto taken = [&](std::chrono::milliseconds ago) {
    return load_question("", std::to_string((now - ago).time_since_epoch().count()), "", now)->step;
  };

  EXPECT_EQ(taken(3h), LoadStep::kMinute);
  EXPECT_EQ(taken(3h + 1min), LoadStep::kTenMinutes);
  EXPECT_EQ(taken(24h), LoadStep::kTenMinutes);
  EXPECT_EQ(taken(24h + 10min), LoadStep::kHour);
  EXPECT_EQ(taken(24h * 365), LoadStep::kHour);
}

TEST(LoadJsonTest, AQuestionIsAlwaysAMomentOld) {
  const WallTime asked = kHour + 5min;
  const WallTime now = asked + 5ms;
  const auto taken = [&](std::chrono::milliseconds ago) {
    return load_question("", std::to_string((asked - ago).time_since_epoch().count()), "", now)
        ->step;
  };

  EXPECT_EQ(taken(3h), LoadStep::kMinute);
  EXPECT_EQ(taken(24h), LoadStep::kTenMinutes);
  EXPECT_EQ(taken(24h * 14), LoadStep::kHour);
}

TEST(LoadJsonTest, AsksForTheDayBeforeFromAWholeStepOn) {
  const Result<LoadQuestion> day = load_question("", "", "", kHour + 5min);

  ASSERT_THAT(day, IsOk());
  EXPECT_EQ(day->step, LoadStep::kTenMinutes);
  EXPECT_EQ(day->since, kHour - 24h);
  EXPECT_EQ(day->until, kHour + 5min);
  EXPECT_EQ(load_question("3600", "", "", kHour)->step, LoadStep::kHour);
}

TEST(LoadJsonTest, RefusesWhatIsNoQuestion) {
  const Result<LoadQuestion> step = load_question("61", "", "", kHour);
  ASSERT_TRUE(step.has_error());
  EXPECT_THAT(step.error().text(), HasSubstr("steps of 60, 600 and 3600"));
  for (const char* wrong : {"-1", "x", "1e9", "99999999999999999999", "999999999999999999"}) {
    EXPECT_THAT(load_question("", wrong, "", kHour), FailsWith(ErrorCode::kInvalidArgument))
        << wrong;
    EXPECT_THAT(load_question("", "", wrong, kHour), FailsWith(ErrorCode::kInvalidArgument))
        << wrong;
    EXPECT_THAT(load_question("", wrong, "", kHour).error().text(),
                HasSubstr("it is milliseconds since 1970"));
  }
}

TEST(LoadJsonTest, ASummaryIsTheMostAndTheSum) {
  LoadRow other = a_busy_row(50);
  other.sessions = 9;

  const Json told = load_summary_json({{kHour, 600s, a_busy_row(100)},
                                       {kHour + 10min, 600s, std::nullopt},
                                       {kHour + 20min, 60s, other}});

  EXPECT_EQ(told["watched_s"], 1260.0);
  EXPECT_EQ(told["sessions"], 9);
  EXPECT_EQ(told["requests"], 150);
  EXPECT_EQ(told["cpu_most_milli"], 900);
  EXPECT_NEAR(told["p99_ms"].get<double>(), 1000, 100);
  EXPECT_EQ(load_summary_json({}), nullptr);
  EXPECT_EQ(load_summary_json({{kHour, 60s, std::nullopt}})["p99_ms"], nullptr);
}

TEST(LoadJsonTest, RecentLoadIsInThousandthsOfAProcessor) {
  const Json told = recent_load_json({{30s, 0s, 60s}, {{*TenantId::parse("acme"), {3s, 0s, 0s}}}});

  EXPECT_EQ(told["watched_s"], Json({30.0, 0.0, 60.0}));
  EXPECT_EQ(told["tenants"]["acme"], Json({100.0, 0.0, 0.0}));
}

TEST(PackedLatencyTest, ComesBackWhole) {
  LatencyHistogram latency;
  for (int i = 0; i < 1000; ++i) {
    latency.record(std::chrono::microseconds(i * i));
  }
  latency.record(Duration::zero());
  latency.record(100h);

  EXPECT_EQ(unpack_latency(pack_latency(latency)).buckets(), latency.buckets());
  EXPECT_EQ(unpack_latency("").count(), 0U);
}

TEST(PackedLatencyTest, WhatIsNoneOfOursEndsIt) {
  for (const std::string& bytes :
       {std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11), std::string("\x05"),
        std::string("\xff\x7f\x01"), std::string("\x01\x02\x80", 3)}) {
    EXPECT_LE(unpack_latency(bytes).count(), 2U);
  }
}

}  // namespace
}  // namespace voicectl
