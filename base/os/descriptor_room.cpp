// SPDX-License-Identifier: Apache-2.0
#include "base/os/descriptor_room.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>

#include "base/os/unique_fd.h"

namespace voicectl {

std::uint64_t free_descriptors(std::uint64_t enough) {
  // The kernel gives out the lowest number that is free, and knows where that is.
  const UniqueFd first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::uint64_t free = first.is_open() ? 1 : 0;
  int last = first.get();
  while (free > 0 && free < enough) {
    const UniqueFd next(::fcntl(first.get(), F_DUPFD_CLOEXEC, last + 1));
    if (!next.is_open()) {
      break;
    }
    last = next.get();
    ++free;
  }
  return std::min(free, enough);
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

Status require_free_descriptors(std::uint64_t count, std::string_view what) {
  const std::uint64_t free = free_descriptors(count);
  return free >= count
             ? ok_status()
             : Status(Error(ErrorCode::kResourceExhausted,
                            fmt::format("cannot {}: that takes some {} open files, and only {} may "
                                        "be opened here; raise the limit (LimitNOFILE, ulimit -n)",
                                        what, count, free)));
}

}  // namespace voicectl
