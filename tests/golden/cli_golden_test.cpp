// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include <nlohmann/json.hpp>

#include "cli/cli_app.h"
#include "cli/plan_printer.h"
#include "cli/step_display.h"
#include "provisioner/model/desired_state_yaml.h"
#include "provisioner/plan/action.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/plan/each_action.h"
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

/// What is shown of an apply that makes `tenants` tenants, four steps and 200 ms each, of which
/// every `fails`-th cannot be bound; a carriage return stands for itself.
std::string progress_of(std::size_t tenants, std::size_t fails, bool is_terminal) {
  std::istringstream in;
  std::ostringstream out;
  Console console{in, out, out};
  console.err_is_terminal = is_terminal;
  FixedWallClock clock;
  StepDisplay display(console, out, console.out_palette, clock);
  display.started(tenants * 4);
  const auto hear = [&](std::size_t tenant, api::StepState state, const std::string& kind,
                        const std::string& text, const std::string& error = "") {
    const std::string slug = fmt::format("t{:04}", tenant);
    clock.advance(std::chrono::milliseconds(50));
    display.hear(api::StepProgress{0, state, kind, "tenant/" + slug,
                                   fmt::format("{} {}", text, slug), 50, error});
  };
  for (std::size_t i = 0; i < tenants; ++i) {
    const bool is_bad = fails > 0 && i % fails == fails - 1;
    hear(i, api::StepState::kDone, "create_tenant", "create tenant");
    hear(i, is_bad ? api::StepState::kFailed : api::StepState::kDone, "bind_listener",
         "bind listener of", is_bad ? "cannot bind it: address already in use" : "");
    hear(i, is_bad ? api::StepState::kSkipped : api::StepState::kDone, "lend_listener",
         "lend listener of", is_bad ? "needs: bind listener" : "");
    hear(i, is_bad ? api::StepState::kSkipped : api::StepState::kDone, "publish_route", "route",
         is_bad ? "needs: lend listener" : "");
    if (i % 100 == 99) {
      display.hear(api::StepProgress{0, api::StepState::kDone, "rollout", "rollout",
                                     fmt::format("batch {} of {}", i / 100 + 1, tenants / 100), 0,
                                     ""});
    }
  }
  display.clear();
  return out.str() + display.counts();
}

TEST(CliGoldenTest, EveryKindOfStepIsCountedInWords) {
  std::istringstream in;
  std::ostringstream out;
  Console console{in, out, out};
  FixedWallClock clock;
  StepDisplay display(console, out, console.out_palette, clock);
  display.started(kStepsToldOneByOne + 1);
  for (const Action& action : one_of_each()) {
    display.hear(
        api::StepProgress{0, api::StepState::kDone, std::string(kind_of(action)), "", "", 0, ""});
  }

  expect_golden("cli/step_kinds.txt", display.counts());
}

TEST(CliGoldenTest, ProgressOfAFewTenantsReadsAsReviewed) {
  expect_golden("cli/progress_small.txt", progress_of(3, 3, false));
}

TEST(CliGoldenTest, ProgressOfAThousandTenantsReadsAsReviewed) {
  const std::string text = progress_of(1000, 30, false);

  expect_golden("cli/progress_large.txt", text);
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 50);
}

TEST(CliGoldenTest, AtATerminalOneLineChangesAndFailuresStay) {
  std::string text = progress_of(20, 10, true);

  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 10);
  // Readable in a file: each time that the line is made free is the end of one.
  constexpr std::string_view kClear = "\r\x1b[K";
  for (std::size_t at = text.find(kClear); at != std::string::npos; at = text.find(kClear)) {
    text.replace(at, kClear.size(), "  <cleared>\n");
  }
  expect_golden("cli/progress_terminal.txt", text);
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
