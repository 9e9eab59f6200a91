// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/nginx_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "provisioner/edge/nginx_builder.h"
#include "tests/support/matchers.h"
#include "tests/support/random_seed.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

NginxArgument word(const std::string& text) {
  return *NginxArgument::word(text);
}

NginxDirective directive(const std::string& name, const std::vector<NginxArgument>& arguments) {
  return NginxBuilder::say(name, arguments);
}

TEST(NginxConfigTest, IndentsBlocksAndEndsDirectives) {
  const NginxTree tree = {
      directive("pid", {*NginxArgument::path("/run/x/nginx.pid")}),
      NginxBuilder::block(
          "http", {},
          {NginxBuilder::block("server", {}, {directive("listen", {word("127.0.0.1:80")})})})};

  EXPECT_THAT(emit_nginx_config(tree), IsOkAnd("pid /run/x/nginx.pid;\n"
                                               "http {\n"
                                               "  server {\n"
                                               "    listen 127.0.0.1:80;\n"
                                               "  }\n"
                                               "}\n"));
}

TEST(NginxConfigTest, RefusesDirectivesThatNobodyReviewed) {
  for (const char* name : {"rewrite", "set", "include", "load_module", "perl", "lua_code_cache",
                           "env", "auth_request", "", "server {", "#", "return 200;set"}) {
    EXPECT_THAT(emit_nginx_config({directive(name, {word("x")})}),
                FailsWith(ErrorCode::kInvalidArgument))
        << name;
    EXPECT_THAT(emit_nginx_config({NginxBuilder::block("http", {}, {directive(name, {})})}),
                FailsWith(ErrorCode::kInvalidArgument))
        << name;
  }
}

TEST(NginxConfigTest, RefusesABlockInsideAMap) {
  NginxDirective entry = NginxBuilder::entry(word("a"), word("b"));
  entry.block = NginxTree{};

  EXPECT_THAT(emit_nginx_config({NginxBuilder::block("map", {}, {entry})}),
              FailsWith(ErrorCode::kInvalidArgument));
}

TEST(NginxConfigTest, RefusesWhatCouldEndADirectiveOrNameAVariable) {
  const std::array<std::string, 22> hostile = {"acme; return 302 http://evil",
                                               "a;\nroot /etc",
                                               "a\nb",
                                               "{",
                                               "}",
                                               "#comment",
                                               "$hostname",
                                               "${x}",
                                               "\"",
                                               "'",
                                               "a\\",
                                               "a b",
                                               "\t",
                                               std::string("a\0b", 3),
                                               "~^.*$",
                                               "\x7f",
                                               "\xc2\xa0",
                                               "а",
                                               "`",
                                               "a|b",
                                               "(",
                                               ""};
  for (const std::string& text : hostile) {
    EXPECT_THAT(NginxArgument::word(text), FailsWith(ErrorCode::kInvalidArgument)) << text;
    EXPECT_THAT(NginxArgument::path("/" + text), FailsWith(ErrorCode::kInvalidArgument)) << text;
    EXPECT_THAT(NginxArgument::variable(text), FailsWith(ErrorCode::kInvalidArgument)) << text;
  }
}

TEST(NginxConfigTest, RefusesPathsThatLeaveTheirFolder) {
  for (const char* path : {"relative", "/a/../b", "/a/./b", "/a//b", "/", "/a/", "/..", ""}) {
    EXPECT_THAT(NginxArgument::path(path), FailsWith(ErrorCode::kInvalidArgument)) << path;
  }
}

