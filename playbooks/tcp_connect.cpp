// SPDX-License-Identifier: Apache-2.0
#include "playbooks/tcp_connect.h"

#include <fmt/core.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace voicectl {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<Addresses> look_up(const std::string& address, Port port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int outcome = ::getaddrinfo(address.c_str(), port.str().c_str(), &hints, &found);
  if (outcome != 0) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("cannot find host '{}': {}", address, ::gai_strerror(outcome)));
  }
  return Addresses(found, &::freeaddrinfo);
}

Result<UniqueFd> connect_one(const addrinfo& to, Duration timeout) {
  UniqueFd fd(::socket(to.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("cannot make a socket: {}", std::strerror(errno)));
  }
  const int yes = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  if (::connect(fd.get(), to.ai_addr, to.ai_addrlen) == 0) {
    return fd;
  }
  int problem = errno;
  if (problem == EINPROGRESS) {
    VC_TRY(const bool is_ready, wait_for_socket(fd.get(), WaitFor::kWriting, timeout));
    if (!is_ready) {
      return Error(ErrorCode::kTimeout,
                   fmt::format("cannot connect within {}", format_duration(timeout)));
    }
    socklen_t length = sizeof(problem);
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &problem, &length);
  }
  if (problem != 0) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("cannot connect: {}", std::strerror(problem)));
  }
  return fd;
}

}  // namespace

Result<UniqueFd> connect_tcp(const std::string& address, Port port, Duration timeout) {
  VC_TRY(const Addresses addresses, look_up(address, port));
  Error last(ErrorCode::kUnavailable, "cannot connect: the host has no address");
  for (const addrinfo* to = addresses.get(); to != nullptr; to = to->ai_next) {
    Result<UniqueFd> fd = connect_one(*to, timeout);
    if (fd.has_value()) {
      return fd;
    }
    last = fd.error();
  }
  return last.with_context(fmt::format("host '{}', port {}", address, port.value()));
}

Result<bool> wait_for_socket(int fd, WaitFor what, Duration timeout) {
  pollfd entry{fd, 0, 0};
  if (what != WaitFor::kWriting) {
    entry.events |= POLLIN;
  }
  if (what != WaitFor::kReading) {
    entry.events |= POLLOUT;
  }
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  const int milliseconds = static_cast<int>(std::clamp<std::int64_t>(wait, 0, 1 << 30));
  while (true) {
    const int ready = ::poll(&entry, 1, milliseconds);
    if (ready >= 0) {
      return ready > 0;
    }
    if (errno != EINTR) {
      return Error(ErrorCode::kInternal,
                   fmt::format("cannot wait for a socket: {}", std::strerror(errno)));
    }
  }
}

}  // namespace voicectl
