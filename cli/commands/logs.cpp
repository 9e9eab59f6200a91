// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/seconds.h"

namespace voicectl {
namespace {

struct Options {
  bool is_following = false;
  std::string tenant;
  std::string instance;
  std::string since;
  OutputFormat format = OutputFormat::kTable;
};

std::string target_of(const Options& options) {
  std::string target = options.is_following ? "/v1/logs?follow=1" : "/v1/logs?follow=0";
  if (!options.tenant.empty()) {
    target += "&tenant=" + percent_encoded(options.tenant);
  }
  if (!options.instance.empty()) {
    target += "&instance=" + percent_encoded(options.instance);
  }
  if (!options.since.empty()) {
    target += fmt::format("&since={}", parse_seconds(options.since).value_or(0));
  }
  return target;
}

Result<ExitCode> show_logs(CommandContext& context, const Options& options) {
  Console& console = context.console;
  VC_TRY(daemon_of(context)->stream(
      "GET", target_of(options), "", [&](std::string_view line) -> Status {
        if (options.format == OutputFormat::kJson) {
          console.out << line << '\n' << std::flush;
          return ok_status();
        }
        VC_TRY(const Json entry, parse_json(line));
        console.out << console.out_palette.paint(Color::kFaint,
                                                 safe_for_terminal(string_or(entry, "source", "?")))
                    << "  " << safe_for_terminal(string_or(entry, "line", "")) << '\n'
                    << std::flush;
        return ok_status();
      }));
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_flag("-f,--follow", options->is_following, "go on with new lines");
  app.add_option("--tenant", options->tenant, "only lines about this tenant")->type_name("TENANT");
  app.add_option("--instance", options->instance, "only lines of this instance")
      ->type_name("INSTANCE");
  app.add_option("--since", options->since, "only lines that are younger, such as 90s, 10m, 2h, 1d")
      ->type_name("AGE")
      ->check([](const std::string& text) -> std::string {
        return parse_seconds(text) ? "" : "found '" + text + "', allowed is an age such as 10m";
      });
  add_output_option(app, options->format, Formats::kLines);
  return [options](CommandContext& context) { return show_logs(context, *options); };
}

}  // namespace

Command logs_command() {
  return {"logs", "Show the logs of instances, daemon and edge",
          "  voicectl logs -f --tenant mario-pizza\n"
          "  voicectl logs --instance shared-0 --since 10m",
          declare};
}

}  // namespace voicectl
