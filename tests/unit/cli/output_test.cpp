// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace voicectl {
namespace {

const Palette kOff(Palette::Mode::kOff);
const Palette kOn(Palette::Mode::kOn);

TEST(OutputTest, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({{"NAME"}, {"COUNT", Align::kRight}, {"NOTE"}});
  table.add({"a", "5", "short"});
  table.add({"mario-pizza", "12345", ""});

  EXPECT_EQ(table.str(kOff),
            "NAME         COUNT  NOTE\n"
            "a                5  short\n"
            "mario-pizza  12345  -\n");
}

TEST(OutputTest, CountsCharactersAndNotBytes) {
  Table table({{"NAME"}, {"X"}});
  table.add({"caf\xc3\xa9", "1"});
  table.add({"tea", "2"});

  EXPECT_EQ(table.str(kOff), "NAME  X\ncaf\xc3\xa9  1\ntea   2\n");
}

TEST(OutputTest, WhatATenantWroteCannotSteerTheTerminal) {
  EXPECT_EQ(safe_for_terminal("a\x1b[2Jb"), "a?[2Jb");
  EXPECT_EQ(safe_for_terminal("a\nb\tc"), "a?b c");
  EXPECT_EQ(safe_for_terminal("x\xe2\x80\xaey"), "x?y");
  EXPECT_EQ(safe_for_terminal("x\xff\xfey"), "x??y");
  EXPECT_EQ(safe_for_terminal("caf\xc3\xa9"), "caf\xc3\xa9");
}

TEST(OutputTest, ColoursOnlyWhenTheyAreOn) {
  EXPECT_EQ(kOff.paint(Color::kBad, "no"), "no");
  EXPECT_EQ(kOn.paint(Color::kBad, "no"), "\x1b[31mno\x1b[0m");
  EXPECT_EQ(kOn.paint(Color::kPlain, "no"), "no");
}

TEST(OutputTest, CellsShowUnitsAndADashForNothing) {
  const Json object = {{"rss", 1536},        {"up", 185},   {"zero", 0},  {"null", nullptr},
                       {"list", {"a", "b"}}, {"text", "t"}, {"number", 5}};

  EXPECT_EQ(bytes_cell(object, "rss"), "1.5 KiB");
  EXPECT_EQ(bytes_cell(object, "null"), "-");
  EXPECT_EQ(seconds_cell(object, "up"), "3m05s");
  EXPECT_EQ(seconds_cell(object, "zero"), "0s");
  EXPECT_EQ(seconds_cell(object, "text"), "-");
  EXPECT_EQ(cell(object, "number"), "5");
  EXPECT_EQ(cell(object, "text"), "t");
  EXPECT_EQ(cell(object, "absent"), "-");
  EXPECT_EQ(cell(Json::array(), "absent"), "-");
  EXPECT_EQ(list_cell(object, "list"), "a,b");
  EXPECT_EQ(list_cell(object, "absent"), "-");
}

TEST(OutputTest, DocumentsSayTheirVersionUnlessTheyHaveASchema) {
  EXPECT_EQ(render_document(Json{{"a", 1}}, OutputFormat::kJson),
            "{\n  \"a\": 1,\n  \"apiVersion\": \"voicectl/v1\"\n}\n");
  EXPECT_EQ(render_document(Json{{"schema", "x"}}, OutputFormat::kYaml), "schema: x\n");
}

}  // namespace
}  // namespace voicectl
