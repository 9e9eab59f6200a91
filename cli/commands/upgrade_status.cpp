// SPDX-License-Identifier: Apache-2.0
// How an upgrade stands, and turning it back.
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/list_printer.h"

namespace voicectl {
namespace {

struct Options {
  OutputFormat format = OutputFormat::kTable;
};

ListView programs_view() {
  return {"programs",
          "program",
          "fingerprint",
          "No program was taken in yet.",
          {text_column("PROGRAM", "fingerprint"), text_column("VERSION", "version"),
           text_column("ROLE", "role"), number_column("INSTANCES", "instances"),
           text_column("TAKEN", "taken_at"), text_column("HAND-OVER", "hand_over", Shown::kWide)}};
}

bool has(const Json& status, std::string_view key) {
  const auto found = status.find(key);
  return found != status.end() && found->is_object();
}

std::string current_of(const Json& status) {
  for (const Json& program : status.value("programs", Json::array())) {
    if (string_or(program, "role", "") == "current") {
      return string_or(program, "fingerprint", "");
    }
  }
  return "";
}

std::string websockets_text(const Json& of) {
  return fmt::format("{} WebSockets moved, {} dropped", integer_or(of, "websockets_moved", 0),
                     integer_or(of, "websockets_dropped", 0));
}

void print_upgrade(Console& console, const Json& upgrade) {
  console.out << fmt::format("\nUpgrade to {} ({}): {}, {} upgraded, {} left; {}\n",
                             safe_for_terminal(cell(upgrade, "to")),
                             safe_for_terminal(cell(upgrade, "who")),
                             safe_for_terminal(cell(upgrade, "phase")), cell(upgrade, "upgraded"),
                             cell(upgrade, "left"), websockets_text(upgrade));
  if (const std::string why = string_or(upgrade, "why", ""); !why.empty()) {
    console.out << "  because " << safe_for_terminal(why) << '\n';
  }
}

void print_last(Console& console, const Json& last) {
  console.out << fmt::format("\nLast upgrade, to {}: {} at {}; {}\n",
                             safe_for_terminal(cell(last, "to")),
                             safe_for_terminal(cell(last, "result")),
                             safe_for_terminal(cell(last, "ended")), websockets_text(last));
  if (const std::string why = string_or(last, "why", ""); !why.empty()) {
    console.out << "  because " << safe_for_terminal(why) << '\n';
  }
}

void print_status(Console& console, const Json& status) {
  print_list(console, status, programs_view(), OutputFormat::kTable);
  if (has(status, "upgrade")) {
    print_upgrade(console, status["upgrade"]);
  } else if (has(status, "last")) {
    print_last(console, status["last"]);
  }
  const std::string current = current_of(status);
  if (has(status, "installed") && !has(status, "upgrade") && !current.empty() &&
      string_or(status["installed"], "fingerprint", current) != current) {
    console.out << fmt::format(
        "\nThe installed program '{}' is another one; 'voicectl upgrade' rolls it out.\n",
        safe_for_terminal(cell(status["installed"], "path")));
  }
}

Result<ExitCode> show(CommandContext& context, const Options& options) {
  VC_TRY(const Json status, daemon_of(context)->get("/v1/upgrade"));
  if (options.format == OutputFormat::kTable) {
    print_status(context.console, status);
  } else {
    context.console.out << render_document(status, options.format);
  }
  return ExitCode::kOk;
}

CommandBody declare_status(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return show(context, *options); };
}

Result<ExitCode> abort_upgrade(CommandContext& context) {
  VC_TRY(daemon_of(context)->call("POST", "/v1/upgrade/abort",
                                  dump_json(Json{{"who", context.surroundings.user}})));
  context.console.out << "It turns back; 'voicectl upgrade status' shows how far it is.\n";
  return ExitCode::kOk;
}

CommandBody declare_abort(CLI::App&) {
  return [](CommandContext& context) { return abort_upgrade(context); };
}

}  // namespace

Command upgrade_status_command() {
  return {"upgrade status", "Show which programs run, and how an upgrade stands",
          "  voicectl upgrade status", declare_status};
}

Command upgrade_abort_command() {
  return {"upgrade abort", "Turn an upgrade back: everybody returns to the old program",
          "  voicectl upgrade abort", declare_abort};
}

}  // namespace voicectl
