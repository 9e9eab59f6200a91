// SPDX-License-Identifier: Apache-2.0
#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "cli/list_printer.h"

namespace voicectl {
namespace {

struct Options {
  std::string slug;
  OutputFormat format = OutputFormat::kTable;
};

ListView keys_view() {
  return {"keys",
          "key",
          "id",
          "There is no key. Make one: voicectl tenant key create TENANT",
          {text_column("KEY", "id"), text_column("SCOPE", "scope"), text_column("STATE", "state"),
           text_column("CREATED", "created_at"), text_column("EXPIRES", "expires_at"),
           text_column("REVOKED", "revoked_at", Shown::kWide),
           text_column("REPLACED BY", "replaced_by", Shown::kWide)}};
}

Result<ExitCode> list_keys(CommandContext& context, const Options& options) {
  VC_TRY(const Json answer, daemon_of(context)->get("/v1/tenants/" + options.slug + "/keys"));
  print_list(context.console, answer, keys_view(), options.format);
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_tenant_argument(app, options->slug);
  add_output_option(app, options->format, Formats::kList);
  return [options](CommandContext& context) { return list_keys(context, *options); };
}

}  // namespace

Command tenant_key_list_command() {
  return {"tenant key list", "List a tenant's API keys, without the keys themselves",
          "  voicectl tenant key list mario-pizza", declare};
}

}  // namespace voicectl
