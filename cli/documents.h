// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "provisioner/model/desired_state_yaml.h"

namespace voicectl {

/// The documents that -f names: a file; a folder (every .yaml, .yml and .json in it, by name); or
/// "-" for standard input. Names are kept as they were given, for messages.
/// ERRORS: kNotFound; kInvalidArgument for a folder without documents.
Result<std::vector<SourceText>> load_documents(const std::vector<std::string>& paths,
                                               CommandContext& context);

/// Reads the desired state that -f names. What is wrong with it is printed to `console.err`.
/// ERRORS: kInvalidArgument when anything is.
Result<DesiredState> load_desired_state(const std::vector<std::string>& paths,
                                        CommandContext& context);

/// A desired state that documents describe, and as one canonical document with only the fields that
/// they name (render_named_state()).
struct LoadedDocument {
  DesiredState state;
  std::string text;
};
/// As load_desired_state.
Result<LoadedDocument> load_state_and_document(const std::vector<std::string>& paths,
                                               CommandContext& context);

/// The document of load_state_and_document(); from the cache if none of the files has changed since
/// it was made.
Result<std::string> load_document(const std::vector<std::string>& paths, CommandContext& context);

/// Reads files that documents name, relative to the working directory.
FileReader file_reader(const CommandContext& context);

/// Prints each problem on a line of its own, and how many there are more.
void print_problems(const ParsedState& parsed, Console& console);

/// "1 problem", or "6000 problems, the first 100 are shown".
std::string count_of_problems(const ParsedState& parsed);

}  // namespace voicectl
