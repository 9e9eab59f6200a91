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
  std::uint64_t entry = 0;
  OutputFormat format = OutputFormat::kTable;
};

void print_entry(Console& console, const Json& entry) {
  const auto line = [&](std::string_view name, const std::string& value) {
    console.out << fmt::format("{:<10} {}\n", name, safe_for_terminal(value));
  };
  line("Entry", cell(entry, "id"));
  line("Tenant", cell(entry, "tenant"));
  line("Session", cell(entry, "session"));
  line("Kind", cell(entry, "kind"));
  line("State", cell(entry, "state"));
  line("Attempts", cell(entry, "attempts"));
  line("Created", cell(entry, "created_at"));
  line("Next", cell(entry, "next_attempt"));
  line("Key", cell(entry, "idempotency_key"));
  line("Error", cell(entry, "last_error"));
  line("Payload", cell(entry, "payload"));
}

Result<ExitCode> show_entry(CommandContext& context, const Options& options) {
  VC_TRY(const Json answer,
         daemon_of(context)->get(
             fmt::format("/v1/outbox/{}/{}", percent_encoded(options.tenant), options.entry)));
  if (options.format == OutputFormat::kTable) {
    print_entry(context.console, answer.value("entry", Json::object()));
  } else {
    context.console.out << render_document(answer, options.format);
  }
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("TENANT", options->tenant, "name of the tenant")->required();
  app.add_option("ENTRY", options->entry, "number of the entry")->required();
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return show_entry(context, *options); };
}

}  // namespace

Command outbox_show_command() {
  return {"outbox show", "Show one entry of a tenant's outbox, with what it would deliver",
          "  voicectl outbox show mario-pizza 17", declare};
}

}  // namespace voicectl
