// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/load/process_figures.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <time.h>

#include <fstream>
#include <sstream>
#include <string>

namespace voicectl::bench {
namespace {

Duration length_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

}  // namespace

Duration cpu_time_of(int pid) {
  clockid_t clock{};
  timespec time{};
  // Not /proc/PID/stat, which counts in ticks of 10 ms: of a second that is one per cent.
  if (pid <= 0 || ::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) {
    return Duration::zero();
  }
  return std::chrono::duration_cast<Duration>(std::chrono::seconds(time.tv_sec) +
                                              std::chrono::nanoseconds(time.tv_nsec));
}

Duration own_cpu_time() {
  rusage usage{};
  (void)::getrusage(RUSAGE_SELF, &usage);  // cannot fail for this process
  return length_of(usage.ru_utime) + length_of(usage.ru_stime);
}

Memory memory_of(int pid) {
  std::ifstream rollup(fmt::format("/proc/{}/smaps_rollup", pid));
  Memory memory;
  std::string name;
  std::string line;
  while (std::getline(rollup, line)) {
    std::istringstream fields(line);
    std::uint64_t kib = 0;
    fields >> name >> kib;
    memory.resident_kib += name == "Rss:" ? kib : 0;
    memory.private_kib += name == "Private_Clean:" || name == "Private_Dirty:" ? kib : 0;
  }
  return memory;
}

}  // namespace voicectl::bench
