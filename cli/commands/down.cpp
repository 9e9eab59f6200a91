// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "cli/apply_flow.h"
#include "cli/commands/commands.h"
#include "cli/platform_programs.h"

namespace voicectl {
namespace {

/// Longer than the daemon takes to stop instances, which may take their own grace.
constexpr Duration kEndLimit = std::chrono::seconds(60);

struct Options {
  std::string workspace = "./.voicectl";
  bool is_agreed = false;
  bool is_purging = false;
  /// The name of the workspace, for its data.
  std::string confirmation;
};

/// Most sessions that the daemon lists.
constexpr std::size_t kMostListed = 200;

/// As the daemon sampled them last, which may be some seconds ago.
std::int64_t sampled_sessions(DaemonClient& daemon) {
  const Result<Json> status = daemon.get("/v1/status");
  const Json counts = status.has_value() ? status->value("counts", Json::object()) : Json::object();
  return integer_or(counts, "sessions", 0);
}

/// Sessions that live now. Where the list cannot tell (somebody did not answer, or there are more
/// than it shows) the larger of its count and the sample is taken.
std::int64_t count_sessions(DaemonClient& daemon) {
  const Result<Json> answer = daemon.get(fmt::format("/v1/sessions?limit={}", kMostListed));
  const Json sessions = answer.has_value() ? answer->value("sessions", Json::array()) : Json();
  const auto live = std::count_if(sessions.begin(), sessions.end(), [](const Json& session) {
    const std::string status = string_or(session, "status", "");
    return status != "completed" && status != "failed";
  });
  const bool is_whole = sessions.is_array() && sessions.size() < kMostListed &&
                        answer->value("problems", Json::array()).empty();
  return is_whole ? live : std::max<std::int64_t>(live, sampled_sessions(daemon));
}

/// Live calls end with the platform, so somebody has to agree; nobody is asked about none.
Answer agree(CommandContext& context, DaemonClient& daemon, const Options& options) {
  const std::int64_t sessions = count_sessions(daemon);
  return ask_yes_no(
      context.console,
      fmt::format("This ends {} live session{}. Go on?", sessions, sessions == 1 ? "" : "s"),
      options.is_agreed || sessions == 0 ? Consent::kGiven : Consent::kAsk);
}

/// All data of all tenants go with the workspace, and nothing brings them back.
Answer agree_to_purge(CommandContext& context, const Workspace& workspace, const Options& options) {
  return ask_for_word(
      context.console,
      fmt::format(
          "This erases workspace {} with the data, keys and certificates of all its tenants.",
          safe_for_terminal(workspace.folder())),
      std::filesystem::path(workspace.folder()).filename().string(), options.confirmation);
}

Result<ExitCode> stop_daemon(CommandContext& context,
                             PlatformPrograms& programs,
                             const Options& options) {
  // A daemon that died left its instances running; only a daemon can end them.
  VC_TRY(const Started started, programs.start_daemon());
  (void)started;  // either way it runs now
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  const Answer answer = agree(context, *daemon, options);
  if (answer != Answer::kYes) {
    return exit_code_of_refusal(context.console, answer);
  }
  const std::string request = dump_json({{"who", context.surroundings.user}});
  VC_TRY(const ExitCode code,
         follow_progress(context, *daemon, {"/v1/stop"}, request, Progress::kText));
  VC_TRY(programs.await_daemon_end(kEndLimit));
  return code;
}

Result<ExitCode> stop_platform(CommandContext& context, const Options& options) {
  Workspace workspace(context.files,
                      absolute_path(context.surroundings.working_directory, options.workspace));
  VC_TRY(const std::optional<std::string> run, workspace.find_run_folder());
  if (options.is_purging) {
    if (const Answer answer = agree_to_purge(context, workspace, options); answer != Answer::kYes) {
      return exit_code_of_refusal(context.console, answer);
    }
  }
  PlatformPrograms programs(context, workspace);
  std::optional<FileLock> lock;
  if (run) {
    VC_TRY(lock, context.programs.lock(workspace.path(kWorkspaceLock)));
    context.socket_option = *run + "/control.sock";
    VC_TRY(const std::optional<ProcessIdentity> daemon, workspace.find_program("daemon"));
    // One that was started by an 'up' that died is nowhere written, but answers.
    if (daemon || daemon_of(context)->get("/v1/version").has_value()) {
      const Result<ExitCode> code = stop_daemon(context, programs, options);
      if (code.has_error()) {
        // What can be ended is ended; the daemon's failure is what counts.
        (void)programs.stop_stand_in();
        return code.error();
      }
      if (*code != ExitCode::kOk) {
        return *code;
      }
    }
    VC_TRY(programs.stop_stand_in());
    VC_TRY(context.files.remove(*run));
  } else {
    context.console.err << fmt::format("Nothing runs in workspace {}.\n", workspace.folder());
  }
  if (options.is_purging) {
    VC_TRY(context.files.remove(workspace.folder()));
    context.console.err << fmt::format("Removed workspace {}.\n", workspace.folder());
  }
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--workspace", options->workspace, "folder that 'up' was given")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_flag("-y,--yes", options->is_agreed, "end live sessions without asking");
  app.add_flag("--purge", options->is_purging, "remove the workspace with all of its data too");
  app.add_option("--confirm", options->confirmation,
                 "the name of the workspace's folder, instead of the question of --purge")
      ->type_name("NAME");
  return [options](CommandContext& context) { return stop_platform(context, *options); };
}

}  // namespace

Command down_command() {
  return {"down", "Stop everything that 'up' started; the state stays",
          "  voicectl down\n  voicectl down --yes --purge --confirm=.voicectl", declare};
}

}  // namespace voicectl
