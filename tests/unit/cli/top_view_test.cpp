// SPDX-License-Identifier: Apache-2.0
#include "cli/top/top_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr ScreenSize kWide{.lines = 24, .columns = 160};

/// Characters of UTF-8, each of which takes a column.
std::size_t columns_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
  }));
}

Json a_tenant(const std::string& name, double cpu, int sessions, const std::string& instance) {
  return {{"tenant", name},
          {"tier", "auto"},
          {"instance", instance},
          {"sessions", sessions},
          {"websockets", sessions},
          {"requests_per_s", 1.25},
          {"events_per_s", cpu / 10},
          {"memory_bytes", (1 << 20) * sessions},
          {"cpu_milli", cpu},
          {"p99_ms", 1000 / cpu},
          {"promoted", instance.starts_with("dedicated-")}};
}

class TopViewTest : public ::testing::Test {
 protected:
  TopViewTest() { look(); }
  void look() {
    Json status = {{"platform", {{"domain", "qastco.com"}}},
                   {"generation", 7},
                   {"counts", {{"tenants", 3}, {"instances", 2}, {"sessions", 12}}}};
    status["host"] = host;
    const Json instances = {{{"instance", "shared-0"},
                             {"kind", "shared"},
                             {"state", "ready"},
                             {"tenants", 2},
                             {"tenant_names", {"a", "c"}},
                             {"sessions", 3},
                             {"cpu_percent", 12.34},
                             {"rss_bytes", 9437184},
                             {"loop_lag_ms", 31.5},
                             {"uptime_s", 61}},
                            {{"instance", "dedicated-b"},
                             {"kind", "dedicated"},
                             {"state", "failed"},
                             {"tenant_names", {"b"}}}};
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
  std::vector<std::string> instance_names() const {
    std::vector<std::string> out;
    const std::vector<ScreenLine> lines = view.lines(kWide);
    for (std::size_t i = lines.size() - 1; lines[i].style != LineStyle::kHeader; --i) {
      out.insert(out.begin(), lines[i].text.substr(0, lines[i].text.find(' ')));
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
  Json host;
  TopView view;
};

TEST_F(TopViewTest, ShowsTheBusiestFirstAndWhatEachUses) {
  const std::vector<ScreenLine> lines = view.lines({.lines = 24, .columns = 128});

  EXPECT_EQ(lines[0].text,
            "voicectl top   qastco.com   3 tenants   2 instances   12 sessions   generation 7");
  EXPECT_THAT(names(), ElementsAre("b", "c", "a"));
  EXPECT_EQ(lines[4].text,
            "b                      promoted   dedicated-b                     2       2      1.2 "
            "    1.6ms   64.0%  █");
  EXPECT_THAT(lines.back().text, HasSubstr("failed"));
  EXPECT_EQ(lines.back().style, LineStyle::kBad);
}

TEST_F(TopViewTest, AWideScreenShowsEventsAndMemory) {
  const std::vector<ScreenLine> lines = view.lines(kWide);

  EXPECT_THAT(lines[3].text,
              HasSubstr("   REQ/S EVENTS/S       P99     MEMORY     CPU  CPU LATELY"));
  EXPECT_THAT(lines[4].text, HasSubstr("     1.2     64.0     1.6ms    2.0 MiB   64.0%  █"));
  EXPECT_THAT(lines[lines.size() - 3].text, EndsWith("RSS        PSS    FDS THREADS    UPTIME"));
}

TEST_F(TopViewTest, ANarrowScreenKeepsWhatOnlyThisTells) {
  const auto header = [&](std::size_t columns) {
    return view.lines({.lines = 24, .columns = columns})[3].text;
  };
  EXPECT_THAT(header(128), HasSubstr("TIER       INSTANCE"));
  EXPECT_THAT(header(127), Not(HasSubstr("TIER")));
  EXPECT_THAT(header(100), HasSubstr("INSTANCE"));
  EXPECT_THAT(header(99), Not(HasSubstr("INSTANCE")));
  EXPECT_EQ(header(80), "TENANT                 SESSIONS    REQ/S       P99     CPU  CPU LATELY");
  EXPECT_EQ(header(40), "TENANT                 SESSIONS     CPU");
}

TEST_F(TopViewTest, NoLineIsWiderThanTheScreen) {
  tenants.push_back(a_tenant(std::string(60, 'x'), 1e9, 1 << 30, std::string(70, 'y')));
  host = {{"processors", 128},       {"load", {1000.5, 1, 1}},
          {"memory_bytes", 1 << 30}, {"memory_available_bytes", 1 << 20},
          {"disk_bytes", 1 << 30},   {"disk_available_bytes", 1 << 20}};
  for (int i = 0; i < 30; ++i) {
    look();
  }
  const auto check = [&](const char* when) {
    for (std::size_t columns = 40; columns <= 200; ++columns) {
      for (const ScreenLine& line : view.lines({.lines = 30, .columns = columns})) {
        ASSERT_LE(columns_of(line.text), columns) << when << ": " << line.text;
      }
    }
  };
  check("at work");
  press("/" + std::string(250, 'x'));
  check("while a filter is typed");
  view.press(Key{Key::kEnter});
  check("with a filter");
  view.set_problem("cannot reach the daemon: " + std::string(250, '!'));
  check("with a problem");
}

TEST_F(TopViewTest, ColumnsFitWithoutBeingCut) {
  for (std::size_t columns = 40; columns <= 200; ++columns) {
    EXPECT_LE(width_of(tenant_columns(columns)), columns);
    EXPECT_LE(width_of(instance_columns(columns)), columns);
  }
}

TEST_F(TopViewTest, TheTitleTellsOfTheHostAndGivesUpOtherThingsForIt) {
  host = {{"processors", 2},      {"load", {0.517, 0.4, 0.3}},
          {"memory_bytes", 1000}, {"memory_available_bytes", 590},
          {"disk_bytes", 1000},   {"disk_available_bytes", nullptr}};
  look();

  EXPECT_EQ(view.lines(kWide)[0].text,
            "voicectl top   qastco.com   3 tenants   2 instances   12 sessions   load 0.52/2   "
            "memory 41%   generation 7");
  EXPECT_EQ(view.lines({.lines = 24, .columns = 80})[0].text,
            "voicectl top   qastco.com   3 tenants   12 sessions   load 0.52/2   memory 41%");
  EXPECT_EQ(view.lines({.lines = 24, .columns = 60})[0].text,
            "voicectl top   12 sessions   load 0.52/2   memory 41%");
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

TEST_F(TopViewTest, SortsInstancesLikeTenants) {
  EXPECT_THAT(instance_names(), ElementsAre("shared-0", "dedicated-b"));
  press("n");
  EXPECT_THAT(instance_names(), ElementsAre("dedicated-b", "shared-0"));
  press("l");
  EXPECT_THAT(instance_names(), ElementsAre("shared-0", "dedicated-b"));
  press("e");
  EXPECT_THAT(instance_names(), ElementsAre("dedicated-b", "shared-0")) << "its tenants' events";
  press("r");
  EXPECT_THAT(instance_names(), ElementsAre("shared-0", "dedicated-b")) << "two tenants' requests";
  press("m");
  EXPECT_THAT(names(), ElementsAre("a", "b", "c"));
}

TEST_F(TopViewTest, FiltersInstancesByTheirTenantsToo) {
  view.filter_by("b");
  EXPECT_THAT(instance_names(), ElementsAre("dedicated-b"));
  view.filter_by("shared");
  EXPECT_THAT(instance_names(), ElementsAre("shared-0"));
  EXPECT_THAT(names(), ElementsAre("c", "a"));
  view.filter_by("nobody");
  EXPECT_THAT(view.all_lines().back().text, HasSubstr("No instance has that"));
}

TEST_F(TopViewTest, EverySortHasAName) {
  for (const std::string& name : TopView::sort_names()) {
    EXPECT_TRUE(TopView::sort_named(name).has_value()) << name;
  }
  EXPECT_FALSE(TopView::sort_named("colour").has_value());
}

TEST_F(TopViewTest, ADocumentHasWhatIsChosenInItsOrder) {
  view.sort_by(TopView::Sort::kSessions);
  view.filter_by("shared-0");

  const Json document = view.document();

  ASSERT_THAT(document["tenants"], SizeIs(2));
  EXPECT_EQ(document["tenants"][0]["tenant"], "a");
  EXPECT_EQ(document["instances"].size(), 1U);
  EXPECT_EQ(document["status"]["generation"], 7);
}

TEST_F(TopViewTest, WhatIsNoObjectIsNotShown) {
  tenants = {5, "x", nullptr};
  look();
  EXPECT_THAT(view.lines({})[4].text, HasSubstr("There is no tenant"));
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

TEST(CutTest, CutsBetweenCharacters) {
  EXPECT_EQ(cut_to_columns("a█b", 3), "a█b");
  EXPECT_EQ(cut_to_columns("a█b", 2), "a█");
  EXPECT_EQ(cut_to_columns("a█b", 1), "a");
  EXPECT_THAT(cut_to_columns("█", 0), IsEmpty());
}

TEST(BarsTest, ShowPartsOfTheGreatest) {
  EXPECT_EQ(bars({0, 50, 100, 800}, 100), " ▁▁█");
  EXPECT_EQ(bars({1, 2}, 100), "  ");
  EXPECT_EQ(bars({}, 100), "");
}

}  // namespace
}  // namespace voicectl
