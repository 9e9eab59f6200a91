// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/policy_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace voicectl {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::string problem(const std::string& text) {
  const Result<PromotionPolicy> policy = parse_policy({"policy.yaml", text});
  return policy.has_error() ? policy.error().text() : "none";
}

TEST(PolicyTextTest, ReadsWhatStandsUnderMonitor) {
  const PromotionPolicy policy =
      parse_policy(
          {"policy.yaml",
           "monitor:\n"
           "  mode: observe\n"
           "  demote_after: 10m\n"
           "  marks: {starter: {high_p99_ms: 800, high_in_flight: 30, low_in_flight: 2}}\n"})
          .value();

  EXPECT_EQ(policy.mode, PromotionMode::kObserve);
  EXPECT_EQ(policy.low_dwell, 10min);
  EXPECT_EQ(policy.starter.p99_ms, (ExtraMarks{800, 200})) << "a quarter, if it is not said";
  EXPECT_EQ(policy.starter.in_flight, (ExtraMarks{30, 2}));
  EXPECT_EQ(policy.enterprise, PromotionPolicy{}.enterprise);
}

TEST(PolicyTextTest, ReadsItOutOfAWholeDesiredState) {
  const PromotionPolicy policy =
      parse_policy({"platform.yaml",
                    "apiVersion: voicectl/v1\n"
                    "platform: {domain: qastco.com, monitor: {max_promoted: 3}}\n"
                    "tenants: []\n"})
          .value();

  EXPECT_EQ(policy.max_promoted, 3U);
}

TEST(PolicyTextTest, ReadsWhatItWrites) {
  PromotionPolicy policy;
  policy.cooldown = 77s;
  policy.professional.p99_ms = ExtraMarks{900, 100};
  policy.reserve = {Bytes{std::uint64_t{3} << 30}, MilliCpu{1500}};
  policy.enterprise.high_dwell = 0s;

  EXPECT_EQ(parse_policy({"policy.yaml", render_policy_yaml(policy)}).value(), policy);
  EXPECT_EQ(parse_policy({"policy.json", render_policy_json(policy)}).value(), policy);
}

TEST(PolicyTextTest, KeepsSomeMemoryForThePoolUnlessToldOtherwise) {
  const auto reserve = [](const char* text) {
    return parse_policy({"policy.yaml", text}).value().reserve;
  };
  EXPECT_EQ(reserve("monitor: {mode: on}"), (PoolReserve{Bytes{256U << 20}, MilliCpu{0}}));
  EXPECT_EQ(reserve("monitor: {reserve: {cpu: 500}}"),
            (PoolReserve{Bytes{256U << 20}, MilliCpu{500}}));
  EXPECT_EQ(reserve("monitor: {reserve: {memory_mib: 0}}"), (PoolReserve{Bytes{0}, MilliCpu{0}}));
  EXPECT_THAT(problem("monitor: {reserve: {memory_mib: -1}}"), HasSubstr("memory_mib"));
  EXPECT_THAT(problem("monitor: {reserve: {memory: 5}}"), HasSubstr("memory_mib"));
}

TEST(PolicyTextTest, MayPromoteAtOnceAndNotDemoteAtOnce) {
  EXPECT_EQ(parse_policy({"policy.yaml", "monitor: {marks: {enterprise: {promote_after: 0}}}"})
                .value()
                .enterprise.high_dwell,
            0s);
  EXPECT_THAT(problem("monitor: {demote_after: 0}"), HasSubstr("demote_after"));
  EXPECT_THAT(problem("monitor: {rebalance: {after: 0}}"), HasSubstr("after"));
}

TEST(PolicyTextTest, NamesTheFirstThingThatIsWrong) {
  EXPECT_THAT(problem("monitor: {max_promted: 3}"), HasSubstr("policy.yaml:1:"));
  EXPECT_THAT(problem("monitor: {max_promted: 3}"), HasSubstr("max_promted"));
  EXPECT_THAT(problem("max_promoted: 3"), HasSubstr("monitor"));
  EXPECT_THAT(problem("monitor: {marks: {starter: {high_p99_ms: 5, low_p99_ms: 5}}}"),
              HasSubstr("low_p99_ms"));
  EXPECT_THAT(problem("monitor: {marks: {starter: {low_in_flight: 5}}}"),
              HasSubstr("low_in_flight"));
  for (const char* dwell :
       {"demote_after: 7h", "rebalance: {after: 7h}", "marks: {starter: {promote_after: 7h}}"}) {
    EXPECT_THAT(problem(std::string("monitor: {") + dwell + "}"), HasSubstr("21600")) << dwell;
  }
  EXPECT_EQ(problem("monitor: {demote_after: 6h, cooldown: 24h}"), "none");
  EXPECT_THAT(problem(""), HasSubstr("found 0 documents"));
  EXPECT_THAT(problem("monitor: {}\n---\nmonitor: {}"), HasSubstr("found 2 documents"));
  EXPECT_THAT(problem("{"), HasSubstr("cannot use this policy"));
}

}  // namespace
}  // namespace voicectl
