// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "cli/load_printer.h"

namespace voicectl {
namespace {

struct Options {
  std::string tenant;
  LoadOptions load;
};

ListView points_view() {
  return {.list = "points",
          .kind = "load",
          .name_key = "at",
          .when_empty = "It had nothing in that time.",
          .columns = {text_column("AT", "at"), text_column("INSTANCE", "instance"),
                      number_column("SESSIONS", "sessions"), number_column("REQUESTS", "requests"),
                      number_column("EVENTS", "events"), measured("CPU", "cpu_milli", percent_text),
                      measured("MOST CPU", "cpu_most_milli", percent_text),
                      measured("P50", "p50_ms", milliseconds_text, Shown::kWide),
                      measured("P95", "p95_ms", milliseconds_text),
                      measured("P99", "p99_ms", milliseconds_text),
                      measured("RECEIVED", "received", bytes_text, Shown::kWide),
                      measured("SENT", "sent", bytes_text, Shown::kWide),
                      measured("MEMORY", "memory_bytes", bytes_text)}};
}

std::optional<double> requests_per_s(const Json& point) {
  const double watched = number_in(point, "watched_s").value_or(0);
  return watched > 0 ? std::optional(number_in(point, "requests").value_or(0) / watched)
                     : std::nullopt;
}

HistoryView tenant_view() {
  return {.subject_key = "tenant",
          .measures = {{"SESSIONS", member("sessions"), count_text, 4},
                       {"REQUESTS/S", requests_per_s, rate_text, 1},
                       {"CPU", member("cpu_most_milli"), percent_text, 100},
                       {"P99", member("p99_ms"), milliseconds_text, 10},
                       {"MEMORY", member("memory_bytes"), bytes_text, 1 << 20}},
          .table = points_view(),
          .is_shown = [](const Json& point) { return !string_or(point, "instance", "").empty(); }};
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_tenant_argument(app, options->tenant);
  add_load_options(app, options->load);
  return [options](CommandContext& context) {
    return show_load_history(context, fmt::format("/v1/tenants/{}/load", options->tenant),
                             options->load, tenant_view());
  };
}

}  // namespace

Command tenant_load_command() {
  return {
      "tenant load", "Show what a tenant did lately, step by step",
      "  voicectl tenant load mario-pizza --since 3h\n"
      "  voicectl tenant load mario-pizza --since 14d -o json\n"
      "\n"
      "Minutes are kept for three hours, ten minutes for a day, hours for two weeks. The table\n"
      "has the steps in which the tenant had anything. In the lines a dot is a time in which\n"
      "nobody watched; CPU is the most between two looks.",
      declare};
}

}  // namespace voicectl
