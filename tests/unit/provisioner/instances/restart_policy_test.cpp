// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/restart_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/random_seed.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using Verdict = RestartDecision::Verdict;

constexpr MonoTime kBegin{1000s};

RestartPolicy without_jitter() {
  RestartPolicy policy;
  policy.wait.jitter = 0;
  return policy;
}

RestartDecision decide(const RestartPolicy& policy, const std::vector<InstanceEnd>& ends) {
  SeededRandom random(1);
  return decide_restart(policy, ends, random);
}

TEST(RestartPolicyTest, RestartsAtOnceAfterTheFirstEnd) {
  EXPECT_EQ(decide(without_jitter(), {{kBegin, 5s}}), (RestartDecision{Verdict::kWait, 0s, 1}));
}

TEST(RestartPolicyTest, DoublesTheWaitFromAQuarterSecondToTheCap) {
  RestartPolicy policy = without_jitter();
  policy.budget = 100;
  std::vector<InstanceEnd> ends;
  std::vector<Duration> waits;

  for (int end = 0; end < 14; ++end) {
    ends.push_back({kBegin + end * 1s, 0s});
    waits.push_back(decide(policy, ends).wait);
  }

  EXPECT_THAT(waits, ::testing::ElementsAre(0ms, 250ms, 500ms, 1s, 2s, 4s, 8s, 16s, 32s, 64s, 128s,
                                            256s, 300s, 300s));
}

TEST(RestartPolicyTest, StaysWithinTheJitterAndNeverBelowIt) {
  SeededRandom random = make_test_random();
  const RestartPolicy policy;
  const std::vector<InstanceEnd> ends = {{kBegin, 0s}, {kBegin + 1s, 0s}, {kBegin + 2s, 0s}};

  for (int draw = 0; draw < 1000; ++draw) {
    const RestartDecision decision = decide_restart(policy, ends, random);

    EXPECT_GE(decision.wait, 400ms);
    EXPECT_LE(decision.wait, 500ms);
  }
}

TEST(RestartPolicyTest, BeginsANewSeriesAfterAHealthyTime) {
  const RestartPolicy policy = without_jitter();

  EXPECT_EQ(decide(policy, {{kBegin, 0s}, {kBegin + 1s, 0s}, {kBegin + 20min, 10min}}).attempt, 1);
  EXPECT_EQ(
      decide(policy, {{kBegin, 0s}, {kBegin + 1s, 0s}, {kBegin + 20min, 10min - 1ns}}).attempt, 3);
}

TEST(RestartPolicyTest, GivesUpWithTheFirstEndBeyondTheBudget) {
  RestartPolicy policy = without_jitter();
  policy.budget = 3;
  std::vector<InstanceEnd> ends = {{kBegin, 0s}, {kBegin + 1s, 0s}, {kBegin + 2s, 0s}};

  EXPECT_EQ(decide(policy, ends).verdict, Verdict::kWait);
  ends.push_back({kBegin + 3s, 0s});

  EXPECT_EQ(decide(policy, ends), (RestartDecision{Verdict::kGiveUp, 300s, 4}));
}

TEST(RestartPolicyTest, CountsOnlyEndsWithinTheWindow) {
  RestartPolicy policy = without_jitter();
  policy.budget = 3;

  const RestartDecision decision =
      decide(policy, {{kBegin, 0s}, {kBegin + 1s, 0s}, {kBegin + 2s, 0s}, {kBegin + 10min, 0s}});

  EXPECT_EQ(decision.verdict, Verdict::kWait);
}

TEST(RestartPolicyTest, SpendsItsBudgetWithinTheWindowWhenEveryStartFailsAtOnce) {
  const RestartPolicy policy = without_jitter();
  std::vector<InstanceEnd> ends = {{kBegin, 0s}};

  while (decide(policy, ends).verdict == Verdict::kWait && ends.size() < 50) {
    ends.push_back({ends.back().at + decide(policy, ends).wait, 0s});
  }

  EXPECT_EQ(ends.size(), 13U);
  EXPECT_LT(ends.back().at - kBegin, policy.window);
}

TEST(RestartPolicyTest, ForgetsOnlyWhatCannotChangeADecision) {
  SeededRandom random = make_test_random();
  const RestartPolicy policy = without_jitter();
  for (int round = 0; round < 200; ++round) {
    std::vector<InstanceEnd> ends;
    MonoTime at = kBegin;
    for (std::uint64_t end = 0; end <= random.below(40); ++end) {
      at += std::chrono::seconds(random.below(400));
      ends.push_back({at, std::chrono::seconds(random.below(700))});
    }

    const std::vector<InstanceEnd> kept = without_forgotten(policy, ends);

    EXPECT_LE(kept.size(), ends.size());
    EXPECT_EQ(decide(policy, kept), decide(policy, ends));
  }
}

TEST(RestartPolicyTest, KeepsAShortListForAnInstanceThatNeverGetsWell) {
  std::vector<InstanceEnd> ends;
  for (int end = 0; end < 1000; ++end) {
    ends.push_back({kBegin + end * 5min, 1min});
    ends = without_forgotten(RestartPolicy{}, ends);
  }

  EXPECT_LE(ends.size(), 64U);
}

}  // namespace
}  // namespace voicectl
