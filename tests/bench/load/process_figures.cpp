// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/load/process_figures.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

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
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) {
    return Duration::zero();
  }
  std::istringstream fields(text.substr(name_end + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) {
    fields >> skipped;
  }
  std::int64_t user = 0;
  std::int64_t system = 0;
  fields >> user >> system;
  return std::chrono::milliseconds((user + system) * 1000 / ::sysconf(_SC_CLK_TCK));
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
