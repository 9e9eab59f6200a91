// SPDX-License-Identifier: Apache-2.0
#include "cli/load_printer.h"

#include <fmt/core.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/units.h"
#include "cli/option_rules.h"
#include "cli/seconds.h"
#include "cli/sparkline.h"

namespace voicectl {
namespace {

/// Columns that a sparkline takes.
constexpr std::size_t kSparkColumns = 60;
/// Steps that a line stands for: what lies further back, before a time in which nobody watched, is
/// in the table only.
constexpr std::int64_t kMostSteps = 14 * 24 + 1;

const std::map<std::string, std::string> kSteps = {{"1m", "60"}, {"10m", "600"}, {"1h", "3600"}};

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
                                             const LoadMeasure& measure) {
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

void print_sparklines(Console& console, const Json& answer, const HistoryView& view) {
  const std::vector<Json> points = last_points(answer);
  double watched = 0;
  for (const Json& point : points) {
    watched += number_in(point, "watched_s").value_or(0);
  }
  console.out << fmt::format("{} from {} in steps of {}, watched for {}:\n\n",
                             safe_for_terminal(string_or(answer, view.subject_key, "?")),
                             safe_for_terminal(cell(points.front(), "at")),
                             seconds_cell(answer, "step_s"),
                             seconds_cell(Json{{"all", std::int64_t(watched)}}, "all"));
  for (const LoadMeasure& measure : view.measures) {
    const std::vector<std::optional<double>> values = over_time(points, step_of(answer), measure);
    const std::optional<double> most = *std::max_element(values.begin(), values.end());
    console.out << fmt::format("{:<11} {}  {}\n", measure.title,
                               sparkline(in_columns(values, kSparkColumns), measure.least_top),
                               most ? "at most " + measure.text(*most) : "-");
  }
  console.out << '\n';
}

Json shown_steps(const Json& answer, const HistoryView& view) {
  Json points = Json::array();
  std::copy_if(points_of(answer).begin(), points_of(answer).end(), std::back_inserter(points),
               view.is_shown);
  return {{"points", std::move(points)}};
}

}  // namespace

void add_load_options(CLI::App& app, LoadOptions& options) {
  app.add_option("--since", options.since, "from so long ago on, such as 2h or 7d")
      ->type_name("TIME")
      ->check([](const std::string& text) { return check_seconds(text); })
      ->capture_default_str();
  app.add_option("--step", options.step,
                 "1m, 10m or 1h; default: the finest that is kept for so long")
      ->type_name("LENGTH")
      ->check(one_of({"1m", "10m", "1h"}));
  add_output_option(app, options.format, Formats::kList);
}

Result<ExitCode> show_load_history(CommandContext& context,
                                   const std::string& path,
                                   const LoadOptions& options,
                                   const HistoryView& view) {
  const WallTime since =
      context.clock.now() - std::chrono::seconds(parse_seconds(options.since).value_or(0));
  std::string target = fmt::format("{}?since_ms={}", path,
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
    print_sparklines(context.console, answer, view);
  }
  print_list(context.console, is_table ? shown_steps(answer, view) : answer, view.table,
             options.format);
  return ExitCode::kOk;
}

std::optional<double> number_in(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? std::optional(found->get<double>())
                                                     : std::nullopt;
}

std::function<std::optional<double>(const Json&)> member(std::string_view key) {
  return [key](const Json& point) { return number_in(point, key); };
}

ListColumn measured(std::string_view title,
                    std::string_view key,
                    std::string (*text)(double),
                    Shown shown) {
  return {{title, Align::kRight}, shown, [key, text](const Json& point) {
            const std::optional<double> value = number_in(point, key);
            return value ? text(*value) : std::string("-");
          }};
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
std::string count_text(double count) {
  return fmt::format("{:.0f}", count);
}
std::string rate_text(double rate) {
  return fmt::format("{:.2f}", rate);
}

}  // namespace voicectl
