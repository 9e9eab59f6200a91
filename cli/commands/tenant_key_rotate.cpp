// SPDX-License-Identifier: Apache-2.0
#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/new_key.h"
#include "cli/seconds.h"

namespace voicectl {
namespace {

struct Options {
  std::string slug;
  std::string key_id;
  std::string overlap = "24h";
  OutputFormat format = OutputFormat::kTable;
};

Result<ExitCode> rotate_key(CommandContext& context, const Options& options) {
  const std::string target =
      "/v1/tenants/" + options.slug + "/keys/" + percent_encoded(options.key_id) + "/rotate";
  const Json request = {{"overlap", parse_seconds(options.overlap).value_or(0)}};
  VC_TRY(const Json key, daemon_of(context)->call("POST", target, dump_json(request)));
  if (options.format == OutputFormat::kTable) {
    context.console.err << "Key " << safe_for_terminal(options.key_id)
                        << " is accepted for another " << options.overlap << ".\n";
  }
  print_new_key(context.console, key, options.format);
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_tenant_argument(app, options->slug);
  app.add_option("KEY", options->key_id, "id of the key, as 'tenant key list' shows it")
      ->required();
  app.add_option("--overlap", options->overlap, "how long the old key is accepted too")
      ->type_name("LENGTH")
      ->capture_default_str()
      ->check(check_seconds);
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return rotate_key(context, *options); };
}

}  // namespace

Command tenant_key_rotate_command() {
  return {"tenant key rotate", "Replace an API key; the old one is accepted for a while",
          "  voicectl tenant key rotate mario-pizza 2f9c01ab --overlap 24h > mario-pizza.key",
          declare};
}

}  // namespace voicectl
