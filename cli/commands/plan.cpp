// SPDX-License-Identifier: Apache-2.0
#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/apply_flow.h"
#include "cli/commands/commands.h"
#include "cli/documents.h"
#include "cli/output_file.h"
#include "cli/ownership_printer.h"
#include "cli/plan_markdown.h"
#include "cli/rollout_flags.h"
#include "cli/saved_plan.h"

namespace voicectl {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string out;
  bool wants_explanation = false;
  bool wants_detailed_code = false;
  RolloutFlags rollout;
  OutputFormat format = OutputFormat::kTable;
};

/// Readable by its owner only: it holds e-mail addresses and telephone numbers of tenants.
Status save_plan(CommandContext& context,
                 const Json& answer,
                 const std::string& document,
                 const std::string& path) {
  const SavedPlanNote note{document, format_wall_time(context.clock.now()),
                           context.surroundings.user};
  VC_TRY(const OutputPlace place,
         write_output_file(context, path, render_saved_plan(answer, note), kPrivateFile));
  if (!place.is_device) {
    context.console.err << "Saved. To apply exactly this: voicectl apply "
                        << safe_for_terminal(path) << '\n';
  }
  return ok_status();
}

void print(CommandContext& context, const Json& plan, const Options& options) {
  Console& console = context.console;
  if (options.format == OutputFormat::kTable) {
    console.out << print_plan(plan, console.out_palette,
                              options.wants_explanation ? Reasons::kShow : Reasons::kHide);
  } else if (options.format == OutputFormat::kMarkdown) {
    console.out << plan_as_markdown(plan);
  } else {
    console.out << render_document(plan, options.format);
  }
}

Result<ExitCode> show_plan(CommandContext& context, const Options& options) {
  say_at_once(context.console, "Planning ...");
  VC_TRY(const std::string document, load_document(options.files, context));
  if (pauses_between_nothing(options.rollout, document)) {
    return refuse_usage(context, "plan", kPauseBetweenNothing);
  }
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  VC_TRY(const Json answer, fetch_plan(*daemon, document, options.rollout));
  print(context, answer.at("plan"), options);
  if (!options.out.empty()) {
    VC_TRY(save_plan(context, answer, document, options.out));
  }
  const Json& plan = answer.at("plan");
  const bool has_changes = count_steps(plan) > 0 || has_conflicts(plan);
  return options.wants_detailed_code && has_changes ? ExitCode::kChanges : ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-f,--file", options->files, "file or folder of documents, '-' for standard input")
      ->required()
      ->type_name("PATH");
  app.add_option("--out", options->out, "save the plan here too, for 'voicectl apply PATH'")
      ->type_name("PATH")
      ->check([](const std::string& path) {
        return std::string(path == "-" ? "a plan is saved in a file; see -o json" : "");
      });
  app.add_flag("--explain", options->wants_explanation, "say why each step is there");
  app.add_flag("--detailed-exitcode", options->wants_detailed_code,
               "end with 0 for no changes, 2 for changes, 1 or another code for an error");
  add_rollout_flags(app, options->rollout);
  add_output_option(app, options->format, Formats::kPlan);
  return [options](CommandContext& context) { return show_plan(context, *options); };
}

}  // namespace

Command plan_command() {
  return {"plan", "Show what an apply would do; changes nothing",
          "  voicectl plan -f platform.yaml --explain\n"
          "  voicectl plan -f platform.d/ --detailed-exitcode\n"
          "  voicectl plan -f platform.yaml --out plan.json\n"
          "  voicectl plan -f platform.yaml -o markdown",
          declare};
}

}  // namespace voicectl
