// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/loopback_listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>

#include "base/os/posix_error.h"

namespace voicectl {
namespace {

constexpr int kBacklog = 511;

struct Place {
  bool six = false;
  std::uint16_t port = 0;
};

std::optional<Place> parse_place(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view host = address.substr(0, colon);
  const std::string_view digits = address.substr(colon + 1);
  Place place{host == "[::1]", 0};
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), place.port);
  const bool number = read.ec == std::errc() && read.ptr == digits.data() + digits.size();
  const bool loopback = place.six || host == "127.0.0.1" || host == "localhost";
  return number && loopback ? std::optional(place) : std::nullopt;
}

Error failed(std::string_view address, int number) {
  const Error known = posix_error(fmt::format("listen at '{}'", address), number);
  return number == EADDRINUSE ? Error(ErrorCode::kAlreadyExists, known.text()) : known;
}

int bind_loopback(int fd, const Place& place) {
  if (place.six) {
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_addr = in6addr_loopback;
    at.sin6_port = htons(place.port);
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at);
  }
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(place.port);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at);
}

/// Where a socket is bound; nullopt if it is no TCP socket.
std::optional<std::string> bound_at(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return std::nullopt;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    const auto& at = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &at.sin_addr, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), ntohs(at.sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    const auto& at = reinterpret_cast<const sockaddr_in6&>(storage);
    ::inet_ntop(AF_INET6, &at.sin6_addr, text.data(), text.size());
    return fmt::format("[{}]:{}", text.data(), ntohs(at.sin6_port));
  }
  return std::nullopt;
}

}  // namespace

Result<LoopbackListener> listen_at(std::string_view address) {
  const auto place = parse_place(address);
  if (!place) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot listen at '{}': it must be 127.0.0.1:PORT, localhost:PORT or "
                             "[::1]:PORT",
                             address));
  }
  const int family = place->six ? AF_INET6 : AF_INET;
  UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) {
    return failed(address, errno);
  }
  const int on = 1;
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // only a comfort
  if (bind_loopback(socket.get(), *place) != 0 || ::listen(socket.get(), kBacklog) != 0) {
    return failed(address, errno);
  }
  const auto bound = bound_at(socket.get());
  return LoopbackListener{std::move(socket), bound.value_or(std::string(address))};
}

Result<LoopbackListener> inherit_listener(int number) {
  int listens = 0;
  socklen_t size = sizeof listens;
  const bool good =
      ::getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
  const auto bound = good ? bound_at(number) : std::nullopt;
  if (!bound) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot use descriptor {}: it is no listening TCP socket", number));
  }
  (void)::fcntl(number, F_SETFD, FD_CLOEXEC);  // this program starts no others
  (void)::fcntl(number, F_SETFL, ::fcntl(number, F_GETFL) | O_NONBLOCK);
  return LoopbackListener{UniqueFd(number), *bound};
}

}  // namespace voicectl
