// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "cli/effect_printer.h"
#include "cli/list_printer.h"
#include "cli/option_rules.h"

namespace voicectl {
namespace {

/// The daemon lists no more at a time.
constexpr std::uint64_t kMostForecasts = 1000;

struct Options {
  std::size_t limit = 20;
  std::int64_t before = 0;
  OutputFormat format = OutputFormat::kTable;
};

/// Quantities by name, in the record's member `side`.
Json numbers_in(const Json& record, std::string_view side) {
  const auto found = record.find(side);
  return found != record.end() && found->is_object() ? *found : Json::object();
}

std::string text_of(const Json& record, std::string_view side, std::string_view quantity) {
  const Json numbers = numbers_in(record, side);
  return numbers.contains(quantity) ? quantity_text(quantity, integer_or(numbers, quantity, 0))
                                    : "-";
}

/// What came of an estimate, or what was estimated. REQUIRES: all are literals, which outlive it.
ListColumn estimate_column(std::string_view title,
                           std::string_view side,
                           std::string_view quantity,
                           Shown shown = Shown::kAlways) {
  return {{title, Align::kRight}, shown, [side, quantity](const Json& item) {
            return text_of(item, side, quantity);
          }};
}

/// "as forecast", or what came out differently: "processes started 2 (1)".
std::string verdict_of(const Json& record) {
  const auto complete = record.find("complete");
  if (complete != record.end() && complete->is_boolean() && !complete->get<bool>()) {
    return "not carried out in whole";
  }
  const Json forecast = numbers_in(record, "forecast");
  const Json outcome = numbers_in(record, "outcome");
  std::string out;
  for (const auto& [quantity, expected] : forecast.items()) {
    if (is_counted(quantity) && outcome.contains(quantity) && outcome[quantity] != expected) {
      out += fmt::format("{}{} {} ({} forecast)", out.empty() ? "" : ", ", quantity_title(quantity),
                         integer_or(outcome, quantity, 0), integer_or(forecast, quantity, 0));
    }
  }
  return out.empty() ? "as forecast" : out;
}

ListView forecasts_view() {
  return {
      .list = "forecasts",
      .kind = "forecast",
      .name_key = "number",
      .when_empty = "No plan was carried out yet. Next: voicectl apply -f platform.yaml",
      .columns = {number_column("NUMBER", "number"),
                  text_column("AT", "at"),
                  number_column("REVISION", "revision"),
                  {{"PLAN"},
                   Shown::kWide,
                   [](const Json& item) { return string_or(item, "plan_id", "").substr(0, 12); }},
                  estimate_column("TOOK", "outcome", "duration_us"),
                  estimate_column("TOOK FORECAST", "forecast", "duration_us"),
                  estimate_column("MEMORY", "outcome", "memory_bytes"),
                  estimate_column("MEMORY FORECAST", "forecast", "memory_bytes"),
                  estimate_column("CPU", "outcome", "cpu_milli", Shown::kWide),
                  estimate_column("CPU FORECAST", "forecast", "cpu_milli", Shown::kWide),
                  {{"COUNTS"}, Shown::kAlways, verdict_of}}};
}

Result<ExitCode> list_forecasts(CommandContext& context, const Options& options) {
  std::string target = fmt::format("/v1/forecasts?limit={}", options.limit);
  target += options.before > 0 ? fmt::format("&before={}", options.before) : "";
  VC_TRY(const Json answer, daemon_of(context)->get(target));
  ListView view = forecasts_view();
  const std::string nothing = fmt::format("Nothing before number {}.", options.before);
  view.when_empty = options.before > 0 ? nothing : view.when_empty;
  print_list(context.console, answer, view, options.format);
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--limit", options->limit,
                 fmt::format("most plans to list, up to {}", kMostForecasts))
      ->check(whole_number(1, kMostForecasts))
      ->capture_default_str();
  app.add_option("--before", options->before, "only those before this number")
      ->check(whole_number(1));
  add_output_option(app, options->format, Formats::kList);
  return [options](CommandContext& context) { return list_forecasts(context, *options); };
}

}  // namespace

Command forecast_list_command() {
  return {"forecast list", "List what was expected of plans beside what came of them",
          "  voicectl forecast list\n"
          "  voicectl forecast list --limit 100 -o json\n"
          "\n"
          "Every plan that was carried out is there, also those of the monitor and of the hourly\n"
          "look, the newest 500 of them. 'voicectl metrics' has the errors for Prometheus.",
          declare};
}

}  // namespace voicectl
