// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cli/command.h"
#include "provisioner/model/daemon_paths.h"
#include "provisioner/model/desired_state.h"

namespace voicectl {

/// Where the daemon keeps what must survive, as it says; nothing else of it.
Result<DaemonPaths> fetch_paths(DaemonClient& daemon);

/// A file of this run beside those of others that do the same at the same time. What runs that are
/// gone have left is removed with the next one. `name` says what it is for: "export-mario-pizza".
std::string run_file(CommandContext& context,
                     const DaemonPaths& paths,
                     const std::string& name,
                     std::string_view ending);

/// Runs voicectl-archive, which works on tenants' data, and waits for its end. How far it is is
/// shown where somebody watches.
///
/// `words` are its arguments; `name` says what the run is for.
/// ERRORS: what the program says of its failure; kInternal if it ends without a word.
Result<Json> run_archive(CommandContext& context,
                         const DaemonPaths& paths,
                         const std::string& name,
                         std::vector<std::string> words);

/// Words that tell the program where the platform's sessions are, if not in files.
Result<std::vector<std::string>> store_words(CommandContext& context,
                                             const StoreSpec& store,
                                             const DaemonPaths& paths);

/// "1,234 rows: 12 sessions, 1,222 events".
std::string describe_rows(const Json& rows);

}  // namespace voicectl
