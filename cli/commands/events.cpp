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
  bool is_following = false;
  std::uint64_t after = 0;
  OutputFormat format = OutputFormat::kTable;
};

std::string event_line(const Json& event, const Palette& palette) {
  const auto detail = event.find("detail");
  const bool has_detail = detail != event.end() && detail->is_object() && !detail->empty();
  return fmt::format("{:>6}  {}  {:<24} {}{}\n", cell(event, "number"),
                     palette.paint(Color::kFaint, safe_for_terminal(cell(event, "at"))),
                     safe_for_terminal(cell(event, "name")),
                     safe_for_terminal(cell(event, "subject")),
                     has_detail ? "  " + safe_for_terminal(dump_json(*detail)) : "");
}

Result<ExitCode> show_events(CommandContext& context, const Options& options) {
  Console& console = context.console;
  const std::string target =
      fmt::format("/v1/events?after={}{}", options.after, options.is_following ? "&follow=1" : "");
  std::int64_t last = static_cast<std::int64_t>(options.after);
  const auto on_line = [&](std::string_view line) -> Status {
    VC_TRY(const Json event, parse_json(line));
    if (const auto error = event.find("error"); error != event.end() && error->is_object()) {
      return Error(error_code_named(string_or(*error, "code", "internal")),
                   string_or(*error, "message", "cannot read on: the daemon gave no reason"));
    }
    last = integer_or(event, "number", last);
    if (const std::int64_t missed = integer_or(event, "missed", 0); missed > 0) {
      console.err << fmt::format("{} event{} before number {} {} not kept any more.\n", missed,
                                 missed == 1 ? "" : "s", last, missed == 1 ? "is" : "are");
    }
    if (options.format == OutputFormat::kJson) {
      console.out << line << '\n' << std::flush;
      return ok_status();
    }
    console.out << event_line(event, console.out_palette) << std::flush;
    return ok_status();
  };
  const Status ended = daemon_of(context)->stream("GET", target, "", on_line);
  if (ended.has_error() && options.is_following && last > 0) {
    // The daemon may have been restarted: what came meanwhile is not lost.
    console.err << fmt::format("To go on where this ended: voicectl events -f --after {}\n", last);
  }
  VC_TRY(ended);
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_flag("-f,--follow", options->is_following, "go on with new events");
  app.add_option("--after", options->after, "only events after this number")->capture_default_str();
  add_output_option(app, options->format, Formats::kLines);
  return [options](CommandContext& context) { return show_events(context, *options); };
}

}  // namespace

Command events_command() {
  return {"events", "Show what the daemon did and decided",
          "  voicectl events -f\n  voicectl events --after 120 -o json", declare};
}

}  // namespace voicectl
