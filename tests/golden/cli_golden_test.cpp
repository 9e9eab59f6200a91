// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/cli_app.h"
#include "cli/plan_printer.h"
#include "provisioner/model/desired_state_yaml.h"
#include "tests/unit/provisioner/edge/golden.h"

namespace voicectl {
namespace {

TEST(CliGoldenTest, HelpOfEveryCommandReadsAsReviewed) {
  std::string text = help_text("");
  for (const std::string& path : command_paths()) {
    text += "\n==== voicectl " + path + " --help\n\n" + help_text(path);
  }

  expect_golden("cli/help.txt", text);
}

TEST(CliGoldenTest, APlanReadsAsReviewed) {
  const Json plan = Json::parse(read_source_file("tests/golden/cli/plan.json"));

  expect_golden("cli/plan.txt", print_plan(plan, Palette(Palette::Mode::kOff), Reasons::kHide) +
                                    "\n----\n\n" +
                                    print_plan(plan, Palette(Palette::Mode::kOff), Reasons::kShow));
}

TEST(CliGoldenTest, ProblemsOfADocumentReadAsReviewed) {
  const std::string name = "tests/golden/model/broken.yaml";
  const ParsedState parsed = parse_desired_state({{name, read_source_file(name)}}, nullptr);

  std::string text;
  for (const Diagnostic& problem : parsed.problems) {
    text += problem.str() + "\n";
  }
  expect_golden("model/broken.txt", text);
}

TEST(CliGoldenTest, ACanonicalDocumentReadsAsReviewed) {
  const std::string name = "examples/minimal.yaml";
  const ParsedState parsed = parse_desired_state({{name, read_source_file(name)}}, nullptr);

  ASSERT_TRUE(parsed.ok());
  expect_golden("model/minimal.json",
                Json::parse(render_desired_state(parsed.state)).dump(2) + "\n");
}

}  // namespace
}  // namespace voicectl
