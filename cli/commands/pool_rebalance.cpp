// SPDX-License-Identifier: Apache-2.0
#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/apply_flow.h"
#include "cli/commands/commands.h"
#include "cli/option_rules.h"

namespace voicectl {
namespace {

/// More than there are tenants.
constexpr std::uint64_t kMostMoves = 1'000'000;

struct Options {
  std::optional<std::uint32_t> max_moves;
  bool is_agreed = false;
  std::chrono::seconds lock_patience{0};
  bool is_dry_run = false;
  bool is_explained = false;
  OutputFormat format = OutputFormat::kTable;
};

Result<ExitCode> rebalance(CommandContext& context, const Options& options) {
  Json request = {{"who", context.surroundings.user}};
  if (options.max_moves) {
    request["max_moves"] = *options.max_moves;
  }
  const ApplyOptions how{.consent = options.is_agreed ? Consent::kGiven : Consent::kAsk,
                         .reasons = options.is_explained ? Reasons::kShow : Reasons::kHide,
                         .format = options.format,
                         .why = "pool rebalance",
                         .lock_patience = options.lock_patience};
  return run_moves(context, "/v1/pool/rebalance", std::move(request), how,
                   options.is_dry_run ? DryRun::kYes : DryRun::kNo);
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--max-moves", options->max_moves, "most tenants to move; default: all it takes")
      ->check(whole_number(1, kMostMoves));
  app.add_flag("--dry-run", options->is_dry_run, "show what would be done, and do nothing");
  app.add_flag("--explain", options->is_explained, "show the reason of each move");
  app.add_flag("-y,--yes", options->is_agreed, "move without asking");
  add_lock_timeout(app, options->lock_patience);
  add_output_option(app, options->format, Formats::kLines);
  return [options](CommandContext& context) { return rebalance(context, *options); };
}

}  // namespace

Command pool_rebalance_command() {
  return {"pool rebalance", "Even out the shared instances by their live sessions, or tenants",
          "  voicectl pool rebalance --dry-run --explain\n"
          "  voicectl pool rebalance --max-moves 5 --yes",
          declare};
}

}  // namespace voicectl
