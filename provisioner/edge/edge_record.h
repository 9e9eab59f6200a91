// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/ids.h"
#include "base/os/file_system.h"
#include "base/os/process_spawner.h"
#include "base/result.h"

namespace voicectl {

/// What the next daemon run must know of the edge: written beside nginx's files whenever it
/// changes. It is lost together with the process it tells of, at a reboot.
struct EdgeRecord {
  ProcessIdentity process;
  /// Of the configuration last known to be served; empty before the first.
  std::string fingerprint;
  /// Platform's domain at that time; absent before the first configuration was served.
  std::optional<HostName> domain;
};

Status store_edge_record(FileSystem& files, const std::string& path, const EdgeRecord& record);

/// nullopt if there is none, or none that can be understood: the edge is then looked for by other
/// means.
std::optional<EdgeRecord> load_edge_record(FileSystem& files, const std::string& path);

}  // namespace voicectl
