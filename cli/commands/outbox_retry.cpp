// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"

namespace voicectl {
namespace {

struct Options {
  std::string tenant;
  std::vector<std::uint64_t> entries;
  bool all_dead = false;
};

Result<ExitCode> retry_entries(CommandContext& context, const Options& options) {
  const std::string base = "/v1/outbox/" + percent_encoded(options.tenant);
  if (options.all_dead) {
    VC_TRY(const Json answer, daemon_of(context)->call("POST", base + "/retry", ""));
    context.console.out << fmt::format("Retrying {} dead entr{} of {}.\n", cell(answer, "retried"),
                                       integer_or(answer, "retried", 0) == 1 ? "y" : "ies",
                                       safe_for_terminal(options.tenant));
    return ExitCode::kOk;
  }
  for (const std::uint64_t entry : options.entries) {
    VC_TRY(const Json answer,
           daemon_of(context)->call("POST", fmt::format("{}/{}/retry", base, entry), ""));
    context.console.out << fmt::format(
        "Retrying entry {}, {}.\n", entry,
        safe_for_terminal(cell(answer.value("entry", Json::object()), "kind")));
  }
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("TENANT", options->tenant, "name of the tenant")->required();
  auto* const entries =
      app.add_option("ENTRY", options->entries, "numbers of the entries")->expected(1, 100);
  auto* const dead = app.add_flag("--dead", options->all_dead, "every dead entry of the tenant");
  dead->excludes(entries);
  return [options](CommandContext& context) -> Result<ExitCode> {
    if (!options->all_dead && options->entries.empty()) {
      return Error(ErrorCode::kInvalidArgument,
                   "cannot retry nothing: name entries, or give --dead for every dead one");
    }
    return retry_entries(context, *options);
  };
}

}  // namespace

Command outbox_retry_command() {
  return {"outbox retry", "Try entries again now, with all their attempts before them",
          "  voicectl outbox retry mario-pizza 17 18\n  voicectl outbox retry mario-pizza --dead",
          declare};
}

}  // namespace voicectl
