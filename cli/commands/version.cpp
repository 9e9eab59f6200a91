// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"
#include "provisioner/api/control_protocol.h"
#include "provisioner/model/desired_state.h"

namespace voicectl {
namespace {

struct Options {
  OutputFormat format = OutputFormat::kTable;
};

/// The daemon's part is best effort: the version of the program is known without it.
Result<ExitCode> show_version(CommandContext& context, const Options& options) {
  const Result<Json> daemon = daemon_of(context)->get("/v1/version");
  if (options.format != OutputFormat::kTable) {
    const Json document = {{"version", VOICECTL_VERSION},
                           {"api", api::kVersion},
                           {"daemon", daemon.has_value() ? *daemon : Json()}};
    context.console.out << render_document(document, options.format);
    return ExitCode::kOk;
  }
  context.console.out << fmt::format("voicectl  {} (control API {}, documents {})\n",
                                     VOICECTL_VERSION, api::kVersion, kApiVersion);
  context.console.out << (daemon.has_value()
                              ? fmt::format("voicectld {} (control API {}, pid {})\n",
                                            cell(*daemon, "version"), cell(*daemon, "api"),
                                            cell(*daemon, "pid"))
                          : daemon.error().code() == ErrorCode::kUnavailable
                              ? "voicectld not running\n"
                              : safe_for_terminal("voicectld " + daemon.error().text()) + "\n");
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return show_version(context, *options); };
}

}  // namespace

Command version_command() {
  return {"version", "Show the versions of voicectl and of the daemon", "", declare};
}

}  // namespace voicectl
