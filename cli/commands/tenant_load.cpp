// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/units.h"
#include "cli/commands/commands.h"
#include "cli/list_printer.h"
#include "cli/seconds.h"
#include "cli/sparkline.h"

namespace voicectl {
namespace {

/// Columns that a sparkline takes.
constexpr std::size_t kSparkColumns = 60;
/// Steps that a line stands for: what lies further back, before a time in which nobody watched, is
/// in the table only.
constexpr std::int64_t kMostSteps = 14 * 24 + 1;

struct Options {
  std::string tenant;
  std::string since = "24h";
  std::string step;
  OutputFormat format = OutputFormat::kTable;
};

const std::map<std::string, std::string> kSteps = {{"1m", "60"}, {"10m", "600"}, {"1h", "3600"}};

std::optional<double> number_in(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? std::optional(found->get<double>())
                                                     : std::nullopt;
}

std::string milliseconds_text(double length) {
  return fmt::format("{:.{}f}ms", length, length < 10 ? 1 : 0);
}
std::string percent_text(double milli) {
  return fmt::format("{:.1f}%", milli / 10);
}
std::string bytes_text(double bytes) {
  return Bytes{static_cast<std::uint64_t>(bytes)}.str();
}

/// A column of the table: "-" for what is not known.
ListColumn measured(std::string_view title,
                    std::string_view key,
                    std::string (*text)(double),
                    Shown shown = Shown::kAlways) {
  return {{title, Align::kRight}, shown, [key, text](const Json& point) {
            const std::optional<double> value = number_in(point, key);
            return value ? text(*value) : std::string("-");
          }};
}

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

/// A measure as one line: its sparkline, and the most of it.
struct Measured {
  std::string_view title;
  /// Nullopt: nobody knows.
  std::function<std::optional<double>(const Json& point)> value;
  std::function<std::string(double)> text;
  /// A bar of full height is at least this.
  double least_top;
};

std::optional<double> requests_per_s(const Json& point) {
  const double watched = number_in(point, "watched_s").value_or(0);
  return watched > 0 ? std::optional(number_in(point, "requests").value_or(0) / watched)
                     : std::nullopt;
}

std::function<std::optional<double>(const Json&)> member(std::string_view key) {
  return [key](const Json& point) { return number_in(point, key); };
}

std::vector<Measured> measures() {
  const auto plain = [](double value) { return fmt::format("{:.0f}", value); };
  const auto rate = [](double value) { return fmt::format("{:.2f}", value); };
  return {{"SESSIONS", member("sessions"), plain, 4},
          {"REQUESTS/S", requests_per_s, rate, 1},
          {"CPU", member("cpu_most_milli"), percent_text, 100},
          {"P99", member("p99_ms"), milliseconds_text, 10},
          {"MEMORY", member("memory_bytes"), bytes_text, 1 << 20}};
}

const Json& points_of(const Json& answer) {
  static const Json none = Json::array();
  const auto found = answer.find("points");
  return found != answer.end() && found->is_array() ? *found : none;
}

std::int64_t step_of(const Json& answer) {
  return std::max<std::int64_t>(1, integer_or(answer, "step_s", 60)) * 1000;
}

/// The points of the last kMostSteps, oldest first.
std::vector<Json> last_points(const Json& answer) {
  const Json& points = points_of(answer);
  const std::int64_t newest = integer_or(points.back(), "at_ms", 0);
  std::vector<Json> out;
  for (const Json& point : points) {
    const std::int64_t at = integer_or(point, "at_ms", 0);
    if (at <= newest && newest - at < kMostSteps * step_of(answer)) {
      out.push_back(point);
    }
  }
  return out;
}

/// By time from the first point on, whether what lies between was watched or not.
std::vector<std::optional<double>> over_time(const std::vector<Json>& points,
                                             std::int64_t step,
                                             const Measured& measure) {
  const std::int64_t begin = integer_or(points.front(), "at_ms", 0);
  const std::int64_t end = integer_or(points.back(), "at_ms", 0);
  const std::int64_t steps = std::clamp<std::int64_t>((end - begin) / step + 1, 1, kMostSteps);
  std::vector<std::optional<double>> out(static_cast<std::size_t>(steps));
  for (const Json& point : points) {
    const std::int64_t place = (integer_or(point, "at_ms", 0) - begin) / step;
    if (place >= 0 && place < steps) {
      out[static_cast<std::size_t>(place)] = measure.value(point);
    }
  }
  return out;
}

void print_sparklines(Console& console, const Json& answer) {
  const std::vector<Json> points = last_points(answer);
  double watched = 0;
  for (const Json& point : points) {
    watched += number_in(point, "watched_s").value_or(0);
  }
  console.out << fmt::format("{} from {} in steps of {}, watched for {}:\n\n",
                             safe_for_terminal(string_or(answer, "tenant", "?")),
                             safe_for_terminal(cell(points.front(), "at")),
                             seconds_cell(answer, "step_s"),
                             seconds_cell(Json{{"all", std::int64_t(watched)}}, "all"));
  for (const Measured& measure : measures()) {
    const std::vector<std::optional<double>> values = over_time(points, step_of(answer), measure);
    const std::optional<double> most = *std::max_element(values.begin(), values.end());
    console.out << fmt::format("{:<11} {}  {}\n", measure.title,
                               sparkline(in_columns(values, kSparkColumns), measure.least_top),
                               most ? "at most " + measure.text(*most) : "-");
  }
  console.out << '\n';
}

/// Without the steps in which it had nothing.
Json busy_steps(const Json& answer) {
  Json points = Json::array();
  for (const Json& point : points_of(answer)) {
    if (!string_or(point, "instance", "").empty()) {
      points.push_back(point);
    }
  }
  return {{"points", std::move(points)}};
}

Result<ExitCode> show_load(CommandContext& context, const Options& options) {
  const WallTime since =
      context.clock.now() - std::chrono::seconds(parse_seconds(options.since).value_or(0));
  std::string target = fmt::format("/v1/tenants/{}/load?since_ms={}", options.tenant,
                                   std::max<std::int64_t>(0, since.time_since_epoch().count()));
  target += options.step.empty() ? "" : "&step_s=" + kSteps.at(options.step);
  VC_TRY(const Json answer, daemon_of(context)->get(target));
  const bool is_table =
      options.format == OutputFormat::kTable || options.format == OutputFormat::kWide;
  if (is_table && points_of(answer).empty()) {
    context.console.err << "Nobody watched in that time: no daemon ran, or its monitor is off.\n";
    return ExitCode::kOk;
  }
  if (is_table) {
    print_sparklines(context.console, answer);
  }
  print_list(context.console, is_table ? busy_steps(answer) : answer, points_view(),
             options.format);
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_tenant_argument(app, options->tenant);
  app.add_option("--since", options->since, "from so long ago on, such as 2h or 7d")
      ->type_name("TIME")
      ->check([](const std::string& text) { return check_seconds(text); })
      ->capture_default_str();
  app.add_option("--step", options->step,
                 "1m, 10m or 1h; default: the finest that is kept for so long")
      ->type_name("LENGTH")
      ->check(CLI::IsMember({"1m", "10m", "1h"}));
  add_output_option(app, options->format, Formats::kList);
  return [options](CommandContext& context) { return show_load(context, *options); };
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
