// SPDX-License-Identifier: Apache-2.0
#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/apply_flags.h"
#include "cli/commands/commands.h"
#include "cli/documents.h"
#include "cli/saved_plan.h"

namespace voicectl {
namespace {

struct Options {
  std::string saved_plan;
  std::vector<std::string> files;
  bool wants_detailed_code = false;
  bool is_forced = false;
  ApplyFlags flags;
};

/// What was typed, as far as it says what was applied.
std::string words_of(const Options& options) {
  std::string out = "apply";
  out += options.saved_plan.empty() ? "" : " " + options.saved_plan;
  for (const std::string& file : options.files) {
    out += " -f " + file;
  }
  out += options.is_forced ? " --force-conflicts" : "";
  return safe_for_terminal(out);
}

Result<ExitCode> apply(CommandContext& context, const Options& options) {
  say_at_once(context.console, "Planning ...");
  ApplyOptions how = apply_options_of(options.flags, words_of(options));
  how.code_when_changed = options.wants_detailed_code ? ExitCode::kChanges : ExitCode::kOk;
  how.conflicts = options.is_forced ? Conflicts::kForce : Conflicts::kRefuse;
  if (!options.saved_plan.empty()) {
    VC_TRY(const std::string text, file_reader(context)(options.saved_plan));
    VC_TRY(const Json saved, parse_saved_plan(text, options.saved_plan));
    return apply_saved_plan(context, saved, options.saved_plan, how);
  }
  VC_TRY(const std::string document, load_document(options.files, context));
  if (pauses_between_nothing(options.flags.rollout, document)) {
    return refuse_usage(context, "apply", kPauseBetweenNothing);
  }
  return apply_document(context, document, how);
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::Option* const plan =
      app.add_option("PLAN", options->saved_plan, "plan that 'voicectl plan --out' has saved");
  CLI::Option* const files = app.add_option("-f,--file", options->files,
                                            "file or folder of documents, '-' for standard input")
                                 ->type_name("PATH")
                                 ->excludes(plan);
  app.final_callback([plan, files] {
    if (plan->empty() && files->empty()) {
      throw CLI::RequiredError("-f PATH or PLAN");
    }
  });
  app.add_flag("--detailed-exitcode", options->wants_detailed_code,
               "end with 0 for no changes, 2 for changes made, 1 or another code for an error");
  add_force_conflicts(app, options->is_forced);
  add_apply_flags(app, options->flags);
  return [options](CommandContext& context) {
    return with_error_line(context, options->flags, apply(context, *options));
  };
}

}  // namespace

Command apply_command() {
  return {
      "apply", "Bring the platform to the state that documents ask for",
      "  voicectl apply -f platform.yaml\n"
      "  voicectl apply -f platform.d/ --yes\n"
      "  voicectl apply -f platform.yaml --yes --allow-delete=1\n"
      "  voicectl plan -f platform.yaml --out plan.json && voicectl apply plan.json --yes\n"
      "  voicectl apply -f platform.yaml --canary=mario-pizza --batch=50 --pause=1m "
      "--max-failures=2\n"
      "\n"
      "The documents are the whole desired state: a tenant that is in none of them is deleted,\n"
      "unless a command has made it. What a command has set and no document names stays; what a\n"
      "document sets otherwise is a conflict, and refused (4) without --force-conflicts.\n"
      "A saved plan is applied exactly, or refused (4) if anything else would be done now.\n"
      "A tenant whose new settings or instance do not get ready stays with what it has. When more\n"
      "than --max-failures have failed no other one begins; what was not begun stays as it is\n"
      "until the next apply, which goes on.\n"
      "Ctrl-C stops the watching, not the apply.",
      declare};
}

}  // namespace voicectl
