// SPDX-License-Identifier: Apache-2.0
// Sessions live with their tenant: whoever migrates one migrates all of that tenant's.
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "cli/apply_flow.h"
#include "cli/commands/commands.h"
#include "cli/effect_printer.h"
#include "cli/list_printer.h"
#include "cli/move_progress.h"

namespace voicectl {
namespace {

constexpr std::string_view kTarget = "/v1/sessions/migrate";

struct Options {
  std::vector<std::string> sessions;
  std::vector<std::string> tenants;
  std::string to;
  bool is_agreed = false;
  std::chrono::seconds lock_patience{0};
  bool is_dry_run = false;
  OutputFormat format = OutputFormat::kTable;
};

ListColumn pause_column(std::string_view title,
                        std::string_view key,
                        Shown shown = Shown::kAlways) {
  return {{title, Align::kRight}, shown, [key](const Json& move) {
            return move.contains(key) ? pause_text(integer_or(move, key, 0)) : std::string("-");
          }};
}

ListView moves_view() {
  return {"moves",
          "tenant",
          "tenant",
          "Nothing was moved.",
          {text_column("TENANT", "tenant"), text_column("FROM", "from"), text_column("TO", "to"),
           number_column("SESSIONS", "sessions"), text_column("OUTCOME", "outcome"),
           number_column("CONNECTIONS", "connections"), number_column("WEBSOCKETS", "websockets"),
           pause_column("PAUSE", "pause_us"), pause_column("WAIT", "wait_us", Shown::kWide),
           pause_column("TOOK", "took_us", Shown::kWide),
           number_column("REFUSED", "refused", Shown::kWide),
           number_column("DROPPED", "dropped", Shown::kWide),
           text_column("ERROR", "error", Shown::kWide)}};
}

/// The tenant whose session it is. ERRORS: also kConflict for one that has ended.
Result<std::string> tenant_of_session(DaemonClient& daemon, const std::string& name) {
  VC_TRY(const Json answer, daemon.get("/v1/sessions/" + percent_encoded(name)));
  const Json session = answer.value("session", Json::object());
  const std::string status = string_or(session, "status", "");
  if (status == "completed" || status == "failed") {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot migrate session '{}': it has ended ({})", name, status));
  }
  return require_string(session, "tenant");
}

Result<Json> make_request(const CommandContext& context,
                          DaemonClient& daemon,
                          const Options& options) {
  if (options.sessions.empty() && options.tenants.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot migrate sessions: name some, or tenants with --tenant; see 'voicectl "
                 "session list'");
  }
  std::set<std::string> tenants(options.tenants.begin(), options.tenants.end());
  for (const std::string& session : options.sessions) {
    VC_TRY(std::string tenant, tenant_of_session(daemon, session));
    tenants.insert(std::move(tenant));
  }
  Json request = {{"tenants", tenants}, {"who", context.surroundings.user}};
  if (!options.to.empty()) {
    request["to"] = options.to;
  }
  return request;
}

/// What was planned, with what came of it.
void note_step(Json& moves, const api::StepProgress& step) {
  for (Json& move : moves) {
    if (string_or(move, "tenant", "") != tenant_of(step) ||
        step.state == api::StepState::kRunning) {
      continue;
    }
    move["outcome"] = step.move ? step.move->phase : std::string(name_of(step.state));
    if (step.move) {
      move["connections"] = step.move->connections;
      move["websockets"] = step.move->websockets;
      move["refused"] = step.move->refused;
      move["dropped"] = step.move->dropped;
      move["pause_us"] = step.move->pause_us;
      move["wait_us"] = step.move->wait_us;
      move["took_us"] = step.move->took_us;
    }
    if (!step.error.empty()) {
      move["error"] = step.error;
    }
  }
}

std::string question(const Json& moves) {
  std::int64_t sessions = 0;
  for (const Json& move : moves) {
    sessions += integer_or(move, "sessions", 0);
  }
  return fmt::format("This moves {} tenant{} with {} live session{}; connections stay open. Go on?",
                     moves.size(), moves.size() == 1 ? "" : "s", sessions,
                     sessions == 1 ? "" : "s");
}

Result<ExitCode> migrate(CommandContext& context, const Options& options) {
  Console& console = context.console;
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  VC_TRY(Json request, make_request(context, *daemon, options));
  std::unique_ptr<PlatformLock> lock;
  if (!options.is_dry_run) {
    VC_TRY(lock, PlatformLock::take(context, *daemon, "session migrate", options.lock_patience));
  }
  request["dry_run"] = true;
  VC_TRY(const Json shown, daemon->call("POST", kTarget, dump_json(request)));
  Json result = {{"moves", shown.value("moves", Json::array())}};
  Json& moves = result["moves"];
  for (Json& move : moves) {
    move["outcome"] = "planned";
  }
  if (moves.empty() || options.is_dry_run) {
    if (moves.empty()) {
      console.err << safe_for_terminal(string_or(shown, "note", "Nothing to do.")) << '\n';
    }
    if (!moves.empty() || options.format != OutputFormat::kTable) {
      print_list(console, result, moves_view(), options.format);
    }
    return ExitCode::kOk;
  }
  // Beside the list of what becomes of them, which may be read by a program.
  console.err << print_effect(shown.value("plan", Json::object()), console.err_palette);
  const Answer answer =
      ask_yes_no(console, question(moves), options.is_agreed ? Consent::kGiven : Consent::kAsk);
  if (answer != Answer::kYes) {
    return exit_code_of_refusal(console, answer);
  }
  const Json exactly = {
      {"moves", moves},
      {"base_generation", integer_or(shown.value("plan", Json::object()), "base_generation", 0)},
      {"lock", lock->token()},
      {"who", context.surroundings.user}};
  const auto begun = [&lock] { lock->leave_to_apply(); };
  VC_TRY(const ExitCode code,
         follow_progress(context, *daemon, {std::string(kTarget), begun}, dump_json(exactly),
                         Progress::kBeside,
                         [&moves](const api::StepProgress& step) { note_step(moves, step); }));
  print_list(console, result, moves_view(), options.format);
  return code;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("SESSION", options->sessions,
                 "sessions to migrate, with all others of their tenants");
  app.add_option("--tenant", options->tenants, "all sessions of this tenant; may be given again")
      ->type_name("TENANT");
  app.add_option("--to", options->to,
                 "shared instance that gets them; default: the other one with the fewest tenants")
      ->type_name("INSTANCE");
  app.add_flag("--dry-run", options->is_dry_run, "show what would be done, and do nothing");
  app.add_flag("-y,--yes", options->is_agreed, "migrate without asking");
  add_lock_timeout(app, options->lock_patience);
  add_output_option(app, options->format, Formats::kList);
  return [options](CommandContext& context) { return migrate(context, *options); };
}

}  // namespace

Command session_migrate_command() {
  return {"session migrate", "Move live sessions to another shared instance, connections open",
          "  voicectl session migrate mario-pizza_2f0c9b7d54e8a1c6\n"
          "  voicectl session migrate --tenant mario-pizza --tenant dr-smith --to shared-1 --yes",
          declare};
}

}  // namespace voicectl
