// SPDX-License-Identifier: Apache-2.0
#include "cli/plan_printer.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace voicectl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Palette kPlain{Palette::Mode::kOff};

void add(Json& plan, std::string_view kind, std::string_view symbol, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    plan["steps"].push_back({{"kind", kind},
                             {"symbol", symbol},
                             {"text", fmt::format("{} t{:03}", kind, i)},
                             {"reason", "it is desired"}});
  }
}

Json plan_of(std::size_t created, std::size_t deleted) {
  Json plan = {{"id", "0123456789abcdef"}, {"base_generation", 4}, {"steps", Json::array()}};
  add(plan, "create_tenant", "+", created);
  add(plan, "delete_tenant", "-", deleted);
  return plan;
}

std::ptrdiff_t lines_of(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

TEST(PlanPrinter, AFewHundredStepsAreAllShown) {
  const std::string text = print_plan(plan_of(200, 0), kPlain, Reasons::kHide);

  EXPECT_THAT(text, HasSubstr("  + create_tenant t199\n"));
  EXPECT_THAT(text, Not(HasSubstr("shown in part")));
}

TEST(PlanPrinter, WhatNoPlanRepairsDoesNotPassForRight) {
  Json plan = plan_of(0, 0);
  plan["summary"]["drift_left"] = 2;

  const std::string text = print_plan(plan, kPlain, Reasons::kHide);

  EXPECT_THAT(text, Not(HasSubstr("as it should be")));
  EXPECT_THAT(text, HasSubstr("2 things on this host are not as recorded"));
  EXPECT_THAT(text, HasSubstr("voicectl drift"));
}

TEST(PlanPrinter, ThousandsAreShownInPartAndCounted) {
  const std::string text = print_plan(plan_of(5000, 0), kPlain, Reasons::kHide);

  EXPECT_THAT(text, HasSubstr("  + create_tenant t000\n"));
  EXPECT_THAT(text, HasSubstr("    and 4990 more of these (create_tenant)\n"));
  EXPECT_THAT(text, HasSubstr("5000 steps: "));
  EXPECT_THAT(text, HasSubstr("plan -o json has all of them"));
  EXPECT_LT(lines_of(text), 30);
}

TEST(PlanPrinter, WhoIsDeletedIsAlwaysNamed) {
  const std::string text = print_plan(plan_of(1000, 300), kPlain, Reasons::kHide);

  EXPECT_THAT(text, HasSubstr("  - delete_tenant t000\n"));
  EXPECT_THAT(text, HasSubstr("  - delete_tenant t299\n"));
  EXPECT_THAT(text, Not(HasSubstr("more of these (delete_tenant)")));
}

TEST(PlanPrinter, ALineThatOnlyCountsNeverStandsForOneStep) {
  Json plan = plan_of(300, 0);
  add(plan, "bind_listener", "+", 11);

  const std::string text = print_plan(plan, kPlain, Reasons::kHide);

  EXPECT_THAT(text, HasSubstr("bind_listener t010\n"));
  EXPECT_THAT(text, Not(HasSubstr("and 1 more")));
}

TEST(PlanPrinter, WithReasonsEveryStepIsShown) {
  const std::string text = print_plan(plan_of(1000, 0), kPlain, Reasons::kShow);

  EXPECT_THAT(text, HasSubstr("create_tenant t999\n      because it is desired\n"));
  EXPECT_EQ(lines_of(text), 2 * 1000 + 4);
}

}  // namespace
}  // namespace voicectl
