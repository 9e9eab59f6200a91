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
  std::string session;
  OutputFormat format = OutputFormat::kTable;
};

void print_events(Console& console, const Json& answer) {
  const auto events = answer.find("events");
  if (events == answer.end() || !events->is_array() || events->empty()) {
    return;
  }
  Table table({{"SEQ", Align::kRight}, {"AT"}, {"EVENT"}, {"DATA"}});
  for (const Json& event : *events) {
    table.add({cell(event, "seq"), cell(event, "at"), cell(event, "type"), cell(event, "data")});
  }
  console.out << '\n' << table.str(console.out_palette);
}

void print_session(Console& console, const Json& answer) {
  const Json session = answer.value("session", Json::object());
  const auto line = [&](std::string_view name, const std::string& value) {
    console.out << fmt::format("{:<10} {}\n", name, safe_for_terminal(value));
  };
  line("Session", cell(session, "session_id"));
  line("Tenant", cell(session, "tenant"));
  line("Status", cell(session, "status"));
  line("Customer", cell(session, "customer_name"));
  line("Instance", cell(session, "node_server_id"));
  line("Created", cell(session, "created_at"));
  line("Duration", seconds_cell(session, "duration"));
  line("Outcome", cell(session, "business_outcome"));
  line("Document", cell(session, "reference_document"));
  print_events(console, answer);
}

Result<ExitCode> show_session(CommandContext& context, const Options& options) {
  VC_TRY(const Json answer,
         daemon_of(context)->get("/v1/sessions/" + percent_encoded(options.session)));
  if (options.format == OutputFormat::kTable) {
    print_session(context.console, answer);
  } else {
    context.console.out << render_document(answer, options.format);
  }
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("SESSION", options->session, "name of the session")->required();
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return show_session(context, *options); };
}

}  // namespace

Command session_show_command() {
  return {"session show", "Show a session and its events",
          "  voicectl session show mario-pizza_2f0c9b7d54e8a1c6", declare};
}

}  // namespace voicectl
