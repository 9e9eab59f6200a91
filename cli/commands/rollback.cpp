// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/apply_flow.h"
#include "cli/commands/commands.h"
#include "cli/revisions.h"

namespace voicectl {
namespace {

struct Options {
  std::int64_t number = 0;
  std::string message;
  std::string confirmation;
  std::chrono::seconds lock_patience{0};
  bool is_agreed = false;
  bool is_explained = false;
  std::size_t allow_delete = 0;
  OutputFormat format = OutputFormat::kTable;
};

Result<ExitCode> roll_back(CommandContext& context, const Options& options) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  const std::string why = reason_of(fmt::format("rollback to {}", options.number), options.message);
  VC_TRY(const std::unique_ptr<PlatformLock> lock,
         PlatformLock::take(context, *daemon, why, options.lock_patience));
  VC_TRY(const Json kept, fetch_revision(*daemon, options.number));
  VC_TRY(const DesiredState desired, desired_state_of(kept));
  if (const std::string purged = list_cell(kept, "purged"); purged != "-") {
    context.console.err << fmt::format(
        "Revision {} had tenants that were purged since, and are not brought back: {}\n",
        options.number, safe_for_terminal(purged));
  }
  const ApplyOptions how{.consent = options.is_agreed ? Consent::kGiven : Consent::kAsk,
                         .reasons = options.is_explained ? Reasons::kShow : Reasons::kHide,
                         .format = options.format,
                         .confirmation = options.confirmation,
                         .allow_delete = options.allow_delete,
                         .why = why,
                         .base_revision = integer_or(kept, "newest", 0),
                         .lock = lock.get()};
  return apply_desired(context, desired, how);
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_revision_argument(app, "REVISION", options->number);
  app.get_option("REVISION")->required();
  add_message_option(app, options->message);
  app.add_option("--confirm", options->confirmation,
                 "the word that a severe change asks for, instead of the question")
      ->type_name("WORD");
  add_lock_timeout(app, options->lock_patience);
  app.add_flag("-y,--yes", options->is_agreed, "apply without asking");
  app.add_flag("--explain", options->is_explained, "say why each step is there");
  app.add_option("--allow-delete", options->allow_delete,
                 "most tenants that may be deleted without a question")
      ->type_name("N")
      ->capture_default_str();
  add_output_option(app, options->format, Formats::kLines);
  return [options](CommandContext& context) { return roll_back(context, *options); };
}

}  // namespace

Command rollback_command() {
  return {"rollback", "Apply an earlier revision again",
          "  voicectl diff 11 && voicectl rollback 11\n"
          "  voicectl rollback 11 --yes -m 'the new menu was wrong'\n"
          "\n"
          "It is a plan like any other, shown and asked for, and becomes a revision itself.",
          declare};
}

}  // namespace voicectl
