// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/apply_flow.h"
#include "cli/archive_program.h"
#include "cli/commands/commands.h"
#include "cli/list_printer.h"
#include "cli/seconds.h"

namespace voicectl {
namespace {

struct Options {
  std::string slug;
  std::string older_than;
  bool lists = false;
  std::string confirmation;
  OutputFormat format = OutputFormat::kTable;
};

ListView retired_view() {
  return {"retired",
          "retired",
          "name",
          "No deleted tenant has left anything.",
          {text_column("TENANT", "tenant"),
           text_column("DELETED", "retired_at"),
           {{"SIZE", Align::kRight},
            Shown::kAlways,
            [](const Json& item) { return bytes_cell(item, "bytes"); }},
           text_column("STORE", "store"),
           text_column("NAME", "name", Shown::kWide)}};
}

Json chosen_of(const Json& retired, const Options& options, WallTime now) {
  const std::int64_t age = parse_seconds(options.older_than).value_or(0) * 1000;
  Json chosen = Json::array();
  for (const Json& one : retired) {
    const bool is_named = options.slug.empty() || string_or(one, "tenant", "") == options.slug;
    const std::int64_t at = integer_or(one, "retired_at_ms", 0);
    const bool is_old = options.older_than.empty() || at <= now.time_since_epoch().count() - age;
    if (is_named && is_old) {
      chosen.push_back(one);
    }
  }
  return chosen;
}

bool is_for_people(OutputFormat format) {
  return format == OutputFormat::kTable || format == OutputFormat::kWide;
}

/// Erases what one deleted tenant has left; returns it with what was erased. Its folder goes last:
/// as long as that is there a purge that was cut off is found again, and begun anew.
Result<Json> purge_one(CommandContext& context,
                       DaemonClient& daemon,
                       const DaemonPaths& paths,
                       Json one) {
  const std::string name = string_or(one, "name", "");
  const std::string tenant = string_or(one, "tenant", "");
  VC_TRY(const Json forgotten, daemon.call("DELETE", "/v1/retired/" + percent_encoded(tenant), ""));
  VC_TRY(const Json outcome, run_archive(context, paths, "purge-" + tenant,
                                         {"purge", "--folder", paths.state + "/retired/" + name}));
  one["redis_keys"] = integer_or(outcome, "redis_keys", 0);
  return one;
}

void print_purged(Console& console, const Json& one) {
  const std::int64_t keys = integer_or(one, "redis_keys", 0);
  console.out << fmt::format("Purged {}, deleted {}: {}{}.\n", cell(one, "tenant"),
                             cell(one, "retired_at"), bytes_cell(one, "bytes"),
                             keys > 0 ? fmt::format(" and {} keys on Redis", keys) : "");
}

/// All of them, also if one cannot be purged.
Result<ExitCode> purge_all(CommandContext& context,
                           DaemonClient& daemon,
                           const DaemonPaths& paths,
                           const Json& chosen,
                           OutputFormat format) {
  Json purged = Json::array();
  Json problems = Json::array();
  for (const Json& one : chosen) {
    Result<Json> outcome = purge_one(context, daemon, paths, one);
    if (outcome.has_error() && chosen.size() == 1) {
      return outcome.error();
    }
    if (outcome.has_error()) {
      context.console.err << "voicectl: " << safe_for_terminal(outcome.error().text()) << '\n';
      problems.push_back(outcome.error().text());
      continue;
    }
    if (is_for_people(format)) {
      print_purged(context.console, *outcome);
    }
    purged.push_back(std::move(*outcome));
  }
  if (!is_for_people(format)) {
    print_list(context.console, {{"retired", purged}, {"problems", problems}}, retired_view(),
               format);
  }
  if (problems.empty()) {
    return ExitCode::kOk;
  }
  return purged.empty() ? ExitCode::kFailure : ExitCode::kPartial;
}

Result<Json> list_retired(CommandContext& context, const DaemonPaths& paths) {
  return run_archive(context, paths, "retired", {"retired", "--state", paths.state});
}

Result<ExitCode> purge(CommandContext& context, const Options& options) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  VC_TRY(const DaemonPaths paths, fetch_paths(*daemon));
  VC_TRY(const Json listed, list_retired(context, paths));
  const Json chosen =
      chosen_of(listed.value("retired", Json::array()), options, context.clock.now());
  if (options.lists) {
    print_list(context.console, {{"retired", chosen}}, retired_view(), options.format);
    return ExitCode::kOk;
  }
  if (options.slug.empty() && options.older_than.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot purge: name a deleted tenant, or say --older-than; --list shows them");
  }
  if (chosen.empty()) {
    return Error(
        ErrorCode::kNotFound,
        "cannot purge: no such deleted tenant has left anything; see 'voicectl tenant purge "
        "--list', and 'voicectl tenant delete' for one that is served");
  }
  if (is_for_people(options.format)) {
    print_list(context.console, {{"retired", chosen}}, retired_view(), options.format);
  }
  const std::string word = options.slug.empty() ? std::to_string(chosen.size()) : options.slug;
  const Answer answer =
      ask_for_word(context.console,
                   "This erases the data of these deleted tenants for good, on disk and on Redis.",
                   word, options.confirmation);
  if (answer != Answer::kYes) {
    return exit_code_of_refusal(context.console, answer);
  }
  return purge_all(context, *daemon, paths, chosen, options.format);
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("TENANT", options->slug, "name that the deleted tenant had")->type_name("TENANT");
  app.add_option("--older-than", options->older_than,
                 "all that were deleted so long ago or longer: 90s, 12h, 30d")
      ->type_name("AGE")
      ->check(check_seconds);
  app.add_flag("--list", options->lists, "only show what deleted tenants have left, and its size");
  app.add_option("--confirm", options->confirmation,
                 "the name again, or with --older-than alone how many, instead of the question")
      ->type_name("WORD");
  add_output_option(app, options->format, Formats::kList);
  return [options](CommandContext& context) { return purge(context, *options); };
}

}  // namespace

Command tenant_purge_command() {
  return {"tenant purge", "Erase what deleted tenants have left",
          "  voicectl tenant purge --list\n"
          "  voicectl tenant purge corner-shop --confirm=corner-shop\n"
          "  voicectl tenant purge --older-than 30d",
          declare};
}

}  // namespace voicectl
