// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace voicectl {

/// Reads the command line, runs the command that it names, and says what went wrong.
///
/// `arguments` is without the program's own name. THREADS: one.
ExitCode run_voicectl(const std::vector<std::string>& arguments, CommandContext& context);

/// The help of a command, or of the whole program for an empty path: "tenant key create".
/// Empty if there is no such command.
std::string help_text(const std::string& path);

/// Paths of all commands and groups, in the order of the help.
std::vector<std::string> command_paths();

}  // namespace voicectl
