// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <optional>
#include <ostream>
#include <utility>

#include "cli/apply_flags.h"
#include "cli/apply_flow.h"
#include "cli/commands/commands.h"
#include "cli/documents.h"
#include "cli/platform_programs.h"

namespace voicectl {
namespace {

constexpr const char* kUsualWorkspace = "./.voicectl";
constexpr const char* kPlatformFile = "config/platform.yaml";

struct Options {
  std::string workspace = kUsualWorkspace;
  std::vector<std::string> files;
  std::size_t allow_delete = 0;
  std::string confirmation;
  bool is_forced = false;
};

/// The platform that was applied last from this workspace.
std::optional<DesiredState> find_earlier(CommandContext& context, const Workspace& workspace) {
  constexpr std::size_t kLongest = 64U << 20;
  const Result<std::optional<std::string>> text =
      context.files.read(workspace.path(kPlatformFile), kLongest);
  if (text.has_error() || !*text) {
    return std::nullopt;
  }
  ParsedState parsed = parse_desired_state({{workspace.path(kPlatformFile), **text}},
                                           file_reader(context), kOwnDocumentBudget);
  return parsed.ok() ? std::optional(std::move(parsed.state)) : std::nullopt;
}

/// The stand-in runs only where the platform asks for an endpoint on this machine: calls must
/// never end at a development tool unnoticed.
Status start_stand_in(CommandContext& context,
                      PlatformPrograms& programs,
                      const PlatformSpec& platform) {
  const UltravoxSpec& ultravox = platform.ultravox;
  const std::optional<std::string> address = loopback_address(ultravox.endpoint);
  if (!address) {
    if (ultravox.api_key_file.empty()) {
      context.console.err << fmt::format(
          "Note: calls go to {}, which needs ultravox.api_key_file. For a development stand-in on "
          "this machine write ultravox.endpoint: http://127.0.0.1:4100/api\n",
          ultravox.endpoint);
    }
    return ok_status();
  }
  VC_TRY(const Started started, programs.start_stand_in(*address, platform));
  context.console.err << fmt::format(
      "{} the Ultravox stand-in at {} (development only).\n",
      started == Started::kNow ? "Started" : "Found running:", *address);
  return ok_status();
}

Result<ExitCode> apply_files(CommandContext& context,
                             Workspace& workspace,
                             const LoadedDocument& loaded,
                             const Options& options) {
  // To start a platform from a file is to agree to what the file asks for, but not to deletions.
  const ApplyOptions how{.consent = Consent::kGiven,
                         .confirmation = options.confirmation,
                         .conflicts = options.is_forced ? Conflicts::kForce : Conflicts::kRefuse,
                         .allow_delete = options.allow_delete,
                         .why = "up",
                         // Longer than the lock of somebody lives who died with the daemon before.
                         .lock_patience = std::chrono::seconds(45)};
  VC_TRY(const ExitCode code, apply_document(context, loaded.text, how));
  if (code == ExitCode::kOk) {
    VC_TRY(context.files.replace_atomically(workspace.path(kPlatformFile),
                                            render_desired_state_yaml(loaded.state), kPrivateFile));
  }
  return code;
}

Result<ExitCode> start_platform(CommandContext& context, const Options& options) {
  const Surroundings& around = context.surroundings;
  Workspace workspace(context.files, absolute_path(around.working_directory, options.workspace));
  std::optional<LoadedDocument> loaded;
  if (!options.files.empty()) {
    VC_TRY(loaded, load_state_and_document(options.files, context));
  }
  VC_TRY(workspace.make(around.user_id == 0 ? kSharedDirectory : kPrivateDirectory));
  // Two at a time would start everything twice, and forget one of each.
  VC_TRY(const FileLock lock, context.programs.lock(workspace.path(kWorkspaceLock)));
  PlatformPrograms programs(context, workspace);
  const std::optional<DesiredState> running =
      loaded ? std::optional(loaded->state) : find_earlier(context, workspace);
  if (running) {
    VC_TRY(start_stand_in(context, programs, running->platform));
  }
  VC_TRY(const Started started, programs.start_daemon());
  VC_TRY(const std::optional<std::string> run, workspace.find_run_folder());
  context.socket_option = *run + "/control.sock";
  context.console.err << fmt::format(
      "{} voicectld, workspace {}\n",
      started == Started::kNow ? "Started" : "Found running:", workspace.folder());
  if (workspace.folder() != absolute_path(around.working_directory, kUsualWorkspace)) {
    // Where the other commands look for themselves is another one.
    context.console.err << fmt::format("For the other commands: export VOICECTL_SOCKET={}\n",
                                       context.socket_option);
  }
  return loaded ? apply_files(context, workspace, *loaded, options)
                : Result<ExitCode>(ExitCode::kOk);
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--workspace", options->workspace, "folder of state, logs and configuration")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("-f,--file", options->files, "file or folder of documents to apply")
      ->type_name("PATH");
  app.add_option("--allow-delete", options->allow_delete, "most tenants that may be deleted")
      ->capture_default_str();
  app.add_option("--confirm", options->confirmation, "the word that a severe change asks for")
      ->type_name("WORD");
  add_force_conflicts(app, options->is_forced);
  return [options](CommandContext& context) { return start_platform(context, *options); };
}

}  // namespace

Command up_command() {
  return {"up", "Start a platform on this machine, and apply a file to it",
          "  voicectl up -f examples/qastco.yaml\n"
          "  voicectl up --workspace /srv/voice\n"
          "\n"
          "A second run starts what is missing and changes nothing else.",
          declare};
}

}  // namespace voicectl
