// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/commands/commands.h"
#include "cli/list_printer.h"
#include "cli/option_rules.h"

namespace voicectl {
namespace {

constexpr std::uint32_t kMostSessions = 200;

struct Options {
  std::string tenant;
  std::string status;
  std::string after;
  std::string created_after;
  std::string created_before;
  std::uint32_t limit = 50;
  OutputFormat format = OutputFormat::kTable;
};

ListView sessions_view() {
  return {"sessions",
          "session",
          "session_id",
          "There is no session.",
          {text_column("SESSION", "session_id"),
           text_column("TENANT", "tenant"),
           text_column("STATUS", "status"),
           text_column("CUSTOMER", "customer_name"),
           text_column("INSTANCE", "node_server_id"),
           text_column("CREATED", "created_at"),
           {{"DURATION", Align::kRight},
            Shown::kAlways,
            [](const Json& item) { return seconds_cell(item, "duration"); }},
           text_column("OUTCOME", "business_outcome", Shown::kWide),
           text_column("DOCUMENT", "reference_document", Shown::kWide)}};
}

Result<ExitCode> list_sessions(CommandContext& context, const Options& options) {
  std::string target = fmt::format("/v1/sessions?limit={}", options.limit);
  for (const auto& [name, value] :
       {std::pair("tenant", &options.tenant), std::pair("status", &options.status),
        std::pair("after", &options.after), std::pair("created_after", &options.created_after),
        std::pair("created_before", &options.created_before)}) {
    if (!value->empty()) {
      target += fmt::format("&{}={}", name, percent_encoded(*value));
    }
  }
  VC_TRY(const Json answer, daemon_of(context)->get(target));
  print_list(context.console, answer, sessions_view(), options.format);
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--tenant", options->tenant, "only sessions of this tenant")->type_name("TENANT");
  app.add_option("--status", options->status,
                 "only sessions that are initializing, ready, active, completed or failed")
      ->type_name("STATUS");
  app.add_option("--created-after", options->created_after,
                 "only sessions created then or later, such as 2026-11-25T22:15:00Z")
      ->type_name("TIME");
  app.add_option("--created-before", options->created_before, "only sessions created before then")
      ->type_name("TIME");
  app.add_option("--after", options->after,
                 "the next page: what the page before named, or its \"next\" in -o json and yaml")
      ->type_name("CURSOR");
  app.add_option("--limit", options->limit, fmt::format("most sessions, up to {}", kMostSessions))
      ->check(whole_number(1, kMostSessions))
      ->capture_default_str();
  add_output_option(app, options->format, Formats::kList);
  return [options](CommandContext& context) { return list_sessions(context, *options); };
}

}  // namespace

Command session_list_command() {
  return {"session list", "List sessions, newest first",
          "  voicectl session list\n  voicectl session list --tenant mario-pizza -o wide\n"
          "  voicectl session list --status active",
          declare};
}

}  // namespace voicectl
