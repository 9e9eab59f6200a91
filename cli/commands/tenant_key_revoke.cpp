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
  std::string key_id;
};

Result<ExitCode> revoke_key(CommandContext& context, const Options& options) {
  const std::string target =
      "/v1/tenants/" + options.slug + "/keys/" + percent_encoded(options.key_id);
  VC_TRY(const Json answer, daemon_of(context)->call("DELETE", target, ""));
  context.console.out << "Revoked key " << safe_for_terminal(cell(answer, "id")) << ".\n";
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_tenant_argument(app, options->slug);
  app.add_option("KEY", options->key_id, "id of the key, as 'tenant key list' shows it")
      ->required();
  return [options](CommandContext& context) { return revoke_key(context, *options); };
}

}  // namespace

Command tenant_key_revoke_command() {
  return {"tenant key revoke", "Revoke an API key; connections that it opened are closed",
          "  voicectl tenant key revoke mario-pizza 2f9c01ab", declare};
}

}  // namespace voicectl
