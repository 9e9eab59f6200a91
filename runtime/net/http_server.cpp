// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/http_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "runtime/net/acceptor.h"
#include "runtime/net/http_connection.h"
#include "runtime/net/websocket_connection.h"

namespace voicectl {
namespace {

/// How long a peer may take to answer our close frame.
constexpr Duration kCloseWait = std::chrono::seconds(5);
/// How long a peer may take to hang up after the last byte.
constexpr Duration kLingerWait = std::chrono::seconds(2);
/// Idle connections to end when the process is out of descriptors: room for a few newcomers.
constexpr std::size_t kSpared = 8;
/// A connection that is idle for less has perhaps only not been heard yet.
constexpr Duration kSparedAfter = std::chrono::milliseconds(100);

std::optional<std::uint32_t> peer_uid_of(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_UNIX) {
    return std::nullopt;
  }
  ucred peer{};
  size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return std::nullopt;
  }
  return peer.uid;
}

}  // namespace

DeadlineLanes::Lengths lane_lengths(const ConnectionLimits& limits) {
  DeadlineLanes::Lengths lengths{};
  lengths[static_cast<std::size_t>(Lane::kRequest)] = limits.request_timeout;
  lengths[static_cast<std::size_t>(Lane::kIdle)] = limits.idle_timeout;
  lengths[static_cast<std::size_t>(Lane::kPing)] = limits.ping_interval;
  lengths[static_cast<std::size_t>(Lane::kClose)] = kCloseWait;
  lengths[static_cast<std::size_t>(Lane::kLinger)] = kLingerWait;
  return lengths;
}

struct HttpServer::Inner final : HttpHost, std::enable_shared_from_this<HttpServer::Inner> {
  Inner(AsioReactor& loop, Handlers wanted, ConnectionLimits allowed)
      : loop_(loop),
        handlers_(std::move(wanted)),
        limits_(allowed),
        lanes_(loop, lane_lengths(allowed)) {}

  Reactor& reactor() override { return loop_; }
  DeadlineLanes& lanes() override { return lanes_; }
  const ConnectionLimits& limits() const override { return limits_; }
  bool is_draining() const override { return is_draining_; }
  bool is_parked() const override { return is_parked_; }
  bool is_held() const override { return is_held_; }

  void on_request(HttpRequest request, std::shared_ptr<Responder> responder) override {
    handlers_.on_request(std::move(request), std::move(responder));
  }

  void keep(std::shared_ptr<Connection> connection) override {
    websockets_ += connection->is_websocket() ? 1 : 0;
    Connection* const key = connection.get();
    connections_.emplace(key, std::move(connection));
  }

  void forget(Connection& connection) override {
    const auto found = connections_.find(&connection);
    if (found != connections_.end()) {
      websockets_ -= connection.is_websocket() ? 1 : 0;
      connections_.erase(found);
    }
  }

  void give_up_late(DetachedConnection connection) override {
    if (handlers_.on_late_detach) {
      handlers_.on_late_detach(std::move(connection));
    }
  }

  void serve(UniqueFd listener) {
    Acceptor::Handlers handlers;
    handlers.on_connection = [this](UniqueFd socket) { begin_http(std::move(socket), {}); };
    handlers.on_exhausted = [this] { end_idle(); };
    acceptors_.push_back(
        std::make_unique<Acceptor>(loop_, std::move(listener), std::move(handlers)));
  }

  void begin_http(UniqueFd socket, ConnectionState state) {
    const auto peer_uid = peer_uid_of(socket.get());
    auto wire = std::make_shared<Wire>(loop_.context(), std::move(socket), std::move(state.unsent));
    const auto connection =
        std::make_shared<HttpConnection>(shared_from_this(), std::move(wire), peer_uid);
    keep(connection);
    connection->start(state);
  }

