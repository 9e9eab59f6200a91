// SPDX-License-Identifier: Apache-2.0
#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/apply_flow.h"
#include "cli/commands/commands.h"

namespace voicectl {
namespace {

struct Options {
  std::string slug;
  std::string to;
  bool is_agreed = false;
  std::chrono::seconds lock_patience{0};
  bool is_dry_run = false;
  OutputFormat format = OutputFormat::kTable;
};

Result<ExitCode> move_tenant(CommandContext& context, const Options& options) {
  Json request = {{"who", context.surroundings.user}};
  if (!options.to.empty()) {
    request["to"] = options.to;
  }
  const ApplyOptions how{.consent = options.is_agreed ? Consent::kGiven : Consent::kAsk,
                         .format = options.format,
                         .why = "tenant move " + options.slug,
                         .lock_patience = options.lock_patience};
  return run_moves(context, "/v1/tenants/" + percent_encoded(options.slug) + "/move",
                   std::move(request), how, options.is_dry_run ? DryRun::kYes : DryRun::kNo);
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_tenant_argument(app, options->slug);
  app.add_option("--to", options->to,
                 "shared instance that gets it; default: the other one with the fewest tenants")
      ->type_name("INSTANCE");
  app.add_flag("--dry-run", options->is_dry_run, "show what would be done, and do nothing");
  app.add_flag("-y,--yes", options->is_agreed, "move without asking");
  add_lock_timeout(app, options->lock_patience);
  add_output_option(app, options->format, Formats::kLines);
  return [options](CommandContext& context) { return move_tenant(context, *options); };
}

}  // namespace

Command tenant_move_command() {
  return {"tenant move", "Move a tenant to another shared instance, sessions included",
          "  voicectl tenant move mario-pizza\n"
          "  voicectl tenant move mario-pizza --to shared-1 --yes",
          declare};
}

}  // namespace voicectl
