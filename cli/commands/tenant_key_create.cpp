// SPDX-License-Identifier: Apache-2.0
#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "cli/new_key.h"
#include "cli/seconds.h"

namespace voicectl {
namespace {

struct Options {
  std::string slug;
  std::string scope = "admin";
  std::string expires;
  OutputFormat format = OutputFormat::kTable;
};

Result<ExitCode> create_key(CommandContext& context, const Options& options) {
  Json request = {{"scope", options.scope}};
  if (!options.expires.empty()) {
    request["expires_in"] = parse_seconds(options.expires).value_or(0);
  }
  VC_TRY(const Json key, daemon_of(context)->call("POST", "/v1/tenants/" + options.slug + "/keys",
                                                  dump_json(request)));
  print_new_key(context.console, key, options.format);
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_tenant_argument(app, options->slug);
  app.add_option("--scope", options->scope, "what the key may do: admin, staff, widget")
      ->type_name("SCOPE")
      ->capture_default_str();
  app.add_option("--expires", options->expires,
                 "how long it is accepted, such as 90d; else forever")
      ->type_name("LENGTH")
      ->check(check_seconds);
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return create_key(context, *options); };
}

}  // namespace

Command tenant_key_create_command() {
  return {"tenant key create", "Make an API key; it is shown once",
          "  voicectl tenant key create mario-pizza > mario-pizza.key\n"
          "  voicectl tenant key create mario-pizza --scope widget --expires 90d",
          declare};
}

}  // namespace voicectl
