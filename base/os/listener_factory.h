// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/os/file_system.h"
#include "base/os/unique_fd.h"
#include "base/result.h"
#include "base/units.h"

namespace voicectl {

/// Longest wait queue of a listener: connections that arrive while no instance accepts wait here.
/// The kernel lowers it to net.core.somaxconn.
inline constexpr int kListenBacklog = 4096;

/// How a unix socket file is made reachable.
struct SocketAccess {
  FileMode mode{0600};
  /// Group that gets the file (nginx's workers when the daemon is root).
  std::optional<std::uint32_t> group;
};

/// Binds listening sockets: non-blocking, close-on-exec, backlog kListenBacklog. Those for streams
/// are foreign: whoever they are lent to can make something else of them, which it takes long to
/// close.
/// THREADS: any.
class ListenerFactory {
 public:
  virtual ~ListenerFactory() = default;

  /// Binds 127.0.0.1:`port`.
  /// ERRORS: kAlreadyExists if anyone holds the port; kPermissionDenied below 1024 without right.
  virtual Result<UniqueFd> bind_tcp(Port port) = 0;

  /// Binds a stream socket at `path`, replacing a stale file nobody listens on. The file has its
  /// mode and group before the first connection can come.
  /// ERRORS: kAlreadyExists if a live listener is there; kInvalidArgument if `path` is longer than
  /// the 107 bytes that an address holds.
  virtual Result<UniqueFd> bind_unix(const std::string& path, const SocketAccess& access) = 0;

  /// The same for message-framed sockets (SOCK_SEQPACKET): channels between daemon and instances.
  virtual Result<UniqueFd> bind_unix_packets(const std::string& path,
                                             const SocketAccess& access) = 0;

  /// Nothing listens there any more, whoever has a duplicate open yet: its address can be bound at
  /// once, and who waits in its queue is told that nobody comes.
  virtual void stop_listening(const UniqueFd& listener) = 0;

  /// Closes it. What it was bound to is free when this returns, unless somebody has a duplicate or
  /// has made something of it that it takes long to close.
  virtual void close(UniqueFd listener) = 0;

  /// Where a listening socket is bound: "127.0.0.1:21000" or "unix:/run/...".
  virtual std::string describe(const UniqueFd& listener) const = 0;

  /// Whether both are the same socket, and not another one that was bound at its place later.
  virtual bool is_same(const UniqueFd& one, const UniqueFd& other) const = 0;
};

}  // namespace voicectl
