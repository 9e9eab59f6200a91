// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/apply_flow.h"
#include "cli/commands/commands.h"

namespace voicectl {
namespace {

struct Options {
  std::string instance;
  bool is_agreed = false;
  OutputFormat format = OutputFormat::kTable;
};

Status require_instance(DaemonClient& daemon, const std::string& name) {
  VC_TRY(const Json answer, daemon.get("/v1/instances"));
  for (const Json& instance : answer.value("instances", Json::array())) {
    if (string_or(instance, "instance", "") == name) {
      return ok_status();
    }
  }
  return Error(ErrorCode::kNotFound,
               fmt::format("cannot replace instance '{}': there is none of that name; see "
                           "'voicectl ps'",
                           name));
}

Result<ExitCode> restart_instance(CommandContext& context, const Options& options) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  VC_TRY(require_instance(*daemon, options.instance));
  const Answer answer = ask_yes_no(
      context.console,
      fmt::format(
          "This starts an instance beside '{}', hands its tenants over and stops it. Go on?",
          options.instance),
      options.is_agreed ? Consent::kGiven : Consent::kAsk);
  if (answer != Answer::kYes) {
    return exit_code_of_refusal(context.console, answer);
  }
  return follow_progress(context, *daemon,
                         {"/v1/instances/" + percent_encoded(options.instance) + "/restart"},
                         dump_json(Json{{"who", context.surroundings.user}}),
                         options.format == OutputFormat::kJson ? Progress::kJson : Progress::kText);
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("INSTANCE", options->instance, "name of the instance, as 'voicectl ps' has it")
      ->required();
  app.add_flag("-y,--yes", options->is_agreed, "replace it without asking");
  add_output_option(app, options->format, Formats::kLines);
  return [options](CommandContext& context) { return restart_instance(context, *options); };
}

}  // namespace

Command instance_restart_command() {
  return {"instance restart", "Replace an instance by a fresh one; its connections stay open",
          "  voicectl instance restart shared-0", declare};
}

}  // namespace voicectl
