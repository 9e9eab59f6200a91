// SPDX-License-Identifier: Apache-2.0
#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/apply_flow.h"
#include "cli/commands/commands.h"
#include "cli/documents.h"

namespace voicectl {
namespace {

struct Options {
  std::vector<std::string> files;
  bool wants_explanation = false;
  bool wants_detailed_code = false;
  OutputFormat format = OutputFormat::kTable;
};

Result<ExitCode> show_plan(CommandContext& context, const Options& options) {
  VC_TRY(const DesiredState desired, load_desired_state(options.files, context));
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  VC_TRY(const Json plan, fetch_plan(*daemon, desired));
  if (options.format == OutputFormat::kTable) {
    context.console.out << print_plan(plan, context.console.out_palette,
                                      options.wants_explanation ? Reasons::kShow : Reasons::kHide);
  } else {
    context.console.out << render_document(plan, options.format);
  }
  const bool has_changes = count_steps(plan) > 0;
  return options.wants_detailed_code && has_changes ? ExitCode::kChanges : ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-f,--file", options->files, "file or folder of documents, '-' for standard input")
      ->required()
      ->type_name("PATH");
  app.add_flag("--explain", options->wants_explanation, "say why each step is there");
  app.add_flag("--detailed-exitcode", options->wants_detailed_code,
               "end with 0 for no changes, 2 for changes, 1 for an error");
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return show_plan(context, *options); };
}

}  // namespace

Command plan_command() {
  return {"plan", "Show what an apply would do; changes nothing",
          "  voicectl plan -f platform.yaml --explain\n"
          "  voicectl plan -f platform.d/ --detailed-exitcode\n"
          "  voicectl plan -f platform.yaml -o json",
          declare};
}

}  // namespace voicectl
