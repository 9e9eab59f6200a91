// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <CLI/App.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/apply_flow.h"
#include "cli/commands/commands.h"
#include "cli/effect_printer.h"
#include "cli/option_rules.h"
#include "cli/seconds.h"

namespace voicectl {
namespace {

/// The daemon takes no more.
constexpr std::uint64_t kMostInABatch = 1000;
constexpr std::chrono::seconds kLongestWatch = std::chrono::hours(24);

struct Options {
  std::string runtime;
  bool is_rollback = false;
  std::string canary;
  std::string watch = "10s";
  std::uint32_t batch = 1;
  bool allows_drops = false;
  bool is_dry_run = false;
  std::chrono::seconds lock_patience{0};
  bool is_agreed = false;
  OutputFormat format = OutputFormat::kTable;
};

/// The daemon copies a file, not a link, and has another working directory.
Result<std::string> real_path(const CommandContext& context, const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code problem;
  const fs::path real =
      fs::canonical(fs::path(context.surroundings.working_directory) / path, problem);
  if (problem) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot find program '{}': {}", path, problem.message()));
  }
  return real.string();
}

Result<Json> make_request(const CommandContext& context, const Options& options) {
  Json out = {{"who", context.surroundings.user},
              {"watch_s", parse_seconds(options.watch).value_or(0)},
              {"batch", options.batch},
              {"allow_drops", options.allows_drops},
              {"rollback", options.is_rollback}};
  if (!options.canary.empty()) {
    out["canary"] = options.canary;
  }
  if (!options.runtime.empty()) {
    VC_TRY(out["runtime"], real_path(context, options.runtime));
  }
  return out;
}

const Json& part(const Json& json, std::string_view key) {
  static const Json nothing = Json::object();
  const auto found = json.find(key);
  return found != json.end() && found->is_object() ? *found : nothing;
}

std::string program_text(const Json& program) {
  const std::string version = string_or(program, "version", "");
  return fmt::format("{} ({})", version.empty() ? "unknown" : safe_for_terminal(version),
                     safe_for_terminal(string_or(program, "fingerprint", "?")).substr(0, 12));
}

std::string drops_text(const Json& forecast) {
  return fmt::format(
      "{} of {} open WebSockets are closed (1012) and come again: the programs lay out hand-overs "
      "differently",
      integer_or(forecast, "drops", 0), integer_or(forecast, "websockets", 0));
}

void print_forecast(Console& console, const Json& forecast, const Options& options) {
  const auto line = [&](std::string_view name, const std::string& value) {
    console.out << fmt::format("  {:<8} {}\n", name, value);
  };
  const std::size_t instances = forecast.value("instances", Json::array()).size();
  console.out << fmt::format("Upgrade from {} to {}:\n\n", program_text(part(forecast, "from")),
                             program_text(part(forecast, "to")));
  if (instances > 0) {
    line("first",
         fmt::format("{}, watched for {}", safe_for_terminal(string_or(forecast, "canary", "?")),
                     options.watch));
    line("then", fmt::format("the rest of {} instance{}, {} at a time", instances,
                             instances == 1 ? "" : "s", options.batch));
  }
  line("tenants", fmt::format("{} move with {} open WebSockets", integer_or(forecast, "tenants", 0),
                              integer_or(forecast, "websockets", 0)));
  if (!forecast.value("hands_over", true)) {
    line("drops", console.out_palette.paint(Color::kBad, drops_text(forecast)));
  }
  for (const EffectLine& effect : upgrade_lines(forecast.value("course", Json()), options.watch)) {
    line(effect.label, effect.text);
  }
  console.out << '\n';
}

bool is_nothing(const Json& forecast) {
  return forecast.value("instances", Json::array()).empty() &&
         string_or(part(forecast, "from"), "fingerprint", "") ==
             string_or(part(forecast, "to"), "fingerprint", "?");
}

Result<ExitCode> upgrade(CommandContext& context, const Options& options) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  VC_TRY(Json request, make_request(context, options));
  std::unique_ptr<PlatformLock> lock;
  if (!options.is_dry_run) {
    VC_TRY(lock, PlatformLock::take(context, *daemon, "upgrade", options.lock_patience));
  }
  request["dry_run"] = true;
  VC_TRY(const Json forecast, daemon->call("POST", "/v1/upgrade", dump_json(request)));
  const bool is_json = options.format == OutputFormat::kJson;
  if (is_json && options.is_dry_run) {
    context.console.out << dump_json(forecast) << '\n';
  } else if (!is_json && is_nothing(forecast)) {
    context.console.out << fmt::format("Nothing to do: instances run {} already.\n",
                                       program_text(part(forecast, "to")));
    return ExitCode::kOk;
  } else if (!is_json) {
    print_forecast(context.console, forecast, options);
  }
  if (options.is_dry_run) {
    return ExitCode::kOk;
  }
  if (!forecast.value("hands_over", true) && !options.allows_drops) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot upgrade without dropping WebSockets: {}; add --allow-drops",
                             drops_text(forecast)));
  }
  const Answer answer =
      ask_yes_no(context.console, "Go on?", options.is_agreed ? Consent::kGiven : Consent::kAsk);
  if (answer != Answer::kYes) {
    return exit_code_of_refusal(context.console, answer);
  }
  request.erase("dry_run");
  request["lock"] = lock->token();
  const auto begun = [&lock] { lock->leave_to_apply(); };
  return follow_progress(context, *daemon, {"/v1/upgrade", begun}, dump_json(request),
                         is_json ? Progress::kJson : Progress::kText);
}

CommandBody declare_upgrade(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::Option* const runtime =
      app.add_option("--runtime", options->runtime,
                     "voice-runtime to go to; default: the one that is installed")
          ->type_name("PATH");
  app.add_flag("--rollback", options->is_rollback, "go back to the program before the last upgrade")
      ->excludes(runtime);
  app.add_option("--canary", options->canary,
                 "who goes first: an instance, or tenant/<slug>; default: the shared instance with "
                 "the fewest tenants")
      ->type_name("WHO");
  app.add_option("--watch", options->watch, "how long it must answer before the others follow")
      ->type_name("TIME")
      ->check(length_up_to(kLongestWatch))
      ->capture_default_str();
  app.add_option("--batch", options->batch, "instances that are replaced at one time after it")
      ->check(whole_number(1, kMostInABatch))
      ->capture_default_str();
  app.add_flag("--allow-drops", options->allows_drops,
               "go on although WebSockets must be closed and come again");
  app.add_flag("--dry-run", options->is_dry_run, "show what would be done, and do nothing");
  add_lock_timeout(app, options->lock_patience);
  app.add_flag("-y,--yes", options->is_agreed, "upgrade without asking");
  add_output_option(app, options->format, Formats::kLines);
  return [options](CommandContext& context) { return upgrade(context, *options); };
}

}  // namespace

Command upgrade_command() {
  return {
      "upgrade", "Roll another voice-runtime through all instances; connections stay open",
      "  voicectl upgrade --dry-run\n"
      "  voicectl upgrade --runtime ./build/voice-runtime --canary tenant/mario-pizza --watch 1m\n"
      "  voicectl upgrade --rollback --yes",
      declare_upgrade};
}

}  // namespace voicectl
