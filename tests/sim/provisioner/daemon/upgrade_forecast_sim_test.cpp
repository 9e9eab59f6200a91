// SPDX-License-Identifier: Apache-2.0
// What is said of an upgrade before it begins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/sim/provisioner/daemon/upgrade_world.h"

namespace voicectl {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(UpgradeSim, AForecastSaysHowItGoesAndChangesNothing) {
  apply(three_and_one());
  const Snapshot before = daemon().daemon->recorded().snapshot();
  UpgradeRequest request = to_next();
  request.wish.watch = 30s;

  const Result<UpgradeForecast> one_by_one = forecast(request);
  request.wish.batch = 10;
  const Result<UpgradeForecast> at_once = forecast(request);

  ASSERT_THAT(one_by_one, IsOk());
  ASSERT_TRUE(one_by_one->course.has_value());
  const UpgradeCourse& course = *one_by_one->course;
  EXPECT_EQ(course.waves, before.instances.size());
  EXPECT_THAT(one_by_one->instances, SizeIs(before.instances.size()));
  EXPECT_GT(course.duration.typical, 30s);
  EXPECT_LE(course.duration.typical, course.duration.at_most);
  ASSERT_THAT(at_once, IsOk());
  EXPECT_EQ(at_once->course.value().waves, 2U);
  EXPECT_LT(at_once->course->duration.typical, course.duration.typical);
  EXPECT_EQ(daemon().daemon->recorded().snapshot().generation, before.generation);
  EXPECT_FALSE(programs().upgrade);

  request.wish.batch = 1;
  const MonoTime began = machine.sim.now();
  const auto done = begin(request);
  while (!done->is_finished && machine.sim.now() - began < 300s) {
    machine.sim.advance(100ms);
  }

  ASSERT_TRUE(done->is_finished);
  EXPECT_LE(machine.sim.now() - began, course.duration.at_most);
}

TEST_F(UpgradeSim, AForecastKnowsTheMemoryOfEveryWave) {
  DesiredState desired = three_and_one();
  desired.platform.pool_size = 3;
  apply(desired);
  ASSERT_THAT(daemon().daemon->recorded().snapshot().instances, SizeIs(4));
  daemon().load = [this] {
    LiveLoad out;
    for (const auto& [name, instance] : daemon().daemon->recorded().snapshot().instances) {
      out.memory.emplace(name, Bytes{10});
    }
    return out;
  };
  UpgradeRequest request = to_next();
  request.wish.canary = "tenant/alpha";

  const Result<UpgradeForecast> of_one = forecast(request);
  request.wish.batch = 2;
  const Result<UpgradeForecast> of_two = forecast(request);

  ASSERT_THAT(of_one, IsOk());
  ASSERT_THAT(of_two, IsOk());
  EXPECT_EQ(of_one->course.value().waves, 5U);
  EXPECT_EQ(of_two->course.value().waves, 3U);
  EXPECT_EQ(of_one->course->memory_before, Bytes{40});
  // Who was replaced stops while the next heirs start; the canary's one tenant replaces nobody.
  EXPECT_EQ(of_one->course->memory_peak, Bytes{60});
  EXPECT_EQ(of_two->course->memory_peak, Bytes{80});
}

TEST_F(UpgradeSim, WhatCannotBePlannedIsNotBegun) {
  DesiredState desired = three_and_one();
  desired.platform.last_port = desired.platform.first_port + 6;  // four tenants, three instances
  apply(desired);

  const Result<UpgradeForecast> told = forecast(to_next());
  const Upgraded done = upgrade();

  EXPECT_THAT(told, FailsWith(ErrorCode::kResourceExhausted));
  ASSERT_TRUE(done.refused);
  EXPECT_EQ(done.refused->code(), ErrorCode::kResourceExhausted);
  EXPECT_FALSE(programs().upgrade);
}

TEST_F(UpgradeSim, AForecastOfWhatRunsAlreadySaysNothingOfHowItGoes) {
  apply(three_and_one());
  upgrade();

  const Result<UpgradeForecast> again = forecast(to_next());

  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(again->instances, IsEmpty());
  EXPECT_FALSE(again->course.has_value());
}

TEST_F(UpgradeSim, AForecastCountsTheWebSocketsOfEveryPageAndBelievesNobodyOfOthersTenants) {
  DesiredState desired = three_and_one();
  desired.platform.pool_size = 1;
  apply(desired);
  const std::map<std::string, std::string> pages = {
      {R"(shared-0{})", R"({"tenants":[{"tenant":"alpha","websockets":5}],"next":"alpha"})"},
      {R"(shared-0{"after":"alpha"})",
       R"({"tenants":[{"tenant":"beta","websockets":4}],"next":"beta"})"},
      {R"(shared-0{"after":"beta"})", R"({"tenants":[{"tenant":"gamma","websockets":6}]})"},
      {R"(dedicated-big{})", R"({"tenants":[{"tenant":"alpha","websockets":900},)"
                             R"({"tenant":"big","websockets":7}]})"}};
  machine.instances.on_request =
      [&](const std::string& name,
          const control::Message& question) -> std::optional<Result<std::string>> {
    const auto page = pages.find(name + question.body);
    return question.type == control::request::kStats && page != pages.end()
               ? std::optional(Result<std::string>(page->second))
               : std::nullopt;
  };

  const Result<UpgradeForecast> made = forecast(to_next());

  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->websockets, 22U);
}

}  // namespace
}  // namespace voicectl
