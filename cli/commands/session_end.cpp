// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/apply_flow.h"
#include "cli/commands/commands.h"

namespace voicectl {
namespace {

struct Options {
  std::string session;
  bool is_agreed = false;
};

Result<ExitCode> end_session(CommandContext& context, const Options& options) {
  const Answer answer = ask_yes_no(context.console, "This ends a live call. Go on?",
                                   options.is_agreed ? Consent::kGiven : Consent::kAsk);
  if (answer != Answer::kYes) {
    return exit_code_of_refusal(context.console, answer);
  }
  VC_TRY(const Json ended, daemon_of(context)->call(
                               "DELETE", "/v1/sessions/" + percent_encoded(options.session), ""));
  const Json session = ended.value("session", Json::object());
  context.console.out << safe_for_terminal(fmt::format("Session {} is {}.",
                                                       cell(session, "session_id"),
                                                       cell(session, "status")))
                      << '\n';
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("SESSION", options->session, "name of the session")->required();
  app.add_flag("-y,--yes", options->is_agreed, "end it without asking");
  return [options](CommandContext& context) { return end_session(context, *options); };
}

}  // namespace

Command session_end_command() {
  return {"session end", "End a live session",
          "  voicectl session end mario-pizza_2f0c9b7d54e8a1c6 --yes", declare};
}

}  // namespace voicectl
