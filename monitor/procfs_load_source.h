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
/// and are as they were then at the others. The share of memory costs more again, the more the
/// process holds (the kernel walks through all of its pages): it is summed up at every
/// kLooksPerSum-th.
///
/// THREADS: one at a time.
class ProcfsLoadSource final : public LoadSource {
 public:
  /// REQUIRES: `files` outlives it.
  explicit ProcfsLoadSource(FileSystem& files,
                            ProcfsUnits units = ProcfsUnits::of_this_machine(),
                            std::string root = "/proc");

  static constexpr int kLooksPerCount = 12;
  static constexpr int kLooksPerSum = 60;

  std::vector<std::optional<ProcessUsage>> sample(
      const std::vector<ProcessIdentity>& processes) override;

 private:
  /// What is looked at now and then only.
  struct Counted {
    std::uint64_t start_ticks = 0;
    int looks_to_count = 0;
    int looks_to_sum = 0;
    std::optional<std::uint32_t> descriptors{};
    std::optional<Bytes> proportional{};
  };
  std::optional<ProcessUsage> sample_one(const ProcessIdentity& process);
  const Counted& counted_of(const ProcessIdentity& process, const std::string& folder);
  std::optional<std::uint32_t> count_descriptors(const std::string& folder);
  std::optional<Bytes> sum_memory(const std::string& folder);

  FileSystem& files_;
  ProcfsUnits units_;
  std::string root_;
  /// By the number of the process.
  std::unordered_map<int, Counted> counted_;
};

/// Reads one line of /proc/<pid>/stat, all but the descriptors and the share of memory; nullopt if
/// it makes no sense or is of a process that started at another time than `start_ticks`.
std::optional<ProcessUsage> parse_process_stat(std::string_view line,
                                               std::uint64_t start_ticks,
                                               const ProcfsUnits& units);

/// The share of memory that the text of /proc/<pid>/smaps_rollup tells; nullopt if it has none.
std::optional<Bytes> parse_proportional(std::string_view text);

}  // namespace voicectl
