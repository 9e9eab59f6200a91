// SPDX-License-Identifier: Apache-2.0
#include "base/json_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/json.h"
#include "base/random.h"

namespace voicectl {
namespace {

std::string as_json_string(std::string_view text) {
  std::string out = "before ";
  append_json_string(out, text);
  return out.substr(7);
}

TEST(JsonTextTest, RendersEveryByteAsTheLibraryDoes) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text = std::string("a") + static_cast<char>(byte) + "z";

    EXPECT_EQ(as_json_string(text), dump_json(Json(text))) << byte;
  }
}

TEST(JsonTextTest, RendersAnyTextAsTheLibraryDoes) {
  constexpr std::string_view kPieces[] = {
      "plain", "\"",   "\\", "\n",   "\xc3\xbc", "\xf0\x9f\x8d\x95",
      "\xff",  "\x01", "",   "\x7f", "</script>"};
  SeededRandom random(1);

  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (std::uint64_t piece = random.below(6); piece > 0; --piece) {
      text += kPieces[random.below(std::size(kPieces))];
    }
    EXPECT_EQ(as_json_string(text), dump_json(Json(text)));
  }
}

TEST(JsonTextTest, WritesMembersInTheirOrder) {
  JsonText object;

  object.text("b", "x\"y").number("a", -9223372036854775807 - 1).flag("c", false).json("d", "[1]");

  EXPECT_EQ(object.take(), R"({"b":"x\"y","a":-9223372036854775808,"c":false,"d":[1]})");
  EXPECT_EQ(object.take(), "{}");
}

TEST(JsonTextTest, WritesObjectsAndArraysWithinTheObject) {
  JsonText object;

  object.begin_object("empty").end_object().begin_object("o").text("x", "{").end_object();
  object.begin_array("none").end_array().begin_array("items");
  object.begin_item().number("a", 1).number("b", 2).end_object();
  object.begin_item().end_object();
  object.end_array().flag("last", true);

  EXPECT_EQ(object.take(), R"({"empty":{},"o":{"x":"{"},"none":[],"items":[{"a":1,"b":2},{}],)"
                           R"("last":true})");
}

TEST(JsonTextTest, GrowsToWhateverItIsGiven) {
  for (std::size_t size = 0; size < 600; ++size) {
    const std::string quotes(size, '"');
    JsonText object(64);

    object.text("a", quotes).text("b", std::string(size, 'x') + "\xc3\xbc").json("c", "[]");

    const Result<Json> read = parse_json(object.take());
    ASSERT_TRUE(read.has_value()) << size;
    EXPECT_EQ(string_or(*read, "a", ""), quotes);
    EXPECT_EQ(string_or(*read, "b", "").size(), size + 2);
  }
}

TEST(JsonTextTest, EscapesWhereverAByteStands) {
  for (const char special : {'"', '\\', '\n', '\x01', '\x7f', '\xff'}) {
    for (std::size_t at = 0; at < 24; ++at) {
      std::string text(24, '!');
      text[at] = special;
      EXPECT_EQ(as_json_string(text), dump_json(Json(text))) << at;
    }
  }
}

}  // namespace
}  // namespace voicectl
