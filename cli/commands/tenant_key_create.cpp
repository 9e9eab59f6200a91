// SPDX-License-Identifier: Apache-2.0
#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"

namespace voicectl {
namespace {

struct Options {
  std::string slug;
  std::string scope = "admin";
  OutputFormat format = OutputFormat::kTable;
};

/// The key alone goes to standard output, so that it can be piped into a file and is in no log.
Result<ExitCode> create_key(CommandContext& context, const Options& options) {
  const Json request = {{"scope", options.scope}};
  VC_TRY(const Json key, daemon_of(context)->call("POST", "/v1/tenants/" + options.slug + "/keys",
                                                  dump_json(request)));
  if (options.format != OutputFormat::kTable) {
    context.console.out << render_document(key, options.format);
    return ExitCode::kOk;
  }
  context.console.err << "Key " << safe_for_terminal(cell(key, "id")) << " (scope "
                      << safe_for_terminal(cell(key, "scope"))
                      << "). It is shown this once and kept as a hash only.\n";
  context.console.out << safe_for_terminal(cell(key, "key")) << '\n';
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_tenant_argument(app, options->slug);
  app.add_option("--scope", options->scope, "what the key may do: admin, staff, widget")
      ->type_name("SCOPE")
      ->capture_default_str();
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return create_key(context, *options); };
}

}  // namespace

Command tenant_key_create_command() {
  return {"tenant key create", "Make an API key; it is shown once",
          "  voicectl tenant key create mario-pizza > mario-pizza.key", declare};
}

}  // namespace voicectl
