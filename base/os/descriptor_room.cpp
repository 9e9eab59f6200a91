// SPDX-License-Identifier: Apache-2.0
#include "base/os/descriptor_room.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/os/unique_fd.h"

namespace voicectl {
namespace {

/// Numbers that the kernel is asked about at one time.
constexpr std::size_t kAtOnce = 512;

/// The kernel gives out the lowest number that is free: all below it are in use.
std::uint64_t lowest_free() {
  const UniqueFd probe(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return probe.is_open() ? static_cast<std::uint64_t>(probe.get()) : 0;
}

/// Of `count` numbers from `first` on.
std::uint64_t count_free(std::uint64_t first, std::size_t count) {
  std::array<pollfd, kAtOnce> asked{};
  for (std::size_t i = 0; i < count; ++i) {
    asked[i].fd = static_cast<int>(first + i);
  }
  int answered = -1;
  do {
    answered = ::poll(asked.data(), count, 0);
  } while (answered < 0 && errno == EINTR);
  const bool is_known = answered >= 0;
  return is_known ? static_cast<std::uint64_t>(std::count_if(
                        asked.begin(), asked.begin() + static_cast<std::ptrdiff_t>(count),
                        [](const pollfd& one) { return (one.revents & POLLNVAL) != 0; }))
                  : 0;
}

}  // namespace

std::uint64_t free_descriptors(std::uint64_t enough) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return enough;
  }
  std::uint64_t free = 0;
  std::uint64_t at = lowest_free();
  // No more numbers are asked about than may be polled, which is as many as may be open.
  const std::uint64_t step = std::min<std::uint64_t>(kAtOnce, limit.rlim_cur);
  std::uint64_t wanted = enough;
  while (free < enough && at < limit.rlim_cur) {
    const std::size_t count =
        static_cast<std::size_t>(std::min({step, limit.rlim_cur - at, wanted}));
    free += count_free(at, count);
    at += count;
    // A hole among thousands that are open: the free ones are far, and not to be felt for by tens.
    wanted = step;
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
