// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/yaml_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "provisioner/model/document_tree.h"

namespace voicectl {
namespace {

TEST(YamlTextTest, WritesMapsAndListsAsBlocks) {
  const Json value = {{"b", {1, 2}},
                      {"a", {{"x", true}, {"z", nullptr}}},
                      {"slug", "acme"},
                      {"empty", Json::array()},
                      {"list", {{{"name", "Ann"}, {"age", 5}}, Json::array({"x"})}}};

  EXPECT_EQ(render_yaml(value), R"(slug: acme
a:
  x: true
  z: null
b:
  - 1
  - 2
empty: []
list:
  - name: Ann
    age: 5
  - - x
)");
}

TEST(YamlTextTest, QuotesWhatAReaderCouldTakeForSomethingElse) {
  for (const char* text : {"yes", "No",   "null", "~",    "1",  "1.5", "0x1",       "09:00", "",
                           "- a", "a: b", "a #b", "*a",   "&a", "!a",  "{a",        "[a",    "\"a",
                           " a",  "a ",   "on",   "a\nb", "@a", "%a",  "2026-11-21"}) {
    EXPECT_EQ(render_yaml(Json(text)).front(), '"') << text;
  }
  EXPECT_EQ(render_yaml(Json("Mario's Pizza Palace")), "Mario's Pizza Palace\n");
}

TEST(YamlTextTest, IsReadBackAsTheSameText) {
  for (const std::string text :
       {"plain", "a\"b\\c", "tab\tnewline\n", "caf\xc3\xa9", "trailing ", "#", "'", "x: {y}",
        "\xe2\x82\xac", "a'b", "it's - fine (really)", "don't/do @home"}) {
    const Json value = {{"key", text}};

    const ReadDocuments read = read_yaml_documents({"f", render_yaml(value)}, YamlBudget{});

    ASSERT_EQ(read.problems.size(), 0U) << text;
    EXPECT_EQ(read.documents.front()->entries.front().value->text, text);
  }
}

}  // namespace
}  // namespace voicectl
