// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>
#include <vector>

#include "cli/commands/commands.h"
#include "provisioner/model/field_owners.h"
#include "provisioner/model/yaml_text.h"

namespace voicectl {
namespace {

struct Options {
  std::string slug;
  OutputFormat format = OutputFormat::kTable;
};

/// Who set a field, and how that came to be.
std::string owner_text(const Json& owner) {
  const std::string why = string_or(owner, "why", "");
  if (string_or(owner, "owner", "?") == name_of(FieldOwner::kMonitor)) {
    return why.empty() ? "monitor" : fmt::format("monitor (since {}: {})", cell(owner, "at"), why);
  }
  return fmt::format("command line ({}, revision {}, {}: {})", string_or(owner, "who", "?"),
                     integer_or(owner, "revision", 0), cell(owner, "at"), why);
}

/// A line for each way in which fields came to be, and one for what is the file's.
std::vector<std::string> owner_lines(const Json& tenant) {
  std::vector<std::pair<std::string, std::string>> groups;
  const Json owners = tenant.value("owners", Json::array());
  for (const Json& owner : owners) {
    const std::string text = owner_text(owner);
    const std::string field = string_or(owner, "field", "?");
    const auto known = std::find_if(groups.begin(), groups.end(),
                                    [&](const auto& group) { return group.second == text; });
    if (known == groups.end()) {
      groups.emplace_back(field, text);
    } else {
      known->first += ", " + field;
    }
  }
  std::vector<std::string> out;
  for (const auto& [fields, text] : groups) {
    out.push_back(fields + ": " + text);
  }
  out.emplace_back(out.empty() ? "file" : "all else: file");
  return out;
}

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
  std::string_view title = "Owners";
  for (const std::string& each : owner_lines(tenant)) {
    line(std::exchange(title, ""), each);
  }
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
  return {"tenant show",
          "Show a tenant: where it runs, who set what, and its specification with -o yaml",
          "  voicectl tenant show mario-pizza\n  voicectl tenant show mario-pizza -o yaml",
          declare};
}

}  // namespace voicectl
