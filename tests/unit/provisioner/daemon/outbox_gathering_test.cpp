// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/outbox_gathering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace voicectl {
namespace {

using ::testing::HasSubstr;

/// Answers when the test says so.
class OutboxGatheringTest : public ::testing::Test {
 protected:
  void begin(std::size_t tenants, std::size_t limit) {
    std::vector<OutboxAsked> asked;
    for (std::size_t i = 0; i < tenants; ++i) {
      asked.push_back({*TenantId::parse("t" + std::to_string(i)), *InstanceId::parse("shared-0")});
    }
    gather_outboxes(
        std::move(asked), limit,
        [this](const OutboxAsked&, Completion<std::string> answered) {
          waiting_.push_back(std::move(answered));
        },
        [this](const Json& body) { told_.push_back(body); });
  }
  void answer(const Result<std::string>& reply) {
    const Completion<std::string> next = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    next(reply);
  }
  static std::string entries(int count, const Json& entry) {
    Json list = Json::array();
    for (int i = 0; i < count; ++i) {
      list.push_back(entry);
    }
    return dump_json({{"entries", list}});
  }

  std::vector<Completion<std::string>> waiting_;
  std::vector<Json> told_;
};

TEST_F(OutboxGatheringTest, AsksAFewAtATimeAndAnswersWhenAllHaveAnswered) {
  begin(40, 50);
  EXPECT_EQ(waiting_.size(), kOutboxesAtOnce);

  for (int i = 0; i < 40; ++i) {
    EXPECT_TRUE(told_.empty());
    EXPECT_LE(waiting_.size(), kOutboxesAtOnce);
    answer(entries(1, {{"entry", i}}));
  }

  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0]["entries"].size(), 40U);
  EXPECT_TRUE(told_[0]["problems"].empty());
}

TEST_F(OutboxGatheringTest, NobodyToAskIsAnAnswer) {
  begin(0, 50);

  ASSERT_EQ(told_.size(), 1U);
  EXPECT_TRUE(told_[0]["entries"].empty());
}

TEST_F(OutboxGatheringTest, ABrokenInstanceDecidesNeitherHowManyNorWhose) {
  begin(3, 2);
  answer(entries(500, {{"tenant", "t1"}, {"entry", 7}}));
  answer(std::string(R"({"entries":[1,"two",null]})"));
  answer(std::string(R"({"entries":{"no":"list"}})"));

  ASSERT_EQ(told_.size(), 1U);
  ASSERT_EQ(told_[0]["entries"].size(), 2U);
  EXPECT_EQ(told_[0]["entries"][1]["tenant"], "t0");
  ASSERT_EQ(told_[0]["problems"].size(), 1U);
  EXPECT_THAT(told_[0]["problems"][0].get<std::string>(), HasSubstr("no list of entries"));
}

TEST_F(OutboxGatheringTest, WhatDoesNotFitIsTold) {
  constexpr std::size_t kEach = 200;
  begin(100, kEach);
  while (!waiting_.empty()) {
    answer(entries(kEach, {{"entry", 1}}));
  }

  ASSERT_EQ(told_.size(), 1U);
  EXPECT_LT(told_[0]["entries"].size(), kMostOutboxEntries + kOutboxesAtOnce * kEach);
  EXPECT_THAT(told_[0]["problems"][0].get<std::string>(), HasSubstr("more tenants"));
}

}  // namespace
}  // namespace voicectl
