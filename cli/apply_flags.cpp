// SPDX-License-Identifier: Apache-2.0
#include "cli/apply_flags.h"

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/json.h"
#include "cli/revisions.h"

namespace voicectl {

void add_apply_flags(CLI::App& app, ApplyFlags& flags) {
  add_message_option(app, flags.message);
  app.add_option("--confirm", flags.confirmation,
                 "the word that a severe change asks for, instead of the question")
      ->type_name("WORD");
  add_lock_timeout(app, flags.lock_patience);
  app.add_flag("-y,--yes", flags.is_agreed, "apply without asking");
  app.add_flag("--explain", flags.is_explained, "say why each step is there");
  app.add_option("--allow-delete", flags.allow_delete,
                 "most tenants that may be deleted without a question")
      ->capture_default_str();
  add_rollout_flags(app, flags.rollout);
  add_output_option(app, flags.format, Formats::kLines);
}

void add_force_conflicts(CLI::App& app, bool& is_forced) {
  app.add_flag("--force-conflicts", is_forced,
               "take the file's value for fields that the command line has set");
}

ApplyOptions apply_options_of(const ApplyFlags& flags, const std::string& deed) {
  return {.consent = flags.is_agreed ? Consent::kGiven : Consent::kAsk,
          .reasons = flags.is_explained ? Reasons::kShow : Reasons::kHide,
          .format = flags.format,
          .confirmation = flags.confirmation,
          .allow_delete = flags.allow_delete,
          .why = reason_of(deed, flags.message),
          .rollout = flags.rollout,
          .lock_patience = flags.lock_patience};
}

Result<ExitCode> with_error_line(CommandContext& context,
                                 const ApplyFlags& flags,
                                 Result<ExitCode> outcome) {
  if (outcome.has_error() && flags.format == OutputFormat::kJson) {
    context.console.out << dump_json({{"type", "error"},
                                      {"code", name_of(outcome.error().code())},
                                      {"message", outcome.error().text()}})
                        << '\n';
  }
  return outcome;
}

}  // namespace voicectl
