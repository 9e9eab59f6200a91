// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"
#include "provisioner/model/yaml_text.h"

namespace voicectl {
namespace {

struct Options {
  std::string slug;
  OutputFormat format = OutputFormat::kTable;
};

void print_tenant(Console& console, const Json& tenant) {
  const auto line = [&](std::string_view name, const std::string& value) {
    console.out << fmt::format("{:<10} {}\n", name, safe_for_terminal(value));
  };
  line("Tenant", cell(tenant, "tenant"));
  line("Name", cell(tenant, "name"));
  line("Type", cell(tenant, "business_type"));
  line("Plan", cell(tenant, "plan"));
  line("Tier", cell(tenant, "tier"));
  line("Phase", cell(tenant, "phase"));
  line("Instance", cell(tenant, "instance"));
  line("Sessions", cell(tenant, "sessions"));
  line("Port", cell(tenant, "port"));
  line("Socket", cell(tenant, "socket"));
  line("Hosts", list_cell(tenant, "hosts"));
  line("Created", cell(tenant, "created_at"));
}

Result<ExitCode> show_tenant(CommandContext& context, const Options& options) {
  VC_TRY(const Json tenant, daemon_of(context)->get("/v1/tenants/" + options.slug));
  if (options.format == OutputFormat::kTable) {
    print_tenant(context.console, tenant);
  } else {
    context.console.out << render_document(tenant, options.format);
  }
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_tenant_argument(app, options->slug);
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return show_tenant(context, *options); };
}

}  // namespace

Command tenant_show_command() {
  return {"tenant show", "Show a tenant: where it runs, and its specification with -o yaml",
          "  voicectl tenant show mario-pizza\n  voicectl tenant show mario-pizza -o yaml",
          declare};
}

}  // namespace voicectl
