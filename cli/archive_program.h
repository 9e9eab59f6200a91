// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cli/command.h"
#include "provisioner/model/desired_state.h"

namespace voicectl {

/// Folders of the daemon, as it says them.
struct PlatformPaths {
  std::string state;

  std::string tenant(const std::string& slug) const { return state + "/tenants/" + slug; }
  /// Where data wait that go into the platform or out of it. The daemon makes it.
  std::string transfer() const { return state + "/transfer"; }
};
Result<PlatformPaths> fetch_paths(DaemonClient& daemon);

/// A file of this run beside those of others that do the same at the same time. What runs that are
/// gone have left is removed with the next one. `name` says what it is for: "export-mario-pizza".
std::string run_file(CommandContext& context,
                     const PlatformPaths& paths,
                     const std::string& name,
                     std::string_view ending);

/// Runs voicectl-archive, which works on tenants' data, and waits for its end. How far it is is
/// shown where somebody watches.
///
/// `words` are its arguments; `name` says what the run is for.
/// ERRORS: what the program says of its failure; kInternal if it ends without a word.
Result<Json> run_archive(CommandContext& context,
                         const PlatformPaths& paths,
                         const std::string& name,
                         std::vector<std::string> words);

/// Words that tell the program where the platform's sessions are, if not in files.
Result<std::vector<std::string>> store_words(CommandContext& context,
                                             const StoreSpec& store,
                                             const PlatformPaths& paths);

/// "1,234 rows: 12 sessions, 1,222 events".
std::string describe_rows(const Json& rows);

}  // namespace voicectl
