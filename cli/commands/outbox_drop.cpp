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
  std::string tenant;
  std::uint64_t entry = 0;
  bool is_agreed = false;
};

Result<ExitCode> drop_entry(CommandContext& context, const Options& options) {
  const Answer agreed =
      ask_yes_no(context.console, "This forgets an effect that was promised, for good. Go on?",
                 options.is_agreed ? Consent::kGiven : Consent::kAsk);
  if (agreed != Answer::kYes) {
    return exit_code_of_refusal(context.console, agreed);
  }
  VC_TRY(const Json answer,
         daemon_of(context)->call(
             "DELETE",
             fmt::format("/v1/outbox/{}/{}", percent_encoded(options.tenant), options.entry), ""));
  context.console.out << fmt::format(
      "Dropped entry {}, {}.\n", options.entry,
      safe_for_terminal(cell(answer.value("entry", Json::object()), "kind")));
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("TENANT", options->tenant, "name of the tenant")->required();
  app.add_option("ENTRY", options->entry, "number of the entry")->required();
  app.add_flag("-y,--yes", options->is_agreed, "drop it without asking");
  return [options](CommandContext& context) { return drop_entry(context, *options); };
}

}  // namespace

Command outbox_drop_command() {
  return {"outbox drop", "Forget an entry without delivering it",
          "  voicectl outbox drop mario-pizza 17 --yes", declare};
}

}  // namespace voicectl
