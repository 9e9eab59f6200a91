// SPDX-License-Identifier: Apache-2.0
#include "cli/top/top_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Json a_tenant(const std::string& name, double cpu, int sessions, const std::string& instance) {
  return {{"tenant", name},
          {"tier", "auto"},
          {"instance", instance},
          {"sessions", sessions},
          {"websockets", sessions},
          {"requests_per_s", 1.25},
          {"cpu_milli", cpu},
          {"p99_ms", 1000 / cpu},
          {"promoted", instance.starts_with("dedicated-")}};
}

class TopViewTest : public ::testing::Test {
 protected:
  TopViewTest() { look(); }
  void look() {
    const Json status = {{"platform", {{"domain", "qastco.com"}}},
                         {"generation", 7},
                         {"counts", {{"tenants", 3}, {"instances", 2}, {"sessions", 12}}}};
    const Json instances = {
        {{"instance", "shared-0"},
         {"kind", "shared"},
         {"state", "ready"},
         {"tenants", 2},
         {"sessions", 3},
         {"cpu_percent", 12.34},
         {"rss_bytes", 9437184},
         {"loop_lag_ms", 31.5},
         {"uptime_s", 61}},
        {{"instance", "dedicated-b"}, {"kind", "dedicated"}, {"state", "failed"}}};
    view.take(status, {{"tenants", tenants}}, {{"instances", instances}});
  }
  /// The first words of the lines of tenants.
  std::vector<std::string> names(ScreenSize size = {}) const {
    std::vector<std::string> out;
    const std::vector<ScreenLine> lines = view.lines(size);
    for (std::size_t i = 4; i < lines.size() && !lines[i].text.empty(); ++i) {
      out.push_back(lines[i].text.substr(0, lines[i].text.find(' ')));
    }
    return out;
  }
  void press(std::string_view keys) {
    for (const char key : keys) {
      EXPECT_FALSE(view.press(Key{key}));
    }
  }

  Json tenants = {a_tenant("a", 5, 9, "shared-0"), a_tenant("b", 640, 2, "dedicated-b"),
                  a_tenant("c", 30, 1, "shared-0")};
  TopView view;
};

TEST_F(TopViewTest, ShowsTheBusiestFirstAndWhatEachUses) {
  const std::vector<ScreenLine> lines = view.lines({});

  EXPECT_EQ(lines[0].text,
            "voicectl top   qastco.com   3 tenants   2 instances   12 sessions   generation 7");
  EXPECT_THAT(names(), ElementsAre("b", "c", "a"));
  EXPECT_EQ(lines[4].text,
            "b                      promoted   dedicated-b                     2       2      1.2 "
            "    1.6ms   64.0%  █");
  EXPECT_THAT(lines.back().text, HasSubstr("failed"));
  EXPECT_EQ(lines.back().style, LineStyle::kBad);
}

TEST_F(TopViewTest, LinesBeginWithTheMinutesBefore) {
  view = TopView();
  view.begin_with({{"watched_s", {60, 60, 60}}, {"tenants", {{"b", {0, 320, 640}}}}});
  look();

  EXPECT_THAT(view.lines({})[4].text, HasSubstr("64.0%   ▄██"));
  EXPECT_THAT(view.lines({})[5].text, testing::EndsWith("3.0%     ▂")) << "it had nothing before";
  tenants.push_back(a_tenant("d", 700, 1, "shared-0"));
  look();
  EXPECT_THAT(view.lines({})[4].text, testing::EndsWith("70.0%  █")) << "nobody knew of it before";
}

TEST_F(TopViewTest, AMinuteInWhichNobodyLookedIsAHole) {
  view = TopView();
  view.begin_with({{"watched_s", {60, 0, 60}}, {"tenants", {{"b", {640, 0, 640}}}}});
  look();

  EXPECT_THAT(view.lines({})[4].text, HasSubstr("64.0%  █·██"));
  EXPECT_THAT(view.lines({})[5].text, testing::EndsWith("3.0%   · ▂"));
}

TEST_F(TopViewTest, WhatIsNoAnswerBeginsNothing) {
  for (const Json& strange : {Json(), Json({{"tenants", 5}}), Json({{"tenants", {{"b", "x"}}}}),
                              Json({{"watched_s", {"x", 60}}, {"tenants", {{"b", {1, 2, 3}}}}})}) {
    view = TopView();
    view.begin_with(strange);
    look();
    EXPECT_THAT(names(), ElementsAre("b", "c", "a"));
  }
}

TEST_F(TopViewTest, SortsByWhatIsPressed) {
  press("s");
  EXPECT_THAT(names(), ElementsAre("a", "b", "c"));
  press("l");
  EXPECT_THAT(names(), ElementsAre("a", "c", "b"));
  press("n");
  EXPECT_THAT(names(), ElementsAre("a", "b", "c"));
  press("c");
  EXPECT_THAT(names(), ElementsAre("b", "c", "a"));
  EXPECT_TRUE(view.press(Key{'q'}));
}

TEST_F(TopViewTest, FiltersByWhatIsTyped) {
  press("/dedi");
  EXPECT_THAT(names(), ElementsAre("b"));
  EXPECT_THAT(view.lines({})[1].text, HasSubstr("filter: dedi_"));
  press("q");  // a letter like any other
  EXPECT_THAT(view.lines({})[4].text, HasSubstr("No tenant has that"));
  view.press(Key{Key::kEscape});
  EXPECT_THAT(names(), SizeIs(3));
}

TEST_F(TopViewTest, ScrollsWhatDoesNotFit) {
  EXPECT_THAT(names({.lines = 8, .columns = 80}), ElementsAre("b"));
  view.press(Key{Key::kDown});
  EXPECT_THAT(names({.lines = 8, .columns = 80}), ElementsAre("c"));
  for (int i = 0; i < 9; ++i) {
    view.press(Key{Key::kDown});
  }
  EXPECT_THAT(names({.lines = 8, .columns = 80}), ElementsAre("a"));
  view.press(Key{Key::kUp});
  EXPECT_THAT(names({.lines = 8, .columns = 80}), ElementsAre("c"));
}

TEST_F(TopViewTest, NeverGivesMoreLinesThanThereAre) {
  for (std::size_t lines = 0; lines < 30; ++lines) {
    EXPECT_LE(view.lines({.lines = lines, .columns = 80}).size(), lines);
  }
}

TEST_F(TopViewTest, ShowsWhatIsWrongUntilItIsWellAgain) {
  view.set_problem("cannot reach the daemon");
  EXPECT_THAT(view.lines({})[0].text, HasSubstr("cannot reach the daemon"));
  look();
  EXPECT_THAT(view.lines({})[0].text, HasSubstr("qastco.com"));
}

TEST_F(TopViewTest, LetsNoTenantSteerTheTerminal) {
  tenants = {a_tenant("\x1b[2Jx", 1, 1, "shared-0\n")};
  look();
  for (const ScreenLine& line : view.all_lines()) {
    EXPECT_EQ(line.text.find_first_of("\x1b\n"), std::string::npos);
  }
}

TEST(BarsTest, ShowPartsOfTheGreatest) {
  EXPECT_EQ(bars({0, 50, 100, 800}, 100), " ▁▁█");
  EXPECT_EQ(bars({1, 2}, 100), "  ");
  EXPECT_EQ(bars({}, 100), "");
}

}  // namespace
}  // namespace voicectl
