// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/os/file_system.h"
#include "base/result.h"
#include "cli/console.h"
#include "cli/daemon_client.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/program_host.h"

namespace CLI {
class App;
}

namespace voicectl {

/// Where the program runs, as the person who started it sees it.
struct Surroundings {
  /// A variable of the environment.
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::string working_directory;
  /// Folder of this program: the others lie beside it.
  std::string program_directory;
  std::string user;
  std::uint32_t user_id = 0;
  /// Name of this machine.
  std::string host = "localhost";
  /// Another text for another build of this program.
  std::string program;
  /// Folder that only this user can have written in, for what may get lost; empty for none.
  std::string cache_directory;
};

/// Makes the client for a control socket.
using ConnectDaemon = std::function<std::unique_ptr<DaemonClient>(const std::string& socket)>;

/// All that a command may touch.
struct CommandContext {
  Console& console;
  FileSystem& files;
  ProgramHost& programs;
  const WallClock& clock;
  const Surroundings& surroundings;
  ConnectDaemon connect;
  /// --socket, or empty.
  std::string socket_option{};
  /// What wrong usage ends with: with --detailed-exitcode its number says that there are changes.
  ExitCode usage_code = ExitCode::kUsage;
};

/// Says what is wrong with how the command was called, and how to see what it takes.
ExitCode refuse_usage(CommandContext& context, std::string_view command, std::string_view message);

/// The control socket that the daemon is reached at: --socket, else VOICECTL_SOCKET, else that of
/// the workspace ./.voicectl, else /run/voicectl/control.sock.
std::string find_socket(const CommandContext& context);

/// The daemon at that socket.
std::unique_ptr<DaemonClient> daemon_of(const CommandContext& context);

/// Runs a command whose options have been read.
using CommandBody = std::function<Result<ExitCode>(CommandContext&)>;

/// One command of the program.
struct Command {
  /// Words after "voicectl": "tenant key create".
  std::string_view path;
  /// One line, without full stop.
  std::string_view summary;
  /// Lines for the help, or empty.
  std::string_view examples;
  /// Adds the command's options to `app`; what it returns is called if the command was chosen.
  CommandBody (*declare)(CLI::App& app);
};

/// Formats that a command can print.
enum class Formats {
  kDocument,  ///< table, json, yaml
  kList,      ///< these, wide, name
  kLines,     ///< table, json (one object a line)
  kPlan,      ///< table, json, yaml, markdown
  kProblems,  ///< table, json, yaml, sarif
};

/// Adds -o/--output. REQUIRES: `format` outlives `app`.
void add_output_option(CLI::App& app, OutputFormat& format, Formats formats);

/// Adds a tenant's slug as argument TENANT. REQUIRES: `slug` outlives `app`.
void add_tenant_argument(CLI::App& app, std::string& slug);

}  // namespace voicectl
