// SPDX-License-Identifier: Apache-2.0
#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/seconds.h"

namespace voicectl {
namespace {

struct Options {
  std::string slug;
  std::string overlap = "24h";
  OutputFormat format = OutputFormat::kTable;
};

Result<ExitCode> rotate_secret(CommandContext& context, const Options& options) {
  const Json request = {{"overlap", parse_seconds(options.overlap).value_or(0)}};
  VC_TRY(const Json rotated,
         daemon_of(context)->call("POST", "/v1/tenants/" + options.slug + "/secrets/rotate",
                                  dump_json(request)));
  if (options.format != OutputFormat::kTable) {
    context.console.out << render_document(rotated, options.format);
    return ExitCode::kOk;
  }
  context.console.out << "New calls of " << options.slug
                      << " have another webhook secret. What was signed with the former one is "
                         "accepted until "
                      << safe_for_terminal(cell(rotated, "accepted_until")) << ".\n";
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_tenant_argument(app, options->slug);
  app.add_option("--overlap", options->overlap,
                 "how long the former secret is accepted: longer than any call")
      ->type_name("LENGTH")
      ->capture_default_str()
      ->check(check_seconds);
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return rotate_secret(context, *options); };
}

}  // namespace

Command tenant_secret_rotate_command() {
  return {"tenant secret rotate",
          "Replace the secret of a tenant's webhooks; the former one is accepted for a while",
          "  voicectl tenant secret rotate mario-pizza\n"
          "  voicectl tenant secret rotate mario-pizza --overlap 2h",
          declare};
}

}  // namespace voicectl
