// SPDX-License-Identifier: Apache-2.0
// A document that nobody touched is not read again, and every touch is seen.
#include <gmock/gmock.h>

#include <fstream>

#include "cli/document_cache.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kFolder = "/cache/voicectl/documents";
constexpr const char* kMarker = "from the cache";

class DocumentCacheTest : public CliTest {
 protected:
  DocumentCacheTest() {
    surroundings_.working_directory = folder_.path();
    surroundings_.cache_directory = "/cache/voicectl";
    surroundings_.program = "one";
    EXPECT_TRUE(files_.make_directory(kFolder, kPrivateDirectory).has_value());
    daemon_.answer("POST /v1/plan", Json{{"plan", plan_json(0)}, {"platform_id", "p"}});
    write("menu.yaml", "- {name: Margherita, price: \"9.50\"}\n");
    write("platform.yaml", document("Acme"));
  }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_.path(name)) << text;
  }
  /// Long enough to be kept.
  static std::string document(const std::string& name) {
    return "# " + std::string(DocumentCache::kLeastBytes, '-') +
           "\napiVersion: voicectl/v1\ntenants:\n  - {slug: acme, name: " + name +
           ", business_type: restaurant, menu_file: menu.yaml}\n";
  }
  /// The document that the daemon was asked to plan for.
  std::string planned(const std::string& file = "platform.yaml") {
    daemon_.questions.clear();
    EXPECT_EQ(run({"plan", "-f", file}), ExitCode::kOk) << err();
    return string_or(daemon_.body_of("POST /v1/plan"), "document", "");
  }
  std::vector<std::string> entries() { return *files_.list(kFolder); }
  /// Puts the marker in place of the document of the only entry.
  void mark() {
    ASSERT_THAT(entries(), SizeIs(1));
    const std::string path = std::string(kFolder) + "/" + entries().front();
    const std::string entry = **files_.read(path, 1U << 20);
    const std::string head = entry.substr(0, entry.find('\n') + 1);
    ASSERT_TRUE(files_.replace_atomically(path, head + kMarker, kPrivateFile).has_value());
  }

  TempDir folder_;
};

TEST_F(DocumentCacheTest, WhatNobodyTouchedIsNotReadAgain) {
  const std::string first = planned();
  EXPECT_THAT(first, HasSubstr("Margherita"));
  EXPECT_EQ(planned(), first);

  mark();

  EXPECT_EQ(planned(), kMarker);
}

TEST_F(DocumentCacheTest, AnApplySendsTheSame) {
  const std::string first = planned();
  daemon_.questions.clear();

  run({"apply", "-f", "platform.yaml", "--yes"});

  EXPECT_EQ(string_or(daemon_.body_of("POST /v1/plan"), "document", ""), first);
}

TEST_F(DocumentCacheTest, AChangedDocumentIsRead) {
  planned();
  mark();

  write("platform.yaml", document("Bolt"));

  EXPECT_THAT(planned(), HasSubstr("Bolt"));
}

TEST_F(DocumentCacheTest, AChangedFileThatTheDocumentNamesIsSeen) {
  planned();
  mark();

  write("menu.yaml", "- {name: Calzone, price: \"9.50\"}\n");

  EXPECT_THAT(planned(), HasSubstr("Calzone"));
}

TEST_F(DocumentCacheTest, AFileThatIsGoneIsMissed) {
  planned();
  mark();

  std::filesystem::remove(folder_.path("menu.yaml"));

  EXPECT_NE(run({"plan", "-f", "platform.yaml"}), ExitCode::kOk);
  EXPECT_THAT(err(), HasSubstr("menu.yaml"));
}

TEST_F(DocumentCacheTest, AnotherBuildOfThisProgramReadsAnew) {
  const std::string first = planned();
  mark();

  surroundings_.program = "two";

  EXPECT_EQ(planned(), first);
}

TEST_F(DocumentCacheTest, AnEntryThatIsBrokenIsReplaced) {
  const std::string first = planned();
  const std::string path = std::string(kFolder) + "/" + entries().front();
  for (const char* broken :
       {"", "no line", "no JSON\ntext", "[1]\ntext", "{\"menu.yaml\":7}\ntext"}) {
    ASSERT_TRUE(files_.replace_atomically(path, broken, kPrivateFile).has_value());
    EXPECT_EQ(planned(), first) << broken;
  }
}

TEST_F(DocumentCacheTest, WhatHasAProblemIsNotKept) {
  write("platform.yaml", document("[a list]"));

  for (int i = 0; i < 2; ++i) {
    EXPECT_NE(run({"plan", "-f", "platform.yaml"}), ExitCode::kOk);
    EXPECT_THAT(err(), HasSubstr("platform.yaml:4:"));
  }
  EXPECT_THAT(entries(), IsEmpty());
}

TEST_F(DocumentCacheTest, AShortDocumentIsNotWorthIt) {
  write("platform.yaml",
        "apiVersion: voicectl/v1\ntenants:\n  - {slug: acme, name: Acme, business_type: custom}\n");

  planned();

  EXPECT_THAT(entries(), IsEmpty());
}

TEST_F(DocumentCacheTest, KeepsAFewAndOnlyForTheirOwner) {
  for (std::size_t i = 0; i < DocumentCache::kMostEntries + 3; ++i) {
    write("platform.yaml", document("Acme" + std::to_string(i)));
    planned();
  }

  ASSERT_THAT(entries(), SizeIs(DocumentCache::kMostEntries));
  for (const std::string& name : entries()) {
    EXPECT_EQ(files_.find(std::string(kFolder) + "/" + name)->mode, kPrivateFile);
  }
}

TEST_F(DocumentCacheTest, WithoutAFolderEverythingIsReadEachTime) {
  surroundings_.cache_directory.clear();

  EXPECT_EQ(planned(), planned());

  EXPECT_THAT(entries(), IsEmpty());
}

}  // namespace
}  // namespace voicectl
