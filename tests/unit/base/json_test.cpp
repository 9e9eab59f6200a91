// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/random.h"
#include "tests/support/matchers.h"
#include "tests/support/random_seed.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;

std::string repeated(std::string_view part, std::size_t count) {
  std::string text;
  text.reserve(part.size() * count);
  for (std::size_t i = 0; i < count; ++i) {
    text += part;
  }
  return text;
}

TEST(JsonTest, ReadsEveryKindOfValue) {
  const auto value = parse_json(
      R"({"n":null,"b":true,"i":-3,"u":18446744073709551615,"f":1.5,"s":"\u00fc\n","a":[1,[2]]})");

  ASSERT_THAT(value, IsOk());
  EXPECT_EQ(dump_json(*value),
            "{\"a\":[1,[2]],\"b\":true,\"f\":1.5,\"i\":-3,\"n\":null,\"s\":\"\xc3\xbc\\n\","
            "\"u\":18446744073709551615}");
}

TEST(JsonTest, TellsWhereItIsNotValid) {
  const auto value = parse_json("{\"a\":1,}");

  ASSERT_THAT(value, FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(value.error().text(), HasSubstr("at byte 8"));
}

TEST(JsonTest, RefusesWhatIsNotRfc8259) {
  for (const char* text :
       {"",   " ",     "{",      "[1,]",     "{'a':1}",      "nul",        "01",
        "+1", "1 2",   "NaN",    "\"\\x\"",  "\"\n\"",       "// c\n1",    "{\"a\" 1}",
        "]",  "1e999", "-1e999", "\"\xff\"", "\"\xc0\xaf\"", "\"\\ud800\""}) {
    EXPECT_THAT(parse_json(text), FailsWith(ErrorCode::kInvalidArgument)) << text;
  }
}

TEST(JsonTest, RefusesAKeyThatStandsTwiceInOneObject) {
  const auto value = parse_json(R"({"a":1,"b":{"a":2},"a":3})");

  ASSERT_THAT(value, FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(value.error().text(), HasSubstr("'a' stands twice"));
  EXPECT_THAT(parse_json(R"({"a":1,"\u0061":2})"), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(JsonTest, AllowsTheSameKeyInDifferentObjects) {
  EXPECT_THAT(parse_json(R"({"a":{"a":[{"a":1},{"a":2}]}})"), IsOk());
}

TEST(JsonTest, ReadsUpToItsDepthAndNotDeeper) {
  const JsonBudget budget{.depth = 3};

  EXPECT_THAT(parse_json("[[[1]]]", budget), IsOk());
  EXPECT_THAT(parse_json("[[[[1]]]]", budget), FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_THAT(parse_json(R"({"a":[{"b":{}}]})", budget), FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_THAT(parse_json("[[[]],[[]],[[]]]", budget), IsOk());
}

TEST(JsonTest, SurvivesAMillionLevels) {
  const JsonBudget budget{.bytes = 16U << 20};

  EXPECT_THAT(parse_json(repeated("[", 1'000'000), budget),
              FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_THAT(parse_json(repeated("{\"a\":", 1'000'000), budget),
              FailsWith(ErrorCode::kResourceExhausted));
}

TEST(JsonTest, ReadsUpToItsNodesAndNotMore) {
  const JsonBudget budget{.nodes = 4};

  EXPECT_THAT(parse_json("[1,2,3]", budget), IsOk());
  EXPECT_THAT(parse_json("[1,2,3,4]", budget), FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_THAT(parse_json("[[],[],[],[]]", budget), FailsWith(ErrorCode::kResourceExhausted));
}

TEST(JsonTest, ReadsUpToItsBytesAndNotMore) {
  const JsonBudget budget{.bytes = 5};

  EXPECT_THAT(parse_json("12345", budget), IsOk());
  EXPECT_THAT(parse_json("123456", budget), FailsWith(ErrorCode::kResourceExhausted));
}

TEST(JsonTest, ReplacesBytesThatAreNotUtf8WhenPrinting) {
  EXPECT_EQ(dump_json(Json("a\xff")), "\"a\xef\xbf\xbd\"");
}

TEST(JsonTest, FallsBackWhenAMemberIsMissingOrOfAnotherType) {
  const Json object = {{"text", "x"}, {"number", 7}, {"null", nullptr}, {"half", 0.5}};

  EXPECT_EQ(string_or(object, "text", "-"), "x");
  EXPECT_EQ(string_or(object, "number", "-"), "-");
  EXPECT_EQ(string_or(object, "null", "-"), "-");
  EXPECT_EQ(string_or(object, "missing", "-"), "-");
  EXPECT_EQ(integer_or(object, "number", -1), 7);
  EXPECT_EQ(integer_or(object, "half", -1), -1);
  EXPECT_EQ(integer_or(Json::array(), "number", -1), -1);
  EXPECT_EQ(string_or(Json(3), "text", "-"), "-");
}

TEST(JsonTest, NamesTheMemberThatIsRequired) {
  const Json object = {{"text", "x"}, {"number", 7}};

  EXPECT_THAT(require_string(object, "text"), IsOkAnd("x"));
  EXPECT_THAT(require_integer(object, "number"), IsOkAnd(7));
  EXPECT_THAT(require_integer(object, "text"), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(require_string(object, "missing").error().text(), HasSubstr("'missing'"));
}

TEST(JsonTest, TakesNoNumberThatDoesNotFit) {
  const Json object = {{"large", 18446744073709551615ULL}, {"most", INT64_MAX}};

  EXPECT_EQ(integer_or(object, "large", -1), -1);
  EXPECT_THAT(require_integer(object, "large"), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(require_integer(object, "most"), IsOkAnd(INT64_MAX));
}

TEST(JsonTest, NeitherCrashesNorAcceptsSilentlyChangedDocuments) {
  SeededRandom random = make_test_random();
  const std::string sound =
      R"({"event":"call.ended","call":{"callId":"3c90","n":[1,2.5,true,null]}})";
  for (int i = 0; i < 3000; ++i) {
    std::string text = sound;
    for (std::uint64_t changes = 1 + random.below(3); changes > 0; --changes) {
      text[random.below(text.size())] = static_cast<char>(random.below(256));
    }

    const auto value = parse_json(text);

    if (value.has_value()) {
      ASSERT_THAT(parse_json(dump_json(*value)), IsOkAnd(*value)) << text;
    }
  }
}

/// The usual is read by ourselves, and the rest by the library: nobody must be able to tell.
TEST(JsonTest, ReadsAnyTextAsTheLibraryDoes) {
  constexpr std::string_view kPieces[] = {"{",
                                          "}",
                                          "[",
                                          "]",
                                          ":",
                                          ",",
                                          "\"a\"",
                                          "\"b\"",
                                          "\"\"",
                                          "\"\\n\"",
                                          "\"\\u00e9\"",
                                          "\"\xc3\xa9\"",
                                          "\"\xff\"",
                                          "\"\\x\"",
                                          "\"\x01\"",
                                          "\"a",
                                          "0",
                                          "1",
                                          "-0",
                                          "-12",
                                          "01",
                                          "1.5",
                                          "-0.0",
                                          "46.970000000000006",
                                          "1e400",
                                          "1e-400",
                                          "1.",
                                          "1.e1",
                                          "2E+1",
                                          "2e-",
                                          "1e3x",
                                          "1e3",
                                          "-",
                                          "123456789012345678",
                                          "1234567890123456789",
                                          "99999999999999999999",
                                          "true",
                                          "false",
                                          "null",
                                          "nul",
                                          " ",
                                          "\n",
                                          "\t"};
  SeededRandom random(20'261'126);
  int accepted = 0;
  for (int i = 0; i < 40'000; ++i) {
    // Half of them begin as an object whose members are often whole.
    const bool is_object = random.below(2) == 0;
    std::string text = is_object ? "{" : "";
    for (std::uint64_t pieces = random.below(8) + 1; pieces > 0; --pieces) {
      if (is_object && random.below(2) == 0) {
        text += text.size() > 1 ? "," : "";
        text += "\"k" + std::to_string(pieces) + "\":";
      }
      text += kPieces[random.below(std::size(kPieces))];
    }
    text += is_object ? "}" : "";

    const Result<Json> ours = parse_json(text);

    const Json theirs = Json::parse(text, nullptr, false);
    if (ours.has_error() && ours.error().text().find("stands twice") != std::string::npos) {
      continue;
    }
    ASSERT_EQ(ours.has_value(), !theirs.is_discarded()) << text;
    if (ours.has_value()) {
      ++accepted;
      ASSERT_EQ(*ours, theirs) << text;
      ASSERT_EQ(ours->type(), theirs.type()) << text;
      ASSERT_EQ(dump_json(*ours), dump_json(theirs)) << text;
    }
  }
  EXPECT_GT(accepted, 1000);
}

TEST(JsonTest, HoldsItsBudgetsWhoeverReads) {
  const JsonBudget budget{.bytes = 1000, .depth = 3, .nodes = 5};
  for (const std::string end : {"", "\xc3\xa9"}) {
    const std::string text = "\"" + end + "\"";
    EXPECT_THAT(parse_json("[[[" + text + "]]]", budget), IsOk()) << end;
    EXPECT_THAT(parse_json("[[[[" + text + "]]]]", budget),
                FailsWith(ErrorCode::kResourceExhausted))
        << end;
    EXPECT_THAT(parse_json("[1,2,3," + text + "]", budget), IsOk()) << end;
    EXPECT_THAT(parse_json("[1,2,3,4," + text + "]", budget),
                FailsWith(ErrorCode::kResourceExhausted))
        << end;
  }
}

}  // namespace
}  // namespace voicectl
