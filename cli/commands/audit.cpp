// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/list_printer.h"
#include "cli/option_rules.h"
#include "cli/seconds.h"

namespace voicectl {
namespace {

/// The daemon lists no more at a time.
constexpr std::size_t kMostRecords = 10'000;

struct Options {
  std::string since;
  std::string until;
  std::string subject;
  std::int64_t before = 0;
  std::size_t limit = 100;
  OutputFormat format = OutputFormat::kTable;
};

std::string details_of(const Json& record) {
  const auto detail = record.find("detail");
  const std::string message = string_or(record, "message", "");
  const bool has_detail = detail != record.end() && !detail->empty();
  return (has_detail ? dump_json(*detail) : "") + (has_detail && !message.empty() ? " " : "") +
         message;
}

ListView audit_view() {
  return {.list = "records",
          .kind = "audit",
          .name_key = "number",
          .when_empty = "Nothing was asked for in that time.",
          .columns = {number_column("NUMBER", "number"),
                      text_column("AT", "at"),
                      text_column("WHO", "who"),
                      number_column("UID", "uid"),
                      text_column("WHAT", "what"),
                      text_column("SUBJECT", "subject"),
                      text_column("RESULT", "result"),
                      {{"DETAILS"}, Shown::kAlways, details_of},
                      number_column("PID", "pid", Shown::kWide),
                      text_column("FROM", "from", Shown::kWide)}};
}

/// "2h" ago as a parameter of the query, in milliseconds since 1970.
std::string time_parameter(const CommandContext& context,
                           std::string_view name,
                           const std::string& ago) {
  if (ago.empty()) {
    return "";
  }
  const WallTime at = context.clock.now() - std::chrono::seconds(parse_seconds(ago).value_or(0));
  return fmt::format("&{}={}", name, at.time_since_epoch().count());
}

Result<ExitCode> list_audit(CommandContext& context, const Options& options) {
  std::string target = fmt::format("/v1/audit?limit={}", options.limit);
  target += time_parameter(context, "since_ms", options.since);
  target += time_parameter(context, "until_ms", options.until);
  target += options.before > 0 ? fmt::format("&before={}", options.before) : "";
  target += options.subject.empty() ? "" : "&subject=" + percent_encoded(options.subject);
  VC_TRY(const Json answer, daemon_of(context)->get(target));
  ListView view = audit_view();
  const std::string nothing = fmt::format("Nothing before record {}.", options.before);
  view.when_empty = options.before > 0 ? nothing : view.when_empty;
  print_list(context.console, answer, view, options.format);
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  const auto check = [](const std::string& text) { return check_seconds(text); };
  app.add_option("--since", options->since, "not what is older, such as 2h or 7d")
      ->type_name("TIME")
      ->check(check);
  app.add_option("--until", options->until, "not what is younger, such as 1h")
      ->type_name("TIME")
      ->check(check);
  app.add_option("--subject", options->subject, "only this subject, such as tenant/mario-pizza")
      ->type_name("SUBJECT");
  app.add_option("--before", options->before, "only records before this one")
      ->check(whole_number(1));
  app.add_option("--limit", options->limit,
                 fmt::format("most records to list, up to {}", kMostRecords))
      ->check(whole_number(1, kMostRecords))
      ->capture_default_str();
  add_output_option(app, options->format, Formats::kList);
  return [options](CommandContext& context) { return list_audit(context, *options); };
}

}  // namespace

Command audit_command() {
  return {"audit", "List who asked for which change, from where, and what came of it",
          "  voicectl audit --since 24h\n"
          "  voicectl audit --subject tenant/mario-pizza -o json\n"
          "\n"
          "The newest 100,000 records are kept; none of them can be changed.",
          declare};
}

}  // namespace voicectl
