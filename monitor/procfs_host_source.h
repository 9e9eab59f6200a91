// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/os/file_system.h"
#include "monitor/host_source.h"
#include "monitor/procfs_load_source.h"

namespace voicectl {

/// Looks into /proc, and at the file system of one folder.
class ProcfsHostSource final : public HostSource {
 public:
  /// REQUIRES: `files` outlives it. `root` is /proc but in tests.
  ProcfsHostSource(FileSystem& files,
                   std::string folder,
                   ProcfsUnits units = ProcfsUnits::of_this_machine(),
                   std::string root = "/proc");

  HostUsage sample() override;

 private:
  std::string read(const std::string& name);

  FileSystem& files_;
  std::string folder_;
  ProcfsUnits units_;
  std::string root_;
};

/// Adds what the texts of /proc/loadavg, /proc/meminfo and /proc/stat say. What makes no sense is
/// left out.
void add_loadavg(std::string_view text, HostUsage& usage);
void add_meminfo(std::string_view text, HostUsage& usage);
void add_stat(std::string_view text, const ProcfsUnits& units, HostUsage& usage);

}  // namespace voicectl
