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

struct ShowOptions {
  OutputFormat format = OutputFormat::kTable;
};

struct StealOptions {
  std::string confirmation;
};

void print_lock(Console& console, const Json& answer) {
  const Json lock = answer.value("lock", Json());
  if (!lock.is_object()) {
    console.out << (answer.value("busy", false)
                        ? "Nobody holds the lock; the daemon is carrying something out itself.\n"
                        : "Nobody holds the lock.\n");
    return;
  }
  const auto line = [&](std::string_view name, const std::string& value) {
    console.out << fmt::format("{:<10} {}\n", name, safe_for_terminal(value));
  };
  const bool is_applying = lock.value("applying", false);
  line("Holder", cell(lock, "holder"));
  line("Purpose", cell(lock, "purpose"));
  line("Since", cell(lock, "since"));
  line("Heartbeat", cell(lock, "renewed_at"));
  line("Ends", is_applying ? "with what is being applied" : cell(lock, "expires_at"));
}

Result<ExitCode> show_lock(CommandContext& context, const ShowOptions& options) {
  VC_TRY(const Json answer, daemon_of(context)->get("/v1/lock"));
  if (options.format == OutputFormat::kTable) {
    print_lock(context.console, answer);
  } else {
    context.console.out << render_document(answer, options.format);
  }
  return ExitCode::kOk;
}

Result<ExitCode> steal_lock(CommandContext& context, const StealOptions& options) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  VC_TRY(const Json answer, daemon->get("/v1/lock"));
  const Json lock = answer.value("lock", Json());
  const std::string holder = lock.is_object() ? string_or(lock, "holder", "") : "";
  if (holder.empty()) {
    return Error(ErrorCode::kNotFound, "cannot steal the lock: nobody holds it");
  }
  print_lock(context.console, answer);
  const Answer agreed =
      ask_for_word(context.console, "Whatever its holder is applying begins no further step.",
                   safe_for_terminal(holder), options.confirmation);
  if (agreed != Answer::kYes) {
    return exit_code_of_refusal(context.console, agreed);
  }
  const Json request = {{"holder", holder}, {"who", context.surroundings.user}};
  VC_TRY(daemon->call("POST", "/v1/lock/steal", dump_json(request)));
  context.console.out << fmt::format("The lock of {} is free.\n", safe_for_terminal(holder));
  return ExitCode::kOk;
}

CommandBody declare_show(CLI::App& app) {
  auto options = std::make_shared<ShowOptions>();
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return show_lock(context, *options); };
}

CommandBody declare_steal(CLI::App& app) {
  auto options = std::make_shared<StealOptions>();
  app.add_option("--confirm", options->confirmation, "its holder, instead of the question")
      ->type_name("HOLDER");
  return [options](CommandContext& context) { return steal_lock(context, *options); };
}

}  // namespace

Command lock_show_command() {
  return {"lock show", "Show who is changing the platform, for what, and since when",
          "  voicectl lock show", declare_show};
}

Command lock_steal_command() {
  return {"lock steal", "Take the lock away from a holder that is stuck",
          "  voicectl lock steal --confirm=ci@build-3:4711\n"
          "\n"
          "A holder that is not heard of for 30 seconds loses the lock by itself.",
          declare_steal};
}

}  // namespace voicectl
