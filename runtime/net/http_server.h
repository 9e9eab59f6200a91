// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/os/asio_reactor.h"
#include "base/os/unique_fd.h"
#include "base/result.h"
#include "runtime/net/connection_state.h"
#include "runtime/net/http_message.h"
#include "runtime/parking/parking_lot.h"

namespace voicectl {

/// What one connection may cost.
struct ConnectionLimits {
  std::size_t header_bytes = std::size_t{16} * 1024;
  std::size_t body_bytes = std::size_t{1024} * 1024;
  /// Longest WebSocket message after joining fragments.
  std::size_t message_bytes = std::size_t{64} * 1024;
  /// Bytes that may wait for a slow reader before the socket is closed with 1013.
  std::size_t unsent_bytes = std::size_t{1024} * 1024;
  /// How long a request may take to arrive once its first byte is there.
  Duration request_timeout = std::chrono::seconds(30);
  /// How long an idle connection is kept between requests.
  Duration idle_timeout = std::chrono::seconds(75);
  /// Pings, pongs and fragments without a byte that a peer may send within ten seconds before its
  /// WebSocket is closed with 1008. Other fragments are bounded by what they add to their message.
  std::uint16_t control_frames = 60;
  /// Time between pings on a quiet WebSocket; two unanswered ones end it.
  Duration ping_interval = std::chrono::seconds(30);
};

/// An established WebSocket (RFC 6455, no extensions).
///
/// THREADS: loop thread only.
class WebSocket {
 public:
  struct Handlers {
    std::function<void(std::string text)> on_text;
    /// Runs once, in a later turn; `code` is the peer's or ours, 1006 if the connection broke.
    std::function<void(std::uint16_t code)> on_close;
    /// What whoever goes on with it elsewhere has to know beside its tag. Asked whenever that is
    /// told: it changes nothing.
    std::function<std::string()> note = {};
    /// Called as the last of all when it goes on elsewhere.
    std::function<void()> on_moved = {};
    /// Appends what a process has to know of it beside its tag if this one dies now, at most
    /// parking::kNoteRoom bytes. Asked whenever something was sent or received. May be empty: then
    /// such a process goes on without a note.
    std::function<void(std::string& note)> kept_note = {};
  };
  virtual ~WebSocket() = default;
  /// Nothing is read before the first call, so no message is lost however late it comes.
  virtual void set_handlers(Handlers handlers) = 0;
  /// Queues a text message; after close it does nothing.
  virtual void send_text(std::string_view text) = 0;
  /// Sends a close frame and ends once the peer answered, or after five seconds.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
  virtual bool is_open() const = 0;
  /// Bytes that were queued and have not left yet.
  virtual std::size_t unsent() const = 0;
  /// Runs once, in a later turn, when nothing is unsent any more: how fast the peer reads is then
  /// how fast somebody sends. A task that waits at its end is dropped, and a later one replaces it.
  virtual void on_drained(std::function<void()> task) = 0;
  /// What Handlers::note or `kept_note` says has changed for another reason than a message or an
  /// end.
  virtual void note_changed() {}
};

/// An answer that is written piece by piece (chunked): followed logs, progress of long work.
///
/// Dropping the last copy ends the answer. THREADS: loop thread only.
class ResponseStream {
 public:
  virtual ~ResponseStream() = default;
  /// Queues a piece; does nothing once the peer is gone.
  virtual void write(std::string_view piece) = 0;
  virtual void end() = 0;
  virtual bool is_open() const = 0;
  /// Bytes that were written and have not left yet.
  virtual std::size_t unsent() const = 0;
  /// Runs once, in a later turn, when nothing is unsent any more: how fast the peer reads is then
  /// how fast somebody writes. Not after the peer is gone.
  virtual void on_drained(std::function<void()> task) = 0;
  /// Runs once, in a later turn, if the peer goes away before `end`, or stops reading for more
  /// than ConnectionLimits::unsent_bytes.
  virtual void on_gone(std::function<void()> task) = 0;
};

/// The answer to one request. Copyable; the first use wins and later ones do nothing. Dropping the
/// last copy unused answers 500.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void send(HttpResponse response) = 0;
  /// Sends the head now (`head.body` is the first piece) and leaves the body open. Such a
  /// connection is closed rather than moved to another server.
  virtual std::shared_ptr<ResponseStream> stream(HttpResponse head) = 0;
  /// Answers 101 and turns the connection into a WebSocket. `tag` is kept with the connection's
  /// state (a move to another process needs it to find its handlers again), such as
  /// "session/<id>".
  /// ERRORS: kInvalidArgument if the request is no valid upgrade (already answered with 400).
  virtual Result<std::shared_ptr<WebSocket>> upgrade(std::string tag) = 0;
};

