// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/unit/provisioner/model/reading.h"

namespace voicectl {
namespace {

using testing::IsEmpty;

const std::string kExamples = std::string(VOICECTL_SOURCE_DIR) + "/examples";

Result<std::string> read_file(const std::string& path) {
  if (!std::filesystem::exists(path)) {
    return Error(ErrorCode::kNotFound, "cannot read '" + path + "': there is no such file");
  }
  return file_text(path);
}

ParsedState parse_example(const std::string& name) {
  const std::string path = kExamples + "/" + name;
  return parse_desired_state({{path, file_text(path)}}, read_file);
}

const TenantSpec& tenant_of(const ParsedState& parsed, std::string_view slug) {
  return *find_tenant(parsed.state, *TenantId::parse(slug));
}

TEST(ExamplesTest, EveryDesiredStateInTheFolderIsValid) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kExamples)) {
    if (entry.path().extension() == ".yaml") {
      ++count;
      EXPECT_THAT(lines_of(parse_example(entry.path().filename())), IsEmpty());
    }
  }
  EXPECT_GE(count, 2U);
}

TEST(ExamplesTest, TheDemoHasThreeBusinessesWithTheirCatalogues) {
  const ParsedState parsed = parse_example("qastco.yaml");

  ASSERT_EQ(parsed.state.tenants.size(), 3U);
  EXPECT_EQ(tenant_of(parsed, "mario-pizza").menu.size(), 46U);
  EXPECT_EQ(tenant_of(parsed, "dr-smith").services.size(), 20U);
  EXPECT_EQ(tenant_of(parsed, "dr-smith").staff.size(), 8U);
  EXPECT_EQ(tenant_of(parsed, "techsupport").support_categories.size(), 15U);
  EXPECT_EQ(tenant_of(parsed, "techsupport").staff.size(), 8U);
}

TEST(ExamplesTest, PricesOfTheDemoAreThoseOfItsMenu) {
  const ParsedState parsed = parse_example("qastco.yaml");

  for (const MenuItem& item : tenant_of(parsed, "mario-pizza").menu) {
    if (item.name == "Pepperoni Pizza") {
      EXPECT_EQ(item.price.str(), "20.99");
      EXPECT_EQ(item.prep_time, 15U);
      EXPECT_TRUE(item.customizable);
    }
  }
}

TEST(ExamplesTest, FilesAreFoundBesideTheDocumentThatNamesThem) {
  const ParsedState parsed = parse_example("qastco.yaml");

  const std::string& key_file = parsed.state.platform.ultravox.api_key_file;
  EXPECT_EQ(key_file, kExamples + "/qastco/ultravox-standin.key");
  EXPECT_TRUE(std::filesystem::exists(key_file));
}

TEST(ExamplesTest, TheMinimalOneTakesEveryDefault) {
  const ParsedState parsed = parse_example("minimal.yaml");

  ASSERT_EQ(parsed.state.tenants.size(), 1U);
  EXPECT_EQ(parsed.state.platform, PlatformSpec{});
}

}  // namespace
}  // namespace voicectl
