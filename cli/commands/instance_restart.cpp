// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/apply_flow.h"
#include "cli/commands/commands.h"
#include "cli/option_rules.h"
#include "cli/plan_printer.h"

namespace voicectl {
namespace {

/// The daemon has no more steps than that under way.
constexpr std::uint32_t kMostMoves = 32;

struct Options {
  std::string instance;
  bool is_one_by_one = false;
  std::optional<std::uint32_t> parallel;
  std::chrono::seconds lock_patience{0};
  bool is_dry_run = false;
  bool is_agreed = false;
  OutputFormat format = OutputFormat::kTable;
};

Status require_instance(DaemonClient& daemon, const std::string& name) {
  VC_TRY(const Json answer, daemon.get("/v1/instances"));
  for (const Json& instance : answer.value("instances", Json::array())) {
    if (string_or(instance, "instance", "") == name) {
      return ok_status();
    }
  }
  return Error(ErrorCode::kNotFound,
               fmt::format("cannot replace instance '{}': there is none of that name; see "
                           "'voicectl ps'",
                           name));
}

/// What it would do, before anybody agrees to it.
Status show_preview(CommandContext& context,
                    DaemonClient& daemon,
                    const std::string& target,
                    const Json& request,
                    const Options& options) {
  const bool is_json = options.format == OutputFormat::kJson;
  if (is_json && !options.is_dry_run) {
    return ok_status();
  }
  VC_TRY(const Json shown, daemon.call("POST", target + "/preview", dump_json(request)));
  const Json plan = shown.value("plan", Json::object());
  context.console.out << (is_json ? dump_json(plan) + "\n"
                                  : print_plan(plan, context.console.out_palette, Reasons::kHide));
  return ok_status();
}

Result<ExitCode> restart_instance(CommandContext& context, const Options& options) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  VC_TRY(require_instance(*daemon, options.instance));
  const std::string target = "/v1/instances/" + percent_encoded(options.instance) + "/restart";
  Json request = {{"who", context.surroundings.user}};
  if (options.is_one_by_one || options.parallel) {
    request["parallel"] = options.parallel.value_or(1);
  }
  std::unique_ptr<PlatformLock> lock;
  if (!options.is_dry_run) {
    VC_TRY(lock, PlatformLock::take(context, *daemon, "instance restart " + options.instance,
                                    options.lock_patience));
  }
  VC_TRY(show_preview(context, *daemon, target, request, options));
  if (options.is_dry_run) {
    return ExitCode::kOk;
  }
  const Answer answer = ask_yes_no(
      context.console,
      fmt::format(
          "This starts an instance beside '{}', hands its tenants over{} and stops it. Go on?",
          options.instance, options.is_one_by_one ? " one by one" : ""),
      options.is_agreed ? Consent::kGiven : Consent::kAsk);
  if (answer != Answer::kYes) {
    return exit_code_of_refusal(context.console, answer);
  }
  request["lock"] = lock->token();
  const auto begun = [&lock] { lock->leave_to_apply(); };
  return follow_progress(context, *daemon, {target, begun}, dump_json(request),
                         options.format == OutputFormat::kJson ? Progress::kJson : Progress::kText);
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("INSTANCE", options->instance, "name of the instance, as 'voicectl ps' has it")
      ->required();
  CLI::Option* const one = app.add_flag("--one-by-one", options->is_one_by_one,
                                        "hand one tenant over at a time; default: side by side");
  app.add_option("--parallel", options->parallel,
                 fmt::format("most tenants that are handed over at one time, up to {}", kMostMoves))
      ->check(whole_number(1, kMostMoves))
      ->excludes(one);
  app.add_flag("--dry-run", options->is_dry_run, "show what would be done, and do nothing");
  add_lock_timeout(app, options->lock_patience);
  app.add_flag("-y,--yes", options->is_agreed, "replace it without asking");
  add_output_option(app, options->format, Formats::kLines);
  return [options](CommandContext& context) { return restart_instance(context, *options); };
}

}  // namespace

Command instance_restart_command() {
  return {"instance restart", "Replace an instance by a fresh one; its connections stay open",
          "  voicectl instance restart shared-0 --dry-run\n"
          "  voicectl instance restart shared-0 --one-by-one --yes",
          declare};
}

}  // namespace voicectl
