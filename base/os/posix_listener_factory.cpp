// SPDX-License-Identifier: Apache-2.0
#include "base/os/posix_listener_factory.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/os/foreign_close.h"
#include "base/os/posix_error.h"

namespace voicectl {
namespace {

/// For a listener to be closed, so that its port is free: a hundred times what that takes, and
/// still no time for the loop that waits.
constexpr Duration kClosePatience = std::chrono::milliseconds(50);

Error bind_error(const std::string& address, int number) {
  if (number == EADDRINUSE) {
    return Error(ErrorCode::kAlreadyExists,
                 fmt::format("cannot bind '{}': another program listens there", address));
  }
  if (number == ENOENT) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot bind '{}': its folder does not exist", address));
  }
  return posix_error(fmt::format("bind '{}'", address), number);
}

Result<UniqueFd> open_socket(int family, int type, const std::string& address) {
  UniqueFd socket(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) {
    return bind_error(address, errno);
  }
  return socket;
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  constexpr std::size_t kLongest = sizeof address.sun_path - 1;
  if (path.empty() || path.front() != '/' || path.size() > kLongest) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot bind '{}': a socket's path is absolute and has at most {} "
                             "bytes; choose a shorter folder",
                             path, kLongest));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

/// Takes a socket file away that nobody listens on. Connecting is the only sure question: the file
/// of a dead program looks like that of a living one.
Status clear_stale(const sockaddr_un& address, int type) {
  const std::string path = address.sun_path;
  struct stat about {};
  if (::lstat(address.sun_path, &about) != 0) {
    return errno == ENOENT ? ok_status() : Status(bind_error(path, errno));
  }
  if (!S_ISSOCK(about.st_mode)) {
    return Error(ErrorCode::kAlreadyExists,
                 fmt::format("cannot bind '{}': something else than a socket is there", path));
  }
  VC_TRY(const UniqueFd question, open_socket(AF_UNIX, type, path));
  if (::connect(question.get(), generic(address), sizeof address) == 0 || errno != ECONNREFUSED) {
    return bind_error(path, EADDRINUSE);
  }
  if (::unlink(address.sun_path) != 0 && errno != ENOENT) {
    return bind_error(path, errno);
  }
  return ok_status();
}

Status open_to(const char* path, const SocketAccess& access) {
  constexpr uid_t kSameUser = static_cast<uid_t>(-1);
  if (access.group && ::lchown(path, kSameUser, *access.group) != 0) {
    return posix_error(fmt::format("give '{}' to group {}", path, *access.group), errno);
  }
  if (::chmod(path, static_cast<mode_t>(access.mode)) != 0) {
    return posix_error(fmt::format("set the mode of '{}'", path), errno);
  }
  return ok_status();
}

/// A socket refuses connections until listen(), so mode and group are set in between: nobody can
/// get in by the rights of an unfinished file. (Renaming a finished one into place would do the
/// same, but the kernel goes on to tell the old name as the socket's address.)
Result<UniqueFd> bind_path(const std::string& path, const SocketAccess& access, int type) {
  VC_TRY(const sockaddr_un address, address_of(path));
  VC_TRY(clear_stale(address, type));
  VC_TRY(UniqueFd socket, open_socket(AF_UNIX, type, path));
  // The file is born with the mode of the socket.
  (void)::fchmod(socket.get(), 0600);  // open_to() below sets it for certain
  if (::bind(socket.get(), generic(address), sizeof address) != 0) {
    return bind_error(path, errno);
  }
  Status opened = open_to(address.sun_path, access);
  if (opened.has_value() && ::listen(socket.get(), kListenBacklog) != 0) {
    opened = bind_error(path, errno);
  }
  if (opened.has_error()) {
    (void)::unlink(address.sun_path);  // the error is what counts; a stale file is replaced later
    return opened.error();
  }
  return socket;
}

}  // namespace

Result<UniqueFd> PosixListenerFactory::bind_tcp(Port port) {
  const std::string where = "127.0.0.1:" + port.str();
  VC_TRY(UniqueFd socket, open_socket(AF_INET, SOCK_STREAM, where));
  // Connections of a previous listener in TIME_WAIT would otherwise block the port for a minute.
  const int yes = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port.value());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), kListenBacklog) != 0) {
    return bind_error(where, errno);
  }
  return UniqueFd::foreign(socket.release());
}

Result<UniqueFd> PosixListenerFactory::bind_unix(const std::string& path,
                                                 const SocketAccess& access) {
  VC_TRY(UniqueFd socket, bind_path(path, access, SOCK_STREAM));
  return UniqueFd::foreign(socket.release());
}

Result<UniqueFd> PosixListenerFactory::bind_unix_packets(const std::string& path,
                                                         const SocketAccess& access) {
  return bind_path(path, access, SOCK_SEQPACKET);
}

void PosixListenerFactory::stop_listening(const UniqueFd& listener) {
  (void)::shutdown(listener.get(), SHUT_RDWR);  // fails only for one that listens no more
}

void PosixListenerFactory::close(UniqueFd listener) {
  (void)close_within(std::move(listener), kClosePatience);  // it is not in our hands when
}

std::string PosixListenerFactory::describe(const UniqueFd& listener) const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return "";
  }
  if (address.ss_family == AF_UNIX) {
    sockaddr_un unix_address{};
    std::memcpy(&unix_address, &address, sizeof unix_address);
    return fmt::format("unix:{}", unix_address.sun_path);
  }
  sockaddr_in internet{};
  std::memcpy(&internet, &address, sizeof internet);
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &internet.sin_addr, text.data(), text.size());
  return fmt::format("{}:{}", text.data(), ntohs(internet.sin_port));
}

bool PosixListenerFactory::is_same(const UniqueFd& one, const UniqueFd& other) const {
  struct stat left {};
  struct stat right {};
  return ::fstat(one.get(), &left) == 0 && ::fstat(other.get(), &right) == 0 &&
         left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

}  // namespace voicectl