TEST(NginxConfigTest, ShowsHostileBytesAsNumbersInItsRefusal) {
  const Result<NginxArgument> refused = NginxArgument::word("a\x1b[31m\nb");

  ASSERT_THAT(refused, FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(refused.error().message(), HasSubstr("a\\x1b[31m\\x0ab"));
}

TEST(NginxConfigTest, WritesAVariableApartFromLettersThatFollow) {
  const Result<NginxArgument> joined =
      NginxArgument::joined({*NginxArgument::variable("tenant"), word("_x"),
                             *NginxArgument::variable("uri"), word(".y")});

  ASSERT_THAT(joined, IsOk());
  EXPECT_EQ(joined->written(), "${tenant}_x$uri.y");
}

TEST(NginxConfigTest, WritesSizesAndTimesInTheLargestUnitThatFits) {
  EXPECT_EQ(NginxArgument::size(Bytes{1U << 20}).written(), "1m");
  EXPECT_EQ(NginxArgument::size(Bytes{16U << 10}).written(), "16k");
  EXPECT_EQ(NginxArgument::size(Bytes{1000}).written(), "1000");
  EXPECT_EQ(NginxArgument::time(std::chrono::hours(2)).written(), "2h");
  EXPECT_EQ(NginxArgument::time(std::chrono::seconds(90)).written(), "90s");
  EXPECT_EQ(NginxArgument::time(std::chrono::milliseconds(1500)).written(), "1500ms");
}

TEST(NginxConfigTest, ReadsAsNginxDoes) {
  const Result<std::vector<PlainDirective>> read = parse_nginx_config(
      "a \"b;{}#\" 'c\\'d' e\\\"f; # comment ; }\n"
      "g ${h}i { j k}; }\n");

  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(
      *read,
      ElementsAre(PlainDirective{"a", {"b;{}#", "c'd", "e\"f"}, std::nullopt},
                  PlainDirective{
                      "g", {"${h}i"}, std::vector<PlainDirective>{{"j", {"k}"}, std::nullopt}}}));
}

TEST(NginxConfigTest, RefusesToReadWhatNginxRefuses) {
  for (const char* text : {"a", "a {", "}", "a; }", ";", "{ }", "a \"b", "a \"b\"c;", "a { b }"}) {
    EXPECT_THAT(parse_nginx_config(text), FailsWith(ErrorCode::kInvalidArgument)) << text;
  }
  std::string deep;
  for (int i = 0; i < 100; ++i) {
    deep += "a { ";
  }
  EXPECT_THAT(parse_nginx_config(deep), FailsWith(ErrorCode::kInvalidArgument));
}

/// A text that tries to be more than one value.
std::string hostile_text(Random& random) {
  static const std::array<std::string, 34> kPieces = {";",
                                                      "\n",
                                                      "\r",
                                                      "{",
                                                      "}",
                                                      "#",
                                                      "$",
                                                      "\"",
                                                      "'",
                                                      "\\",
                                                      " ",
                                                      "\t",
                                                      "acme",
                                                      "${x}",
                                                      "$host",
                                                      "return 302 http://e",
                                                      "~",
                                                      "~^.*$",
                                                      "*.e",
                                                      "include",
                                                      "/etc/passwd",
                                                      "load_module",
                                                      "root /etc",
                                                      "\x01",
                                                      std::string(1, '\0'),
                                                      "\xff",
                                                      "\xc3\xa9",
                                                      "а",
                                                      "..",
                                                      "/",
                                                      "a-b.c",
                                                      "default_server",
                                                      "server { }",
                                                      "=="};
  std::string text;
  for (std::uint64_t count = random.below(6); count > 0; --count) {
    text += kPieces[random.below(kPieces.size())];
  }
  return text;
}

std::vector<Result<NginxArgument>> every_kind_of(const std::string& text) {
  return {NginxArgument::word(text),
          NginxArgument::text(text),
          NginxArgument::path(text),
          NginxArgument::path("/run/" + text),
          NginxArgument::regex(text),
          NginxArgument::regex("~" + text),
          NginxArgument::regex("~^" + escape_regex(text) + "$"),
          NginxArgument::variable(text),
          NginxArgument::json(Json{{"message", text}})};
}

TEST(NginxConfigTest, NoValueEverChangesTheTree) {
  SeededRandom random = make_test_random();
  std::size_t refused = 0;
  std::size_t emitted = 0;

  for (int i = 0; i < 10'000; ++i) {
    const std::string text = hostile_text(random);
    for (const Result<NginxArgument>& argument : every_kind_of(text)) {
      if (argument.has_error()) {
        ++refused;
        continue;
      }
      const NginxTree tree = {
          NginxBuilder::block("server", {}, {directive("server_name", {*argument, word("last")})})};
      const Result<std::string> written = emit_nginx_config(tree);
      ASSERT_THAT(written, IsOk()) << text;
      const Result<std::vector<PlainDirective>> read = parse_nginx_config(*written);
      ASSERT_THAT(read, IsOk()) << *written;
      ASSERT_EQ(read->size(), 1U) << *written;
      ASSERT_EQ(*read, plain(tree)) << *written;
      ++emitted;
    }
  }

  EXPECT_GT(refused, 10'000U);
  EXPECT_GT(emitted, 1'000U);
}

TEST(NginxConfigTest, AnEscapedTextMatchesItselfOnly) {
  EXPECT_EQ(escape_regex("voice.local-host"), "voice\\.local-host");
  EXPECT_EQ(escape_regex("a*b(c)"), "a\\*b\\(c\\)");
}

}  // namespace
}  // namespace voicectl
