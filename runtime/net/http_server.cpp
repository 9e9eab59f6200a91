// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/http_server.h"

#include <fmt/core.h>
#include <sys/socket.h>

#include <unordered_map>
#include <utility>

#include "runtime/net/acceptor.h"
#include "runtime/net/copy_ledger.h"
#include "runtime/net/http_connection.h"
#include "runtime/net/kept_connections.h"
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
/// Connections that are let go in one turn, so that others have theirs.
constexpr std::size_t kLetGoAtOnce = 128;

/// Who counts a connection's owners, and its wire's, and its place among the others.
constexpr std::size_t kPlaces = 8 * sizeof(void*);

Error unknown_copy(CopyId id) {
  return {ErrorCode::kCorrupt,
          fmt::format("cannot go on with a connection: nothing was told of number {} before", id)};
}

std::optional<PeerProcess> peer_of(int fd) {
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
  return PeerProcess{peer.uid, peer.pid};
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
        set_(loop.context(), WorkAccountPtr(present_account())),
        lanes_(loop, lane_lengths(allowed)),
        kept_(loop) {}

  Reactor& reactor() override { return loop_; }
  DeadlineLanes& lanes() override { return lanes_; }
  const ConnectionLimits& limits() const override { return limits_; }
  bool is_draining() const override { return is_draining_; }
  bool is_parked() const override { return is_parked_; }
  bool is_held() const override { return is_held_; }
  bool may_be_elsewhere() const override { return is_frozen_ || is_held_; }

  void on_request(HttpRequest request, std::shared_ptr<Responder> responder) override {
    handlers_.on_request(std::move(request), std::move(responder));
  }

  void wake_later(Connection& connection) override { sleepers_.push_back(&connection); }
  void note_change(Connection& connection) override {
    ledger_.note(connection);
    buffers_.note(connection);
  }

  void keep(std::shared_ptr<Connection> connection) override {
    websockets_ += connection->is_websocket() ? 1 : 0;
    Connection* const key = connection.get();
    connections_.emplace(key, std::move(connection));
    ledger_.note(*key);
    buffers_.begin(*key);
  }

  void keep_later(Connection& connection) override {
    const auto found = connections_.find(&connection);
    // While it is held, another process serves it, and keeps it.
    if (!is_held_ && found != connections_.end()) {
      kept_.add(found->second);
    }
  }

  void forget(Connection& connection) override {
    if (const CopyId id = CopyLedger::id_of(connection); id != 0 && id <= copies_.size()) {
      copies_[id - 1] = nullptr;
    }
    ledger_.forget(connection);
    buffers_.forget(connection);
    std::erase(sleepers_, &connection);
    const auto found = connections_.find(&connection);
    if (found != connections_.end()) {
      websockets_ -= connection.is_websocket() ? 1 : 0;
      connections_.erase(found);
    }
  }

  void serve(UniqueFd listener) {
    const WorkScope scope(set_.account());
    Acceptor::Handlers handlers;
    handlers.on_connection = [this](UniqueFd socket) { begin_http(std::move(socket), {}); };
    handlers.on_exhausted = [this] { end_idle(); };
    acceptors_.push_back(
        std::make_unique<Acceptor>(loop_, std::move(listener), std::move(handlers)));
  }

  std::shared_ptr<Wire> make_wire(UniqueFd socket, std::string unsent) {
    return std::make_shared<Wire>(loop_.context(), set_, std::move(socket), std::move(unsent));
  }

  Connection& begin_http(UniqueFd socket, ConnectionState state) {
    const auto peer = peer_of(socket.get());
    auto wire = make_wire(std::move(socket), std::move(state.unsent));
    const auto connection =
        std::make_shared<HttpConnection>(shared_from_this(), std::move(wire), peer);
    keep(connection);
    connection->start(state);
    return *connection;
  }

  Connection& resume_websocket(UniqueFd socket, ConnectionState state) {
    WebSocketStart start;
    start.wire = make_wire(std::move(socket), std::move(state.unsent));
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
    return *connection;
  }

  /// REQUIRES: it lives when this returns, which one that is held does.
  Connection& adopt(UniqueFd socket, ConnectionState state) {
    return state.is_websocket ? resume_websocket(std::move(socket), std::move(state))
                              : begin_http(std::move(socket), std::move(state));
  }

  Status adopt_copy(CopyId id, UniqueFd socket, ConnectionState state) {
    const bool is_new = id == copies_.size() + 1 && socket.is_open();
    if (is_new) {
      copies_.push_back(nullptr);
    } else if (Connection* const known = find_copy(id); known != nullptr && !socket.is_open()) {
      lanes_.keep_place_of(*known);
      socket = known->let_go();
    } else {
      return unknown_copy(id);
    }
    Connection& connection = adopt(std::move(socket), std::move(state));
    lanes_.forget_place();
    CopyLedger::set_id(connection, id);
    copies_[id - 1] = &connection;
    return ok_status();
  }

  Connection* find_copy(CopyId id) const {
    return id == 0 || id > copies_.size() ? nullptr : copies_[id - 1];
  }

  Status drop_copy(CopyId id) {
    Connection* const known = find_copy(id);
    if (known == nullptr) {
      return unknown_copy(id);
    }
    (void)known->let_go();  // closes our number of the socket, and nothing else
    return ok_status();
  }

  void begin_copy() {
    ledger_.begin();
    for (const auto& [key, connection] : connections_) {
      CopyLedger::set_id(*key, 0);
    }
    // In the order of their deadlines, in which they are cheaply watched again.
    lanes_.each([this](DeadlineEntry& entry) { ledger_.note(static_cast<Connection&>(entry)); });
    for (const auto& [key, connection] : connections_) {
      ledger_.note(*key);
    }
  }

  void thaw() {
    is_frozen_ = false;
    ledger_.end();
    set_.resume();
    lanes_.resume();
  }

  void let_go(std::vector<std::shared_ptr<Connection>> list, std::function<void()> done) {
    for (std::size_t i = 0; i < kLetGoAtOnce && !list.empty(); ++i) {
      if (CopyLedger::is_told(*list.back())) {
        (void)list.back()->let_go();  // another process reads and writes it
      } else {
        list.back()->stay();
      }
      list.pop_back();
    }
    if (list.empty()) {
      thaw();
      done();
      return;
    }
    loop_.post([weak = weak_from_this(), list = std::move(list), done = std::move(done)]() mutable {
      if (const auto self = weak.lock()) {
        self->let_go(std::move(list), std::move(done));
      }
    });
  }

  void go() {
    is_held_ = false;
    set_.resume();
    lanes_.resume();
    for (Connection* const connection : std::exchange(sleepers_, {})) {
      loop_.post([weak = weak_from_this(), connection] {
        const auto self = weak.lock();
        const auto found = self ? self->connections_.find(connection) : Connections::iterator();
        if (self && found != self->connections_.end()) {
          const std::shared_ptr<Connection> kept = found->second;
          kept->go();
        }
      });
    }
    keep_all_later();
    // Ten thousand ids take their time to go, and nobody waits for them.
    loop_.post([over = std::make_shared<Copies>(std::exchange(copies_, {}))] {});
  }

  void keep_all_later() {
    loop_.post([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || self->is_held_) {
        return;
      }
      for (const auto& [key, one] : self->connections_) {
        self->kept_.add(one);
      }
    });
  }

  void keep_at(parking::ParkingGate& gate) {
    kept_.keep_at(&gate);
    gate.when_lane_comes([weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->keep_all_later();
      }
    });
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
    ledger_.end();
    connections_.clear();
    websockets_ = 0;
    kept_.keep_at(nullptr);
  }

  using Connections = std::unordered_map<Connection*, std::shared_ptr<Connection>>;
  using Copies = std::vector<Connection*>;

  AsioReactor& loop_;
  const Handlers handlers_;
  const ConnectionLimits limits_;
  PollSet set_;
  DeadlineLanes lanes_;
  CopyLedger ledger_;
  BufferSum buffers_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  Connections connections_;
  /// Held, by the id that the other server gave it; null for one that has ended.
  Copies copies_;
  /// Held, with bytes to act on.
  std::vector<Connection*> sleepers_;
  KeptConnections kept_;
  std::size_t websockets_ = 0;
  bool is_draining_ = false;
  bool is_parked_ = false;
  bool is_held_ = false;
  bool is_frozen_ = false;
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

