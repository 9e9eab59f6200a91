// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "cli/list_printer.h"

namespace voicectl {
namespace {

struct Options {
  OutputFormat format = OutputFormat::kTable;
};

std::string percent_cell(const Json& item) {
  const auto found = item.find("cpu_percent");
  return found != item.end() && found->is_number() ? fmt::format("{:.1f}%", found->get<double>())
                                                   : "-";
}

ListView instances_view() {
  return {"instances",
          "instance",
          "instance",
          "No instance runs. Apply a platform: voicectl apply -f platform.yaml",
          {text_column("INSTANCE", "instance"),
           text_column("KIND", "kind"),
           text_column("STATE", "state"),
           number_column("PID", "pid"),
           number_column("PORT", "port", Shown::kWide),
           number_column("TENANTS", "tenants"),
           number_column("SESSIONS", "sessions"),
           {{"CPU", Align::kRight}, Shown::kAlways, percent_cell},
           {{"RSS", Align::kRight},
            Shown::kAlways,
            [](const Json& item) { return bytes_cell(item, "rss_bytes"); }},
           {{"PSS", Align::kRight},
            Shown::kWide,
            [](const Json& item) { return bytes_cell(item, "pss_bytes"); }},
           number_column("THREADS", "threads", Shown::kWide),
           number_column("FDS", "descriptors", Shown::kWide),
           {{"UPTIME", Align::kRight},
            Shown::kAlways,
            [](const Json& item) { return seconds_cell(item, "uptime_s"); }},
           number_column("RESTARTS", "restarts"),
           text_column("VERSION", "version", Shown::kWide),
           {{"NAMES", Align::kLeft}, Shown::kWide, [](const Json& item) {
              return list_cell(item, "tenant_names");
            }}}};
}

Result<ExitCode> list_instances(CommandContext& context, const Options& options) {
  VC_TRY(const Json answer, daemon_of(context)->get("/v1/instances"));
  print_list(context.console, answer, instances_view(), options.format);
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_output_option(app, options->format, Formats::kList);
  return [options](CommandContext& context) { return list_instances(context, *options); };
}

}  // namespace

Command ps_command() {
  return {"ps", "List the instances: state, load, age", "  voicectl ps\n  voicectl ps -o wide",
          declare};
}

}  // namespace voicectl
