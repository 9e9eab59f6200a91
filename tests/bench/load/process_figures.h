// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace voicectl::bench {

/// Processor time that all threads of a process have used; 0 if it is gone.
Duration cpu_time_of(int pid);
Duration own_cpu_time();

/// Resident memory of a process in KiB: all of it, and the part that no other process shares.
struct Memory {
  std::uint64_t resident_kib = 0;
  std::uint64_t private_kib = 0;
};
Memory memory_of(int pid);

}  // namespace voicectl::bench