void HttpServer::begin_copy() {
  inner_->begin_copy();
}

std::size_t HttpServer::changes() const {
  return inner_->ledger_.size();
}

ConnectionChanges HttpServer::take_changes(std::size_t most, std::size_t most_bytes) {
  return inner_->ledger_.take(most, most_bytes);
}

void HttpServer::end_copy() {
  inner_->ledger_.end();
}

std::size_t HttpServer::freeze() {
  inner_->is_frozen_ = true;
  inner_->set_.pause();
  inner_->lanes_.pause();
  return inner_->ledger_.close();
}

void HttpServer::thaw() {
  inner_->thaw();
}

void HttpServer::let_go(std::function<void()> done) {
  inner_->let_go(inner_->all(), std::move(done));
}

void HttpServer::hold() {
  inner_->is_held_ = true;
  inner_->set_.pause();
  inner_->lanes_.pause();
}

void HttpServer::adopt(DetachedConnection connection) {
  inner_->adopt(std::move(connection.socket), std::move(connection.state));
}

void HttpServer::keep_now() {
  inner_->kept_.keep_now();
}

Status HttpServer::adopt_copy(CopyId id, UniqueFd socket, ConnectionState state) {
  return inner_->adopt_copy(id, std::move(socket), std::move(state));
}

Status HttpServer::drop_copy(CopyId id) {
  return inner_->drop_copy(id);
}

void HttpServer::go() {
  inner_->go();
}

void HttpServer::keep_at(parking::ParkingGate& gate) {
  inner_->keep_at(gate);
}

std::size_t HttpServer::connections() const {
  return inner_->connections_.size();
}

std::size_t HttpServer::memory() const {
  const std::size_t all = inner_->connections_.size();
  const std::size_t websockets = inner_->websockets_;
  return (all - websockets) * sizeof(HttpConnection) + websockets * sizeof(WebSocketConnection) +
         all * (sizeof(Wire) + kPlaces) + inner_->buffers_.bytes();
}

HttpServer::Bytes HttpServer::bytes() const {
  return {inner_->set_.traffic().received, inner_->set_.traffic().sent};
}

std::size_t HttpServer::websockets() const {
  return inner_->websockets_;
}

}  // namespace voicectl
