// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"

namespace voicectl {
namespace {

struct Options {
  std::string name;
  std::string why;
  std::string state;
  bool is_undo = false;
};

Result<ExitCode> adopt(CommandContext& context, const Options& options) {
  Json body = {{"name", options.name}, {"who", context.surroundings.user}, {"why", options.why}};
  if (!options.state.empty()) {
    body["state"] = options.state;
  }
  VC_TRY(const Json answer,
         daemon_of(context)->call("POST", options.is_undo ? "/v1/drift/give_up" : "/v1/drift/adopt",
                                  dump_json(body)));
  const std::string name = safe_for_terminal(string_or(answer, "name", options.name));
  context.console.out << (options.is_undo
                              ? fmt::format("Given up: the next apply brings {} back.\n", name)
                              : fmt::format("Adopted {} as it is ({}): it is left so.\n", name,
                                            safe_for_terminal(string_or(answer, "state", "?"))));
  if (answer.value("recorded", Json(true)) == Json(false)) {
    context.console.out
        << "It could not be written down yet, which is done before anything else is "
           "changed: see 'voicectl events'.\n";
  }
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("NAME", options->name, "<kind>/<name>, as 'voicectl drift -o name' shows it")
      ->required();
  CLI::Option* const why =
      app.add_option("--why", options->why, "why it is to stay so; needed, except with --undo")
          ->type_name("TEXT");
  app.add_option("--state", options->state,
                 "adopt only this, as 'voicectl drift -o json' shows it; another state is refused")
      ->type_name("STATE");
  CLI::Option* const undo =
      app.add_flag("--undo", options->is_undo, "give it up: it is drift again");
  app.final_callback([why, undo] {
    if (why->empty() && undo->empty()) {
      throw CLI::RequiredError("--why TEXT, for whoever finds it later,");
    }
  });
  return [options](CommandContext& context) { return adopt(context, *options); };
}

}  // namespace

Command adopt_command() {
  return {"adopt", "Accept drift as it is, or give that up",
          "  voicectl adopt file/run/edge/nginx.conf --why 'rate limit for the campaign'\n"
          "  voicectl adopt --undo file/run/edge/nginx.conf",
          declare};
}

}  // namespace voicectl
