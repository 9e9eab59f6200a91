// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/os/reactor.h"
#include "base/os/unique_fd.h"
#include "runtime/net/connection_state.h"
#include "runtime/net/deadline_lanes.h"
#include "runtime/net/http_server.h"
#include "runtime/parking/parking_lot.h"

namespace voicectl {

struct CopyTag;

/// A connection's place in a CopyLedger.
class CopyEntry : public boost::intrusive::list_base_hook<boost::intrusive::tag<CopyTag>> {
 protected:
  ~CopyEntry() = default;

 private:
  friend class CopyLedger;
  enum class List { kNone, kPending, kStuck } copy_list_ = List::kNone;
  CopyId copy_id_ = 0;
};

/// One connection of a host, in either of its two lives: HTTP, then perhaps WebSocket.
///
/// THREADS: loop thread only.
class Connection : public DeadlineEntry, public CopyEntry {
 public:
  virtual ~Connection() = default;

  virtual bool is_websocket() const = 0;
  /// False if it cannot go on elsewhere now: its answer is to come, or it ends.
  virtual bool is_movable() const = 0;
  /// What another process needs to go on with it between two bytes. REQUIRES: it is movable.
  virtual ConnectionState state() const = 0;
  /// Its socket, to be sent to another process; borrowed. REQUIRES: it is movable.
  virtual int lend() = 0;
  /// Its answer comes in pieces, so that nobody else can go on with it.
  virtual bool is_in_pieces() const = 0;
  /// The others have gone on elsewhere, and it cannot: it ends with its present answer, one in
  /// pieces at once.
  virtual void stay() = 0;
  /// Ends here, whatever it is about, telling nobody but those who asked to know that it moves: its
  /// socket goes on elsewhere.
  virtual UniqueFd let_go() = 0;
  /// See HttpServer::drain.
  virtual void drain(std::uint16_t code, std::string_view reason) = 0;
  /// Ends now, telling nobody. The host forgets it by itself.
  virtual void abandon() = 0;
  /// Acts on bytes that it had when it was held.
  virtual void go() = 0;
  /// Bytes that wait in its buffers: to be taken, or to be written.
  virtual std::size_t buffered() const = 0;
  /// What another process would have to know of it goes into `space` from now on.
  virtual void keep_at(parking::ParkingSpace) {}
  /// What to keep: its socket and its tag; nullopt if that is over.
  virtual std::optional<parking::ParkingGate::Request> to_keep() const { return std::nullopt; }
  /// The host has been parked, and is parked no more.
  virtual void park() {}
  virtual void unpark() {}

 private:
  friend class BufferSum;
  /// What of `buffered` is in the sum; absent while nothing is.
  std::optional<std::size_t> summed_;
};

/// What waits in the buffers of connections, kept as they change: nobody has to visit them all.
class BufferSum {
 public:
  void begin(Connection& connection) {
    connection.summed_ = 0;
    note(connection);
  }
  void note(Connection& connection) {
    if (connection.summed_) {
      const std::size_t now = connection.buffered();
      bytes_ += now - *connection.summed_;
      connection.summed_ = now;
    }
  }
  void forget(Connection& connection) {
    bytes_ -= std::exchange(connection.summed_, std::nullopt).value_or(0);
  }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
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
  /// Connections take nothing of what they have received until `Connection::go`.
  virtual bool is_held() const { return false; }
  /// A held connection has bytes to act on when it goes.
  virtual void wake_later(Connection&) {}
  /// What `Connection::state` says has changed.
  virtual void note_change(Connection&) {}
  /// The connection has ended or was given up.
  virtual void forget(Connection& connection) = 0;
  /// Another process may serve the connections by now: their sockets are not ours to shut down.
  virtual bool may_be_elsewhere() const { return false; }
  /// The WebSocket may be kept against our own death from now on: Connection::keep_at.
  virtual void keep_later(Connection&) {}
};

/// How long lanes are for connections with those limits.
DeadlineLanes::Lengths lane_lengths(const ConnectionLimits& limits);

}  // namespace voicectl
