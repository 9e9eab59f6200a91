// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/document_difference.h"
#include "cli/revisions.h"
#include "provisioner/model/desired_state_yaml.h"

namespace voicectl {
namespace {

struct Options {
  std::int64_t from = 0;
  std::int64_t to = 0;
  bool wants_detailed_code = false;
  OutputFormat format = OutputFormat::kTable;
};

/// In the canonical form of today: what a later version has added must not look like a change.
Result<Json> document_of(DaemonClient& daemon, std::int64_t number) {
  VC_TRY(const Json kept, fetch_revision(daemon, number));
  VC_TRY(const DesiredState desired, desired_state_of(kept));
  return Json::parse(render_desired_state(desired));
}

Result<ExitCode> show_difference(CommandContext& context, const Options& options) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  std::int64_t to = options.to;
  if (to == 0) {
    VC_TRY(to, fetch_newest_revision(*daemon));
  }
  VC_TRY(const Json before, document_of(*daemon, options.from));
  VC_TRY(const Json after, document_of(*daemon, to));
  const Json changes = compare_documents(before, after);
  if (options.format != OutputFormat::kTable) {
    const Json document = {{"schema", "voicectl/diff/v1"},
                           {"from", {{"revision", options.from}}},
                           {"to", {{"revision", to}}},
                           {"changes", changes}};
    context.console.out << render_document(document, options.format);
  } else if (changes.empty()) {
    context.console.out << fmt::format("Revisions {} and {} ask for the same.\n", options.from, to);
  } else {
    context.console.out << fmt::format("From revision {} to revision {}:\n\n", options.from, to)
                        << print_document_changes(changes, context.console.out_palette);
  }
  return options.wants_detailed_code && !changes.empty() ? ExitCode::kChanges : ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_revision_argument(app, "FROM", options->from);
  app.get_option("FROM")->required();
  add_revision_argument(app, "TO", options->to);
  app.add_flag("--detailed-exitcode", options->wants_detailed_code,
               "end with 0 for no differences, 2 for differences, 1 or another code for an error");
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return show_difference(context, *options); };
}

}  // namespace

Command diff_command() {
  return {"diff", "Show how two revisions differ, or one and the present one",
          "  voicectl diff 11 12\n"
          "  voicectl diff 11\n"
          "  voicectl diff 11 12 -o json",
          declare};
}

}  // namespace voicectl
