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

}  // namespace
}  // namespace voicectl
