// SPDX-License-Identifier: Apache-2.0
#include "monitor/procfs_host_source.h"

#include <sys/statvfs.h>

#include <sstream>

namespace voicectl {
namespace {

/// The line of interrupts of a large machine is long.
constexpr std::size_t kMostHostFile = 1U << 20;

/// Columns of the first line of /proc/stat, in ticks (proc(5)).
enum StatColumn { kUser, kNice, kSystem, kIdle, kIoWait, kInterrupt, kSoftInterrupt, kSteal };
constexpr std::size_t kStatColumns = 8;

Duration of_ticks(std::uint64_t ticks, const ProcfsUnits& units) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(
      static_cast<double>(ticks) / static_cast<double>(units.ticks_per_second)));
}

}  // namespace

void add_loadavg(std::string_view text, HostUsage& usage) {
  std::istringstream words{std::string(text)};
  std::array<double, 3> load{};
  if (words >> load[0] >> load[1] >> load[2]) {
    usage.load = load;
  }
}

void add_meminfo(std::string_view text, HostUsage& usage) {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t kib = 0;
    if (!(words >> name >> kib)) {
      continue;
    }
    if (name == "MemTotal:") {
      usage.memory = Bytes{kib * 1024};
    } else if (name == "MemAvailable:") {
      usage.memory_free = Bytes{kib * 1024};
    }
  }
}

void add_stat(std::string_view text, const ProcfsUnits& units, HostUsage& usage) {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line) && line.starts_with("cpu");) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    if (name != "cpu") {
      ++usage.processors;
      continue;
    }
    std::array<std::uint64_t, kStatColumns> ticks{};
    for (std::uint64_t& column : ticks) {
      words >> column;
    }
    if (words) {
      usage.busy = of_ticks(
          ticks[kUser] + ticks[kNice] + ticks[kSystem] + ticks[kInterrupt] + ticks[kSoftInterrupt],
          units);
      usage.stolen = of_ticks(ticks[kSteal], units);
    }
  }
}

ProcfsHostSource::ProcfsHostSource(FileSystem& files,
                                   std::string folder,
                                   ProcfsUnits units,
                                   std::string root)
    : files_(files), folder_(std::move(folder)), units_(units), root_(std::move(root)) {}

std::string ProcfsHostSource::read(const std::string& name) {
  const auto text = files_.read(root_ + "/" + name, kMostHostFile);
  return text.has_error() ? "" : text->value_or("");
}

HostUsage ProcfsHostSource::sample() {
  HostUsage usage;
  add_loadavg(read("loadavg"), usage);
  add_meminfo(read("meminfo"), usage);
  add_stat(read("stat"), units_, usage);
  struct statvfs disk {};
  if (::statvfs(folder_.c_str(), &disk) == 0) {
    usage.disk = Bytes{std::uint64_t{disk.f_blocks} * disk.f_frsize};
    // What an ordinary user may still fill.
    usage.disk_free = Bytes{std::uint64_t{disk.f_bavail} * disk.f_frsize};
  }
  return usage;
}

}  // namespace voicectl
