// SPDX-License-Identifier: Apache-2.0
#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "cli/list_printer.h"

namespace voicectl {
namespace {

struct Options {
  OutputFormat format = OutputFormat::kTable;
};

ListView tenants_view() {
  return {"tenants",
          "tenant",
          "tenant",
          "There is no tenant. Create one: voicectl tenant create my-shop --name 'My Shop'",
          {text_column("TENANT", "tenant"),
           text_column("TYPE", "business_type"),
           text_column("PLAN", "plan"),
           text_column("TIER", "tier"),
           text_column("PHASE", "phase"),
           text_column("INSTANCE", "instance"),
           number_column("SESSIONS", "sessions"),
           number_column("PORT", "port", Shown::kWide),
           {{"MEMORY", Align::kRight},
            Shown::kWide,
            [](const Json& item) { return bytes_cell(item, "memory_bytes"); }},
           text_column("SOCKET", "socket", Shown::kWide),
           text_column("NAME", "name", Shown::kWide),
           {{"HOSTS", Align::kLeft}, Shown::kAlways, [](const Json& item) {
              return list_cell(item, "hosts");
            }}}};
}

Result<ExitCode> list_tenants(CommandContext& context, const Options& options) {
  VC_TRY(const Json answer, daemon_of(context)->get("/v1/tenants"));
  print_list(context.console, answer, tenants_view(), options.format);
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_output_option(app, options->format, Formats::kList);
  return [options](CommandContext& context) { return list_tenants(context, *options); };
}

}  // namespace

Command tenant_list_command() {
  return {"tenant list", "List the tenants and where they run",
          "  voicectl tenant list\n  voicectl tenant list -o name", declare};
}

}  // namespace voicectl
