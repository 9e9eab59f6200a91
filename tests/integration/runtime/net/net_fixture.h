// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/os/asio_reactor.h"
#include "base/os/unique_fd.h"
#include "base/units.h"
#include "runtime/net/http_server.h"

namespace voicectl::test {

/// A real loop that a test turns until something it waits for has happened.
class Loop {
 public:
  AsioReactor& reactor() { return reactor_; }

  /// False if it has not happened after `limit`.
  bool run_until(const std::function<bool()>& happened, Duration limit = std::chrono::seconds(20));
  /// Runs what is ready now.
  void settle();

 private:
  AsioReactor reactor_;
};

struct TcpListener {
  UniqueFd socket;
  Port port;
};

/// Listens on 127.0.0.1 at a free port.
TcpListener listen_on_loopback();

/// Listens at `path`.
UniqueFd listen_at(const std::string& path);

/// Both ends of a connection, the second for a server to adopt.
std::pair<UniqueFd, UniqueFd> connected_pair();

/// A peer that sends exactly the bytes it is told to, and collects what comes back.
class RawPeer {
 public:
  RawPeer(Loop& loop, UniqueFd socket);
  RawPeer(Loop& loop, Port port);
  ~RawPeer();
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void send(std::string_view bytes);
  /// Turns the loop until the server has had its chance to act on what was sent.
  void dribble(std::string_view bytes);
  const std::string& received() const { return received_; }
  std::string take_received() { return std::exchange(received_, std::string()); }
  bool has_ended() const { return has_ended_; }
  void stop_reading();
  void read_again();
  void shut_sending();
  /// Closes with a reset instead of an orderly end.
  void reset();
  /// True once `text` has come.
  bool wait_for(std::string_view text);
  bool wait_for_end();

 private:
  void watch();
  void unwatch();

  Loop& loop_;
  UniqueFd socket_;
  std::optional<WatchId> watch_;
  std::string received_;
  bool has_ended_ = false;
};

/// A server whose handler answers `GET /path` with the path, and upgrades on /ws to an echo.
class EchoServer {
 public:
  explicit EchoServer(Loop& loop, ConnectionLimits limits = {});

  HttpServer& server() { return *server_; }
  Port port() const { return port_; }
  void stop() { server_.reset(); }

  /// Requests that wait for the test to answer them (path /wait).
  std::vector<std::shared_ptr<Responder>> waiting;
  std::vector<std::uint16_t> close_codes;
  std::shared_ptr<WebSocket> last_websocket;
  std::optional<HttpRequest> last_request;
  std::string last_adopted_tag;
  std::string last_adopted_note;

 private:
  void on_request(HttpRequest request, std::shared_ptr<Responder> responder);
  void echo(const std::shared_ptr<WebSocket>& socket);

  std::unique_ptr<HttpServer> server_;
  Port port_;
};

/// All connections of a server on their way to another one, as in a hand-over.
class Copying {
 public:
  Copying(HttpServer& from, HttpServer& to);

  /// Tells what is new, while `from` serves.
  void tell();
  /// Stops, tells the rest, and has `to` serve.
  void finish();
  /// What of that `finish` does first.
  void freeze();
  /// Answers in pieces that were cut short.
  std::size_t cut_short() const { return cut_short_; }
  /// Connections that were told so far, those that changed included.
  std::size_t told() const { return told_; }

 private:
  HttpServer& from_;
  HttpServer& to_;
  std::size_t cut_short_ = 0;
  std::size_t told_ = 0;
};

/// A masked text frame, as a client sends it.
std::string client_text(std::string_view text);
/// The handshake request for /ws.
std::string upgrade_request();

}  // namespace voicectl::test
