// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "cli/list_printer.h"
#include "cli/option_rules.h"

namespace voicectl {
namespace {

constexpr std::uint32_t kMostEntries = 200;

struct Options {
  std::string tenant;
  std::string state;
  std::uint32_t limit = 50;
  std::uint64_t after = 0;
  OutputFormat format = OutputFormat::kTable;
};

ListView outbox_view() {
  return {"entries",
          "entry",
          "id",
          "Nothing waits: every effect on another system was delivered.",
          {text_column("TENANT", "tenant"), number_column("ENTRY", "id"),
           text_column("KIND", "kind"), text_column("STATE", "state"),
           number_column("ATTEMPTS", "attempts"), text_column("NEXT", "next_attempt"),
           text_column("ERROR", "last_error"), text_column("SESSION", "session", Shown::kWide),
           text_column("CREATED", "created_at", Shown::kWide)}};
}

Result<ExitCode> list_outbox(CommandContext& context, const Options& options) {
  std::string target = fmt::format("/v1/outbox?limit={}", options.limit);
  if (!options.tenant.empty()) {
    target += "&tenant=" + percent_encoded(options.tenant);
  }
  if (!options.state.empty()) {
    target += "&state=" + percent_encoded(options.state);
  }
  if (options.after > 0) {
    target += fmt::format("&after={}", options.after);
  }
  VC_TRY(const Json answer, daemon_of(context)->get(target));
  print_list(context.console, answer, outbox_view(), options.format);
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--tenant", options->tenant, "only entries of this tenant")->type_name("TENANT");
  app.add_option("--state", options->state, "only entries that are pending, or dead")
      ->type_name("STATE")
      ->check(one_of({"pending", "dead"}));
  app.add_option("--limit", options->limit,
                 fmt::format("most entries of a tenant, up to {}", kMostEntries))
      ->check(whole_number(1, kMostEntries))
      ->capture_default_str();
  app.add_option("--after", options->after, "only entries with a higher number");
  add_output_option(app, options->format, Formats::kList);
  return [options](CommandContext& context) { return list_outbox(context, *options); };
}

}  // namespace

Command outbox_list_command() {
  return {
      "outbox list", "List what tenants still owe to other systems, oldest first",
      "  voicectl outbox list\n  voicectl outbox list --tenant mario-pizza --state dead -o json",
      declare};
}

}  // namespace voicectl
