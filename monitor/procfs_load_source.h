// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/os/file_system.h"
#include "monitor/load_source.h"

namespace voicectl {

/// What the numbers in /proc/<pid>/stat are counted in.
struct ProcfsUnits {
  std::uint64_t ticks_per_second = 100;
  std::uint64_t page_bytes = 4096;

  /// Those of this machine.
  static ProcfsUnits of_this_machine();
};

/// The real side of LoadSource: /proc (proc(5)). Open descriptors cost the kernel more to tell than
/// all the rest, and change slowly: they are counted at every kLooksPerCount-th look at a process,
/// and are as they were then at the others.
///
/// THREADS: one at a time.
class ProcfsLoadSource final : public LoadSource {
 public:
  /// REQUIRES: `files` outlives it.
  explicit ProcfsLoadSource(FileSystem& files,
                            ProcfsUnits units = ProcfsUnits::of_this_machine(),
                            std::string root = "/proc");

  static constexpr int kLooksPerCount = 12;

  std::vector<std::optional<ProcessUsage>> sample(
      const std::vector<ProcessIdentity>& processes) override;

 private:
  struct Counted {
    std::uint64_t start_ticks = 0;
    int looks_left = 0;
    std::optional<std::uint32_t> descriptors{};
  };
  std::optional<ProcessUsage> sample_one(const ProcessIdentity& process);
  std::optional<std::uint32_t> descriptors_of(const ProcessIdentity& process,
                                              const std::string& folder);

  FileSystem& files_;
  ProcfsUnits units_;
  std::string root_;
  /// By the number of the process.
  std::unordered_map<int, Counted> counted_;
};

/// Reads one line of /proc/<pid>/stat, all but the descriptors; nullopt if it makes no sense or is
/// of a process that started at another time than `start_ticks`.
std::optional<ProcessUsage> parse_process_stat(std::string_view line,
                                               std::uint64_t start_ticks,
                                               const ProcfsUnits& units);

}  // namespace voicectl