  void resume_websocket(UniqueFd socket, ConnectionState state) {
    WebSocketStart start;
    start.wire =
        std::make_shared<Wire>(loop_.context(), std::move(socket), std::move(state.unsent));
    start.codec.unread = std::move(state.unread);
    start.codec.fragment_opcode = static_cast<Opcode>(state.fragment_opcode);
    start.codec.fragments = std::move(state.fragments);
    start.tag = state.tag;
    start.close_sent = state.close_sent;
    start.sent_code = state.sent_code;
    start.unanswered_pings = state.unanswered_pings;
    start.control_frames = state.control_frames;
    start.counted_since = state.counted_since;
    start.deadline = state.deadline;
    const auto connection =
        std::make_shared<WebSocketConnection>(shared_from_this(), std::move(start));
    keep(connection);
    if (handlers_.on_adopted) {
      handlers_.on_adopted(state.tag, state.note, connection);
    }
  }

  /// A copy: acting on a connection may change the set.
  std::vector<std::shared_ptr<Connection>> all() const {
    std::vector<std::shared_ptr<Connection>> list;
    list.reserve(connections_.size());
    for (const auto& [key, connection] : connections_) {
      list.push_back(connection);
    }
    return list;
  }

  void end_idle() { lanes_.expire(Lane::kIdle, kSpared, kSparedAfter); }

  void abandon_all() {
    acceptors_.clear();
    for (const auto& connection : all()) {
      connection->abandon();
    }
    connections_.clear();
    websockets_ = 0;
  }

  AsioReactor& loop_;
  const Handlers handlers_;
  const ConnectionLimits limits_;
  DeadlineLanes lanes_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  std::size_t websockets_ = 0;
  bool is_draining_ = false;
  bool is_parked_ = false;
  bool is_held_ = false;
};

HttpServer::HttpServer(AsioReactor& reactor, Handlers handlers, ConnectionLimits limits)
    : inner_(std::make_shared<Inner>(reactor, std::move(handlers), limits)) {}

HttpServer::~HttpServer() {
  inner_->abandon_all();
}

void HttpServer::serve(UniqueFd listener) {
  inner_->serve(std::move(listener));
}

void HttpServer::stop_accepting() {
  inner_->acceptors_.clear();
}

void HttpServer::drain(std::uint16_t code, std::string_view reason) {
  inner_->is_draining_ = true;
  for (const auto& connection : inner_->all()) {
    connection->drain(code, reason);
  }
}

std::vector<DetachedConnection> HttpServer::detach() {
  const LateDetach late = inner_->handlers_.on_late_detach ? LateDetach::kGiveUp : LateDetach::kEnd;
  std::vector<DetachedConnection> detached;
  auto connections = inner_->all();
  // In the order of their deadlines, in which they are cheaply watched again.
  std::sort(connections.begin(), connections.end(), [](const auto& one, const auto& other) {
    return DeadlineLanes::deadline_of(*one) < DeadlineLanes::deadline_of(*other);
  });
  detached.reserve(connections.size());
  for (const auto& connection : connections) {
    if (auto given_up = connection->detach(late)) {
      detached.push_back(std::move(*given_up));
    }
  }
  return detached;
}

void HttpServer::adopt(DetachedConnection connection) {
  if (connection.state.is_websocket) {
    inner_->resume_websocket(std::move(connection.socket), std::move(connection.state));
  } else {
    inner_->begin_http(std::move(connection.socket), std::move(connection.state));
  }
}

void HttpServer::park() {
  inner_->is_parked_ = true;
  for (const auto& connection : inner_->all()) {
    connection->park();
  }
}

void HttpServer::unpark() {
  inner_->is_parked_ = false;
  for (const auto& connection : inner_->all()) {
    connection->unpark();
  }
}

void HttpServer::hold() {
  inner_->is_held_ = true;
}

void HttpServer::go() {
  inner_->is_held_ = false;
  for (const auto& connection : inner_->all()) {
    connection->go();
  }
}

std::size_t HttpServer::connections() const {
  return inner_->connections_.size();
}

std::size_t HttpServer::websockets() const {
  return inner_->websockets_;
}

}  // namespace voicectl