/// Serves HTTP/1.1 and WebSockets on any number of listeners.
///
/// Bytes are read into an explicit buffer and taken from it as whole requests or frames, so that
/// at any moment a connection is a descriptor and a ConnectionState.
/// THREADS: loop thread only.
class HttpServer {
 public:
  struct Handlers {
    /// Called for each request; answers through the responder, at once or later. The connection
    /// reads no further request until then.
    std::function<void(HttpRequest request, std::shared_ptr<Responder> responder)> on_request;
    /// Called for each WebSocket that `adopt` brought, to set its handlers.
    std::function<void(
        const std::string& tag, const std::string& note, std::shared_ptr<WebSocket> socket)>
        on_adopted;
  };

  /// REQUIRES: `reactor` outlives it.
  HttpServer(AsioReactor& reactor, Handlers handlers, ConnectionLimits limits = {});
  /// Closes every connection without ceremony.
  ~HttpServer();

  /// Accepts on `listener` until `stop_accepting`. OWNS: `listener`.
  void serve(UniqueFd listener);
  /// Closes the listeners of this process; duplicates elsewhere keep accepting.
  void stop_accepting();

  /// Ends idle connections now and busy ones after their answer; WebSockets get `code`.
  void drain(std::uint16_t code, std::string_view reason);

  /// Takes no further request: what arrives waits. Requests that were taken are answered, and
  /// WebSockets are served.
  void park();
  void unpark();

  // Another server is to get the connections. It is told of them while they are served here, and
  // again of those that change, so that little is left to say when they stop.

  /// Everything is to be told.
  void begin_copy();
  /// How much is.
  std::size_t changes() const;
  /// The next of it: up to `most` connections, and no further one once their bytes exceed
  /// `most_bytes`. Nothing, if that is empty.
  ConnectionChanges take_changes(std::size_t most, std::size_t most_bytes);
  /// Nobody is to be told any more, and no connection stops.
  void end_copy();
  /// Stops every connection between two bytes: nothing is read or written, and no deadline is met.
  /// What remains to be told cannot change any more. Requests that are being answered stay here,
  /// with connections that are ending; answers in pieces, too, and they are counted: `let_go` cuts
  /// them short.
  ///
  /// Costs as much as there is to be told, however many connections there are.
  std::size_t freeze();
  /// Goes on with all of them.
  void thaw();
  /// Lets go of every connection that was told, either way: it goes on elsewhere. Then goes on with
  /// the others, which end with their present answers. A few in each turn; `done` runs after the
  /// last.
  void let_go(std::function<void()> done);

  /// What is adopted from now on neither reads nor writes a byte until `go`, and no deadline is
  /// met.
  void hold();
  /// Goes on with a connection of another server: at once, or while held, at `go`.
  void adopt(DetachedConnection connection);
  /// WebSockets that are open survive this process from now on, not a turn later, as far as whoever
  /// keeps them has room (`keep_at`).
  void keep_now();
  /// The same for one that another server tells of while it serves it: with the id that it has
  /// there. The next id comes with a socket, a known one without.
  /// ERRORS: kCorrupt for an id that is neither. REQUIRES: it is held.
  Status adopt_copy(CopyId id, UniqueFd socket, ConnectionState state);
  /// The other server has ended it, or keeps it. ERRORS: kCorrupt for an unknown id.
  Status drop_copy(CopyId id);
  /// Costs as much as there are bytes to act on, however many connections there are.
  void go();

  /// From now on WebSockets are kept there, against the death of this process.
  /// REQUIRES: `gate` outlives the server.
  void keep_at(parking::ParkingGate& gate);

  std::size_t connections() const;
  std::size_t websockets() const;
  /// Memory of the connections themselves, and of what waits in their buffers; not of the requests
  /// that are being answered, nor of what the kernel holds for them.
  std::size_t memory() const;
  /// That its connections have read and written since it began.
  struct Bytes {
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
  };
  Bytes bytes() const;

 private:
  struct Inner;
  std::shared_ptr<Inner> inner_;
};

}  // namespace voicectl
