// SPDX-License-Identifier: Apache-2.0
// The reference of the desired state, held against the reader.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "tests/unit/provisioner/model/reading.h"

namespace voicectl {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string reference() {
  return file_text(std::string(VOICECTL_SOURCE_DIR) + "/docs/reference/desired-state.md");
}

/// The blocks of YAML in a text, but for sketches.
std::vector<std::string> yaml_blocks(const std::string& text) {
  constexpr std::string_view kOpen = "```yaml\n";
  std::vector<std::string> blocks;
  for (std::size_t at = text.find(kOpen); at != std::string::npos; at = text.find(kOpen, at)) {
    at += kOpen.size();
    const std::string block = text.substr(at, text.find("```", at) - at);
    if (block.find("...") == std::string::npos) {
      blocks.push_back(block);
    }
  }
  return blocks;
}

std::string indented(const std::string& block) {
  std::string out;
  std::istringstream lines(block);
  for (std::string line; std::getline(lines, line);) {
    out += "    " + line + "\n";
  }
  return out;
}

void expect_keys_described(const Json& object, const std::string& text) {
  for (const auto& [key, member] : object.items()) {
    // "`key`" alone, or as a part of a path: "`edge.mode`".
    const bool is_described = text.find("`" + key + "`") != std::string::npos ||
                              text.find("." + key + "`") != std::string::npos ||
                              text.find("`" + key + ".") != std::string::npos ||
                              text.find("`" + key + ":") != std::string::npos;
    EXPECT_TRUE(is_described) << key;
    if (member.is_object()) {
      expect_keys_described(member, text);
    } else if (member.is_array() && !member.empty() && member.front().is_object()) {
      expect_keys_described(member.front(), text);
    }
  }
}

TEST(ReferenceTest, ItsExamplesAreValid) {
  const std::vector<std::string> blocks = yaml_blocks(reference());
  ASSERT_GE(blocks.size(), 3U);
  for (const std::string& block : blocks) {
    const bool is_part_of_tenant = block.starts_with("opening_hours");
    const std::string document =
        is_part_of_tenant ? tenant_document(indented(block)) : "apiVersion: voicectl/v1\n" + block;

    const ParsedState parsed = parse(document, {{"luigi/staff.yaml", "[]"}});

    EXPECT_THAT(lines_of(parsed), IsEmpty()) << block;
  }
}

TEST(ReferenceTest, DescribesEveryKey) {
  DesiredState state;
  TenantSpec tenant{.tenant = *TenantId::parse("acme"), .name = "Acme"};
  tenant.menu.emplace_back();
  tenant.services.emplace_back();
  tenant.support_categories.emplace_back();
  tenant.staff.emplace_back();
  state.tenants.push_back(tenant);
  Json document = Json::parse(render_desired_state(state));
  document["tenants"][0].erase("opening_hours");  // days are described as a span of days

  expect_keys_described(document, reference());
}

}  // namespace
}  // namespace voicectl
