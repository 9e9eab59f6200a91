// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/os/process_spawner.h"
#include "base/result.h"
#include "base/units.h"

namespace voicectl {

/// What stands in an instance's folder for a daemon that comes back: written without a process
/// before the spawn, and again with it right after.
struct ProcessFile {
  Port admin_port;
  std::optional<ProcessIdentity> process;
  friend bool operator==(const ProcessFile&, const ProcessFile&) = default;
};

/// Longest file of this kind, in bytes.
inline constexpr std::size_t kMaxProcessFile = 4096;

std::string render_process_file(const ProcessFile& file);

/// ERRORS: kCorrupt.
Result<ProcessFile> parse_process_file(std::string_view text);

}  // namespace voicectl
