// SPDX-License-Identifier: Apache-2.0
// What policies would have done with a recorded load.
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/output_file.h"
#include "cli/policies.h"
#include "cli/workspace.h"
#include "monitor/replay_page.h"

namespace voicectl {
namespace {

constexpr FileMode kReadableFile{0644};
/// Tenants that are listed, those with most to do.
constexpr std::size_t kListed = 10;

struct Options {
  std::string recording;
  /// One to replay, two to compare.
  std::vector<std::string> policies;
  std::string page;
  OutputFormat format = OutputFormat::kTable;
};

double minutes(Duration length) {
  return std::chrono::duration<double, std::ratio<60>>(length).count();
}

Json describe(const ReplayResult& result) {
  Json tenants = Json::array();
  for (const ReplayTenant& one : result.tenants) {
    if (one.promotions > 0 || one.over_mark > Duration::zero()) {
      tenants.push_back({{"tenant", one.tenant.str()},
                         {"promotions", one.promotions},
                         {"demotions", one.demotions},
                         {"flaps", one.flaps},
                         {"over_mark_minutes", minutes(one.over_mark)},
                         {"dedicated_minutes", minutes(one.dedicated)}});
    }
  }
  return {{"tenants_recorded", result.tenants.size()},
          {"began", format_wall_time(result.began)},
          {"length_minutes", minutes(result.length)},
          {"interval_s", std::chrono::duration<double>(result.interval).count()},
          {"frames", result.frames},
          {"samples", result.samples},
          {"promotions", result.promotions},
          {"demotions", result.demotions},
          {"flaps", result.flaps},
          {"over_mark_minutes", minutes(result.over_mark)},
          {"dedicated_minutes", minutes(result.dedicated)},
          {"held_back_minutes", minutes(result.held_back)},
          {"most_promoted", result.most_promoted},
          {"digest", result.digest()},
          {"tenants", std::move(tenants)}};
}

void print_figures(Console& console,
                   const std::vector<std::string>& names,
                   const std::vector<ReplayResult>& results) {
  std::vector<Column> columns;
  columns.push_back({"", Align::kLeft});
  for (const std::string& name : names) {
    columns.push_back({name, Align::kRight});
  }
  Table table(columns);
  const auto row = [&](std::string name, const auto& value) {
    std::vector<std::string> cells = {std::move(name)};
    for (const ReplayResult& result : results) {
      cells.push_back(value(result));
    }
    table.add(std::move(cells));
  };
  const auto whole = [](Duration length) { return fmt::format("{:.0f}", minutes(length)); };
  row("promotions", [](const ReplayResult& of) { return std::to_string(of.promotions); });
  row("demotions", [](const ReplayResult& of) { return std::to_string(of.demotions); });
  row("flaps (moved back within 1h)",
      [](const ReplayResult& of) { return std::to_string(of.flaps); });
  row("minutes over the mark", [&](const ReplayResult& of) { return whole(of.over_mark); });
  row("dedicated minutes", [&](const ReplayResult& of) { return whole(of.dedicated); });
  row("minutes held back", [&](const ReplayResult& of) { return whole(of.held_back); });
  row("most at a time", [](const ReplayResult& of) { return std::to_string(of.most_promoted); });
  console.out << table.str(console.out_palette);
}

void print_tenants(Console& console, const ReplayResult& result) {
  std::vector<const ReplayTenant*> busiest;
  for (const ReplayTenant& one : result.tenants) {
    if (one.promotions > 0) {
      busiest.push_back(&one);
    }
  }
  std::stable_sort(
      busiest.begin(), busiest.end(),
      [](const ReplayTenant* a, const ReplayTenant* b) { return a->dedicated > b->dedicated; });
  Table table({{"TENANT"},
               {"PROMOTED", Align::kRight},
               {"FLAPS", Align::kRight},
               {"OVER THE MARK", Align::kRight},
               {"ALONE", Align::kRight}});
  for (std::size_t i = 0; i < std::min(kListed, busiest.size()); ++i) {
    const ReplayTenant& one = *busiest[i];
    table.add({one.tenant.str(), std::to_string(one.promotions), std::to_string(one.flaps),
               format_duration(one.over_mark), format_duration(one.dedicated)});
  }
  if (!table.empty()) {
    console.out << '\n' << table.str(console.out_palette);
  }
}

void print_head(Console& console, const ReplayResult& result) {
  console.out << fmt::format("{} tenant{}, {} from {}, a sample every {}.\n\n",
                             result.tenants.size(), result.tenants.size() == 1 ? "" : "s",
                             format_duration(result.length), format_wall_time(result.began),
                             format_duration(result.interval));
  if (result.left_over > 0) {
    console.err << fmt::format(
        "The recording ends within a sample ({} bytes): it grows, or its writer was killed.\n",
        result.left_over);
  }
}

Status write_page(CommandContext& context,
                  const Options& options,
                  const std::vector<ReplayResult>& results) {
  std::vector<ReplaySide> sides;
  for (std::size_t i = 0; i < results.size(); ++i) {
    sides.push_back({options.policies[i], results[i]});
  }
  VC_TRY(write_output_file(context, options.page, render_replay_page(sides), kReadableFile));
  context.console.err << fmt::format("The timeline is in '{}'.\n", safe_for_terminal(options.page));
  return ok_status();
}

Result<std::vector<ReplayResult>> replay_all(CommandContext& context, const Options& options) {
  std::vector<PromotionPolicy> policies;
  for (const std::string& word : options.policies) {
    VC_TRY(const PromotionPolicy policy, load_policy(context, word));
    policies.push_back(policy);
  }
  const std::string path = absolute_path(context.surroundings.working_directory, options.recording);
  VC_TRY(const std::optional<std::string> bytes, context.files.read(path, RecordingBudget{}.bytes));
  if (!bytes) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot read '{}': there is no such file", options.recording));
  }
  std::vector<ReplayResult> out;
  for (const PromotionPolicy& policy : policies) {
    VC_TRY(const RecordingReader recording, RecordingReader::open(*bytes));
    VC_TRY(ReplayResult result, replay(policy, recording));
    out.push_back(std::move(result));
  }
  return out;
}

Result<ExitCode> run(CommandContext& context, const Options& options) {
  VC_TRY(const std::vector<ReplayResult> results, replay_all(context, options));
  if (options.format == OutputFormat::kTable) {
    std::vector<std::string> names;
    for (const std::string& name : options.policies) {
      names.push_back(safe_for_terminal(name));
    }
    print_head(context.console, results.front());
    print_figures(context.console, names, results);
    if (results.size() == 1) {
      print_tenants(context.console, results.front());
    }
  } else {
    Json document = Json::array();
    for (std::size_t i = 0; i < results.size(); ++i) {
      document.push_back(describe(results[i]));
      document.back()["policy"] = options.policies[i];
    }
    context.console.out << render_document(Json{{"replays", std::move(document)}}, options.format);
  }
  if (!options.page.empty()) {
    VC_TRY(write_page(context, options, results));
  }
  return ExitCode::kOk;
}

void add_common(CLI::App& app, Options& options) {
  app.add_option("--html", options.page, "draw the timeline into this file, to look at")
      ->type_name("FILE");
  add_output_option(app, options.format, Formats::kDocument);
}

CommandBody declare_replay(CLI::App& app) {
  auto options = std::make_shared<Options>();
  auto policy = std::make_shared<std::string>("current");
  app.add_option("RECORDING", options->recording, "what 'policy record' has written")->required();
  app.add_option("--policy", *policy, "current, default, or a file with 'monitor:'")
      ->capture_default_str();
  add_common(app, *options);
  return [options, policy](CommandContext& context) {
    options->policies = {*policy};
    return run(context, *options);
  };
}

CommandBody declare_compare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("RECORDING", options->recording, "what 'policy record' has written")->required();
  app.add_option("POLICIES", options->policies, "two of: current, default, a file with 'monitor:'")
      ->required()
      ->expected(2);
  add_common(app, *options);
  return [options](CommandContext& context) { return run(context, *options); };
}

}  // namespace

Command policy_replay_command() {
  return {"policy replay", "Say what a policy would have done with a recorded load",
          "  voicectl policy replay week.vcload\n"
          "  voicectl policy replay week.vcload --policy policy.yaml --html week.html",
          declare_replay};
}

Command policy_compare_command() {
  return {"policy compare", "Put two policies side by side on a recorded load",
          "  voicectl policy compare week.vcload current policy.yaml --html week.html",
          declare_compare};
}

}  // namespace voicectl
