// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/list_printer.h"
#include "cli/option_rules.h"
#include "cli/plan_printer.h"
#include "cli/revisions.h"
#include "provisioner/model/desired_state_yaml.h"

namespace voicectl {
namespace {

/// The daemon lists no more at a time.
constexpr std::size_t kMostRevisions = 1000;

struct ListOptions {
  std::size_t limit = 50;
  std::int64_t before = 0;
  OutputFormat format = OutputFormat::kTable;
};

struct ShowOptions {
  std::int64_t number = 0;
  OutputFormat format = OutputFormat::kTable;
};

ListView history_view() {
  return {.list = "revisions",
          .kind = "revision",
          .name_key = "revision",
          .when_empty = "Nothing was applied yet. Next: voicectl apply -f platform.yaml",
          .columns = {
              number_column("REVISION", "revision"),
              text_column("AT", "at"),
              text_column("WHO", "who"),
              text_column("OUTCOME", "outcome"),
              {{"CHANGES"}, Shown::kAlways, [](const Json& item) { return print_summary(item); }},
              text_column("WHY", "why"),
              number_column("GENERATION", "generation", Shown::kWide),
              {{"PLAN"}, Shown::kWide, [](const Json& item) {
                 return string_or(item, "plan_id", "").substr(0, 12);
               }}}};
}

Result<ExitCode> list_history(CommandContext& context, const ListOptions& options) {
  std::string target = fmt::format("/v1/revisions?limit={}", options.limit);
  target += options.before > 0 ? fmt::format("&before={}", options.before) : "";
  VC_TRY(const Json answer, daemon_of(context)->get(target));
  ListView view = history_view();
  const std::string nothing = fmt::format("Nothing before revision {}.", options.before);
  view.when_empty = options.before > 0 ? nothing : view.when_empty;
  print_list(context.console, answer, view, options.format);
  return ExitCode::kOk;
}

/// A document that can be applied, with what is known of it as comments.
std::string commented_document(const Json& kept, const DesiredState& desired) {
  const Json& facts = kept.at("revision");
  std::string out =
      fmt::format("# revision {} of {}, by {}\n# {}\n# outcome: {}; {}\n",
                  integer_or(facts, "revision", 0), safe_for_terminal(cell(facts, "at")),
                  safe_for_terminal(cell(facts, "who")), safe_for_terminal(cell(facts, "why")),
                  safe_for_terminal(cell(facts, "outcome")), print_summary(facts));
  if (const std::string purged = list_cell(kept, "purged"); purged != "-") {
    out += fmt::format("# purged since, and not in it any more: {}\n", safe_for_terminal(purged));
  }
  return out + render_full_state_yaml(desired);
}

Result<ExitCode> show_revision(CommandContext& context, const ShowOptions& options) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  VC_TRY(Json kept, fetch_revision(*daemon, options.number));
  VC_TRY(const DesiredState desired, desired_state_of(kept));
  if (options.format == OutputFormat::kTable) {
    context.console.out << commented_document(kept, desired);
    return ExitCode::kOk;
  }
  kept["document"] = Json::parse(render_desired_state(desired));
  context.console.out << render_document(kept, options.format);
  return ExitCode::kOk;
}

CommandBody declare_list(CLI::App& app) {
  auto options = std::make_shared<ListOptions>();
  app.add_option("--limit", options->limit,
                 fmt::format("most revisions to list, up to {}", kMostRevisions))
      ->check(whole_number(1, kMostRevisions))
      ->capture_default_str();
  app.add_option("--before", options->before, "only revisions before this one")
      ->check(whole_number(1));
  add_output_option(app, options->format, Formats::kList);
  return [options](CommandContext& context) { return list_history(context, *options); };
}

CommandBody declare_show(CLI::App& app) {
  auto options = std::make_shared<ShowOptions>();
  add_revision_argument(app, "REVISION", options->number);
  app.get_option("REVISION")->required();
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return show_revision(context, *options); };
}

}  // namespace

Command history_command() {
  return {"history", "List what was applied: when, by whom, why, and what came of it",
          "  voicectl history\n"
          "  voicectl history --before 120 -o wide\n"
          "\n"
          "Every desired state that was accepted is kept as a revision, the newest 500 of them.",
          declare_list};
}

Command history_show_command() {
  return {"history show", "Show a revision as a document that can be applied",
          "  voicectl history show 12\n"
          "  voicectl history show 12 > platform.yaml\n"
          "\n"
          "It has every field, so that an apply of it leaves none as it is, and stops at those\n"
          "that commands have set otherwise since. To go back use 'voicectl rollback'.",
          declare_show};
}

}  // namespace voicectl
