// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/os/reactor.h"
#include "runtime/net/deadline_lanes.h"
#include "runtime/net/http_server.h"

namespace voicectl {

/// What becomes of a connection that cannot be given up now because its answer is to come.
enum class LateDetach { kGiveUp, kEnd };

/// One connection of a host, in either of its two lives: HTTP, then perhaps WebSocket.
///
/// THREADS: loop thread only.
class Connection : public DeadlineEntry {
 public:
  virtual ~Connection() = default;

  virtual bool is_websocket() const = 0;
  /// See HttpServer::detach; nullopt if it stays (until its answer, or until it has ended).
  virtual std::optional<DetachedConnection> detach(LateDetach late) = 0;
  /// See HttpServer::drain.
  virtual void drain(std::uint16_t code, std::string_view reason) = 0;
  /// Ends now, telling nobody. The host forgets it by itself.
  virtual void abandon() = 0;
  /// Begins, after it was held.
  virtual void go() = 0;
  /// The host has been parked, and is parked no more.
  virtual void park() {}
  virtual void unpark() {}
};

/// Keeps connections alive, and what they share.
///
/// A connection holds its host, and the host its connections, until one of them lets go.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;

  virtual Reactor& reactor() = 0;
  virtual DeadlineLanes& lanes() = 0;
  virtual const ConnectionLimits& limits() const = 0;
  /// New connections stay still until `Connection::go`.
  virtual bool is_held() const = 0;
  /// The connection has ended or was given up.
  virtual void forget(Connection& connection) = 0;
};

/// How long lanes are for connections with those limits.
DeadlineLanes::Lengths lane_lengths(const ConnectionLimits& limits);

}  // namespace voicectl
