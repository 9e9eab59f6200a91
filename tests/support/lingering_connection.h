// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstddef>
#include <thread>

#include "base/check.h"
#include "base/os/foreign_close.h"
#include "base/os/unique_fd.h"

namespace voicectl {

/// A TCP connection to ourselves in which nothing more fits, as somebody makes it who wants to hold
/// us up: close() of the last copy of `mine` waits until the peer has read all of it.
struct LingeringConnection {
  UniqueFd mine;
  UniqueFd peer;
  std::size_t sent = 0;

  static LingeringConnection make() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    VC_CHECK(::bind(listener.get(), generic, size) == 0 && ::listen(listener.get(), 1) == 0 &&
                 ::getsockname(listener.get(), generic, &size) == 0,
             "tests may listen");
    LingeringConnection made;
    made.mine = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    VC_CHECK(::connect(made.mine.get(), generic, size) == 0, "somebody listens there");
    made.peer = UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    (void)::fcntl(made.mine.get(), F_SETFL, O_NONBLOCK);
    const std::array<char, 65536> bytes{};
    for (ssize_t count = 0; count >= 0;
         count = ::write(made.mine.get(), bytes.data(), bytes.size())) {
      made.sent += static_cast<std::size_t>(count);
    }
    const linger for_ever{1, INT_MAX};
    VC_CHECK(::setsockopt(made.mine.get(), SOL_SOCKET, SO_LINGER, &for_ever, sizeof for_ever) == 0,
             "anybody may linger");
    return made;
  }

  /// Reads to the end of the connection. How many bytes came.
  std::size_t drain() const {
    std::array<char, 65536> bytes{};
    std::size_t sum = 0;
    for (ssize_t count = 1; count > 0;) {
      count = ::read(peer.get(), bytes.data(), bytes.size());
      sum += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    return sum;
  }
};

/// Until nothing waits to be closed elsewhere.
inline void settle_closing() {
  while (still_closing() > 0) {
    std::this_thread::yield();
  }
}

}  // namespace voicectl
