// SPDX-License-Identifier: Apache-2.0
// The policy of the platform, shown and changed.
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "cli/apply_flow.h"
#include "cli/commands/commands.h"
#include "cli/option_rules.h"
#include "cli/policies.h"
#include "cli/revisions.h"
#include "provisioner/model/names.h"
#include "provisioner/model/policy_text.h"

namespace voicectl {
namespace {

struct ShowOptions {
  std::string policy = "current";
  OutputFormat format = OutputFormat::kTable;
};

struct SetOptions {
  std::string file;
  std::string mode;
  std::string message;
  std::chrono::seconds lock_patience{0};
  bool is_agreed = false;
  OutputFormat format = OutputFormat::kTable;
};

void add_marks(Table& table, std::string_view name, const LoadMarks& marks) {
  const auto extra = [](const std::optional<ExtraMarks>& of) {
    return of ? fmt::format("{} / {}", of->high, of->low) : std::string("-");
  };
  table.add({std::string(name), fmt::format("{} / {}", marks.high_sessions, marks.low_sessions),
             fmt::format("{} / {}", marks.high_cpu.count, marks.low_cpu.count), extra(marks.p99_ms),
             extra(marks.in_flight),
             marks.high_dwell.count() == 0 ? "at once" : format_duration(marks.high_dwell)});
}

void print_policy(Console& console, const PromotionPolicy& policy) {
  const auto line = [&](std::string_view name, const std::string& value) {
    console.out << fmt::format("{:<18} {}\n", name, value);
  };
  line("mode", std::string(name_of(policy.mode)));
  line("demote after", format_duration(policy.low_dwell));
  line("cooldown", format_duration(policy.cooldown));
  line("most promoted", std::to_string(policy.max_promoted));
  line("spare", std::to_string(policy.spare));
  line("kept for the pool",
       fmt::format("{}, {} mCPU", policy.reserve.memory.str(), policy.reserve.cpu.count));
  line("moves a minute", std::to_string(policy.moves_per_minute));
  line("rebalance", policy.balance.spread.count == 0
                        ? std::string("never")
                        : fmt::format("at {} mCPU apart for {}", policy.balance.spread.count,
                                      format_duration(policy.balance.dwell)));
  Table table({{"PLAN"},
               {"SESSIONS", Align::kRight},
               {"mCPU", Align::kRight},
               {"P99 ms", Align::kRight},
               {"IN FLIGHT", Align::kRight},
               {"PROMOTE AFTER", Align::kRight}});
  add_marks(table, "starter", policy.starter);
  add_marks(table, "professional", policy.professional);
  add_marks(table, "enterprise", policy.enterprise);
  console.out << "\nMarks, high / low:\n\n" << table.str(console.out_palette);
}

Result<ExitCode> show(CommandContext& context, const ShowOptions& options) {
  VC_TRY(const PromotionPolicy policy, load_policy(context, options.policy));
  if (options.format == OutputFormat::kTable) {
    print_policy(context.console, policy);
  } else if (options.format == OutputFormat::kYaml) {
    context.console.out << render_policy_yaml(policy);
  } else {
    VC_TRY(const Json document, parse_json(render_policy_json(policy)));
    context.console.out << render_document(document, options.format);
  }
  return ExitCode::kOk;
}

Result<ExitCode> set(CommandContext& context, const SetOptions& options) {
  if (options.file.empty() && options.mode.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot change the policy to nothing: give a file, --mode, or both");
  }
  // What is wrong with the file is found before anybody is kept waiting.
  std::optional<PromotionPolicy> wanted;
  if (!options.file.empty()) {
    VC_TRY(wanted, load_policy(context, options.file));
  }
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  const std::string why = reason_of("policy set", options.message);
  VC_TRY(const std::unique_ptr<PlatformLock> lock,
         PlatformLock::take(context, *daemon, why, options.lock_patience));
  VC_TRY(DesiredAt wish, fetch_desired_at(*daemon));
  PromotionPolicy& policy = wish.state.platform.monitor;
  policy = wanted.value_or(policy);
  policy.mode = find_value<PromotionMode>(options.mode).value_or(policy.mode);
  const ApplyOptions how{.consent = options.is_agreed ? Consent::kGiven : Consent::kAsk,
                         .format = options.format,
                         .why = why,
                         .base_revision = wish.revision,
                         .lock = lock.get()};
  return apply_desired(context, wish.state, how);
}

CommandBody declare_show(CLI::App& app) {
  auto options = std::make_shared<ShowOptions>();
  app.add_option("POLICY", options->policy, "current, default, or a file with 'monitor:'")
      ->capture_default_str();
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return show(context, *options); };
}

CommandBody declare_set(CLI::App& app) {
  auto options = std::make_shared<SetOptions>();
  app.add_option("POLICY", options->file, "default, or a file with 'monitor:'");
  app.add_option("--mode", options->mode, "off, observe or on")
      ->type_name("MODE")
      ->check(one_of({"off", "observe", "on"}));
  add_message_option(app, options->message);
  add_lock_timeout(app, options->lock_patience);
  app.add_flag("-y,--yes", options->is_agreed, "apply without asking");
  add_output_option(app, options->format, Formats::kLines);
  return [options](CommandContext& context) { return set(context, *options); };
}

}  // namespace

Command policy_show_command() {
  return {"policy show", "Show when tenants get an instance of their own, and when they lose it",
          "  voicectl policy show\n"
          "  voicectl policy show -o yaml > policy.yaml",
          declare_show};
}

Command policy_set_command() {
  return {"policy set", "Change the platform's policy; a plan shows what comes of it",
          "  voicectl policy set policy.yaml -m 'the evening is busier now'\n"
          "  voicectl policy set --mode observe",
          declare_set};
}

}  // namespace voicectl
