// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/os/file_system.h"
#include "base/os/process_spawner.h"
#include "base/result.h"
#include "base/units.h"
#include "provisioner/instances/launch_template.h"

namespace voicectl {

/// What stands in an instance's folder for a daemon that comes back: written when its process is
/// there, and before the program runs in it. So nothing runs that no file names.
struct ProcessFile {
  Port admin_port;
  ProcessIdentity process;
  /// Where it is spoken with.
  ControlSocket socket = ControlSocket::kFirst;
  friend bool operator==(const ProcessFile&, const ProcessFile&) = default;
};

/// Longest file of this kind, in bytes.
inline constexpr std::size_t kMaxProcessFile = 4096;

std::string render_process_file(const ProcessFile& file);

/// Writes the file, durably and for its owner alone, and reads it again: an instance that another
/// daemon does not know by it would run on for nobody, with what it was lent.
/// ERRORS: as FileSystem::replace_atomically(); kCorrupt if something else stands there afterwards.
Status write_process_file(FileSystem& files, const std::string& path, const ProcessFile& file);

/// nullopt if there is none at `path`, or none that can be read.
std::optional<ProcessFile> read_process_file(FileSystem& files, const std::string& path);

/// ERRORS: kCorrupt.
Result<ProcessFile> parse_process_file(std::string_view text);

}  // namespace voicectl
