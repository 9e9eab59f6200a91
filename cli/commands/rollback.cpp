// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/apply_flags.h"
#include "cli/commands/commands.h"
#include "cli/revisions.h"

namespace voicectl {
namespace {

struct Options {
  std::int64_t number = 0;
  ApplyFlags flags;
};

Result<ExitCode> roll_back(CommandContext& context, const Options& options) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  ApplyOptions how = apply_options_of(options.flags, fmt::format("rollback to {}", options.number));
  VC_TRY(const std::unique_ptr<PlatformLock> lock,
         PlatformLock::take(context, *daemon, how.why, how.lock_patience));
  how.lock = lock.get();
  VC_TRY(const Json kept, fetch_revision(*daemon, options.number));
  VC_TRY(const DesiredState desired, desired_state_of(kept));
  if (const std::string purged = list_cell(kept, "purged"); purged != "-") {
    context.console.err << fmt::format(
        "Revision {} had tenants that were purged since, and are not brought back: {}\n",
        options.number, safe_for_terminal(purged));
  }
  how.base_revision = integer_or(kept, "newest", 0);
  // Else the file that brought a tenant would bring it again, unseen.
  how.removed = Removed::kStaysAway;
  return apply_desired(context, desired, how);
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_revision_argument(app, "REVISION", options->number);
  app.get_option("REVISION")->required();
  add_apply_flags(app, options->flags);
  return [options](CommandContext& context) {
    return with_error_line(context, options->flags, roll_back(context, *options));
  };
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
