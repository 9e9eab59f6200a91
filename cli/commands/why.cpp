// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/clock.h"
#include "base/ids.h"
#include "cli/commands/commands.h"

namespace voicectl {
namespace {

struct Options {
  std::string slug;
  OutputFormat format = OutputFormat::kTable;
};

std::string placement_of(const Json& answer) {
  const std::string instance = string_or(answer, "instance", "");
  return fmt::format("{} is {} (tier {}, plan {}, monitor {}).", string_or(answer, "tenant", "?"),
                     instance.empty() ? "served by no instance yet" : "in " + instance,
                     string_or(answer, "tier", "?"), string_or(answer, "plan", "?"),
                     string_or(answer, "mode", "?"));
}

std::string verdict_of(const Json& decision) {
  const std::string kind = string_or(decision, "kind", "");
  const std::string what = kind == "promote"  ? "It is to be promoted"
                           : kind == "demote" ? "It is to be demoted"
                                              : "It stays where it is";
  return fmt::format("{} (rule {}): {}.", what, string_or(decision, "rule", "?"),
                     string_or(decision, "reason", "?"));
}

std::string otherwise_of(const Json& decision) {
  std::string out;
  for (const Json& sentence : decision.value("otherwise", Json::array())) {
    out +=
        sentence.is_string() ? "  - " + safe_for_terminal(sentence.get<std::string>()) + "\n" : "";
  }
  return out;
}

std::string whole(const Json& measure, std::string_view key) {
  const auto found = measure.find(key);
  return found == measure.end() || !found->is_number()
             ? std::string("-")
             : fmt::format("{:.0f}", found->get<double>());
}

void print_measures(Console& console, const Json& decision) {
  Table table({{"MEASURE"},
               {"NOW", Align::kRight},
               {"LOW MARK", Align::kRight},
               {"HIGH MARK", Align::kRight},
               {"BUSY FOR", Align::kRight},
               {"QUIET FOR", Align::kRight}});
  for (const Json& measure : decision.value("measures", Json::array())) {
    table.add({cell(measure, "unit"), whole(measure, "value"), whole(measure, "low"),
               whole(measure, "high"), seconds_cell(measure, "busy_s"),
               seconds_cell(measure, "quiet_s")});
  }
  console.out << '\n' << table.str(console.out_palette);
}

/// What it does at present, beside what is judged.
std::string load_of(const Json& answer) {
  const Json load = answer.value("load", Json::object());
  std::string out;
  const auto add = [&](std::string_view key, const auto& text) {
    const auto found = load.find(key);
    if (found != load.end() && found->is_number()) {
      out += (out.empty() ? "" : ", ") + text(found->template get<double>());
    }
  };
  add("requests_per_s", [](double value) { return fmt::format("{:.1f} requests/s", value); });
  add("events_per_s", [](double value) { return fmt::format("{:.1f} events/s", value); });
  add("in_flight", [](double value) { return fmt::format("{:.0f} under way", value); });
  add("p50_ms", [](double value) { return fmt::format("half answered within {:.1f}ms", value); });
  add("p95_ms", [](double value) { return fmt::format("95 of 100 within {:.1f}ms", value); });
  add("p99_ms", [](double value) { return fmt::format("99 within {:.1f}ms", value); });
  add("cpu_milli", [](double value) { return fmt::format("{:.1f}% of a core", value / 10); });
  return out;
}

/// The most of the last day.
std::string day_of(const Json& answer) {
  const Json day = answer.value("last_day", Json());
  if (!day.is_object()) {
    return "";
  }
  // "At most" of five minutes says little of a day.
  const auto told = day.find("watched_s");
  const std::chrono::seconds watched(
      told != day.end() && told->is_number() ? told->get<std::int64_t>() : 0);
  std::string out = fmt::format(
      "In the last day, watched for {}: at most {} live sessions and "
      "{:.1f}% of a core",
      watched.count() == 0 ? "0s" : format_duration(watched), integer_or(day, "sessions", 0),
      static_cast<double>(integer_or(day, "cpu_most_milli", 0)) / 10);
  out += fmt::format(", {} requests", integer_or(day, "requests", 0));
  const auto p99 = day.find("p99_ms");
  if (p99 != day.end() && p99->is_number()) {
    out += fmt::format(", 99 of 100 within {:.1f}ms", p99->get<double>());
  }
  return out + " (voicectl tenant load).";
}

/// What it was decided by, and the marks of then: "25 live sessions (5/20)".
std::string measures_of(const Json& detail) {
  std::string out;
  for (const Json& measure : detail.value("measures", Json::array())) {
    out +=
        fmt::format("{}{} {} ({}/{})", out.empty() ? "" : ", ", whole(measure, "value"),
                    string_or(measure, "unit", "?"), whole(measure, "low"), whole(measure, "high"));
  }
  return out.empty() ? "-" : out;
}

void print_history(Console& console, const Json& answer) {
  const Json history = answer.value("history", Json::array());
  if (!history.is_array() || history.empty()) {
    console.out << "\nThe monitor has decided nothing about it before.\n";
    return;
  }
  Table table({{"AT"}, {"DECISION"}, {"MEASURES (LOW/HIGH MARK)"}, {"REASON"}});
  for (const Json& event : history) {
    const Json detail = event.value("detail", Json::object());
    const std::string reason = string_or(detail, "reason", string_or(detail, "error", ""));
    table.add({cell(event, "at"), cell(event, "name"), measures_of(detail), reason});
  }
  console.out << '\n' << table.str(console.out_palette);
}

void print_answer(Console& console, const Json& answer) {
  console.out << safe_for_terminal(placement_of(answer)) << '\n';
  const Json decision = answer.value("decision", Json());
  if (decision.is_object()) {
    console.out << safe_for_terminal(verdict_of(decision)) << '\n';
    console.out << otherwise_of(decision);
    print_measures(console, decision);
  } else {
    console.out << "Nothing was seen of it there yet; samples come every few seconds.\n";
  }
  if (const std::string load = load_of(answer); !load.empty()) {
    console.out << "\nLately: " << load << ".\n";
  }
  if (const std::string day = day_of(answer); !day.empty()) {
    console.out << day << '\n';
  }
  print_history(console, answer);
}

Result<ExitCode> explain(CommandContext& context, const Options& options) {
  VC_TRY(const TenantId tenant, TenantId::parse(options.slug));
  VC_TRY(const Json answer, daemon_of(context)->get("/v1/tenants/" + tenant.str() + "/why"));
  if (options.format == OutputFormat::kTable) {
    print_answer(context.console, answer);
  } else {
    context.console.out << render_document(answer, options.format);
  }
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("SUBJECT", options->slug, "tenant/SLUG, or the slug alone")->required();
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return explain(context, *options); };
}

}  // namespace

Command why_command() {
  return {"why", "Say why a tenant runs where it does, and what would move it",
          "  voicectl why tenant/mario-pizza\n"
          "  voicectl why mario-pizza -o json",
          declare};
}

}  // namespace voicectl
