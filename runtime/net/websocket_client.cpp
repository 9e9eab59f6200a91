// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/websocket_client.h"

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "runtime/net/connection.h"
#include "runtime/net/websocket_connection.h"
#include "runtime/net/websocket_dial.h"

namespace voicectl {

struct WebSocketClient::Inner final : ConnectionHost,
                                      std::enable_shared_from_this<WebSocketClient::Inner> {
  Inner(AsioReactor& loop, Random& masks, ConnectionLimits allowed)
      : loop_(loop), random_(masks), limits_(allowed), lanes_(loop, lane_lengths(allowed)) {}

  Reactor& reactor() override { return loop_; }
  DeadlineLanes& lanes() override { return lanes_; }
  const ConnectionLimits& limits() const override { return limits_; }
  void forget(Connection& connection) override { connections_.erase(&connection); }

  void connect(WebSocketCall call, Completion<std::shared_ptr<WebSocket>> done) {
    const auto dial = std::make_shared<WebSocketDial>(loop_, random_, std::move(call));
    dials_.insert(dial);
    dial->start([this, dial = dial.get(), done = std::move(done)](Result<DialedSocket> dialed) {
      // Keeps the parts of this closure that are still used below from going with the dial.
      const auto keep = dial->shared_from_this();
      const auto self = shared_from_this();
      dials_.erase(keep);
      complete(std::move(dialed), done);
    });
  }

  void complete(Result<DialedSocket> dialed, const Completion<std::shared_ptr<WebSocket>>& done) {
    if (dialed.has_error()) {
      done(dialed.error());
      return;
    }
    WebSocketStart start;
    start.role = WebSocketRole::kClient;
    start.random = &random_;
    start.wire = std::move(dialed->wire);
    start.codec.unread = std::move(dialed->unread);
    const auto connection =
        std::make_shared<WebSocketConnection>(shared_from_this(), std::move(start));
    connections_.emplace(connection.get(), connection);
    done(std::shared_ptr<WebSocket>(connection));
  }

  void abandon_all() {
    for (const auto& dial : std::exchange(dials_, {})) {
      dial->stop();
    }
    for (const auto& [key, connection] : std::exchange(connections_, {})) {
      connection->abandon();
    }
  }

  AsioReactor& loop_;
  Random& random_;
  const ConnectionLimits limits_;
  DeadlineLanes lanes_;
  std::unordered_set<std::shared_ptr<WebSocketDial>> dials_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
};

WebSocketClient::WebSocketClient(AsioReactor& reactor, Random& random, ConnectionLimits limits)
    : inner_(std::make_shared<Inner>(reactor, random, limits)) {}

WebSocketClient::~WebSocketClient() {
  inner_->abandon_all();
}

void WebSocketClient::connect(WebSocketCall call, Completion<std::shared_ptr<WebSocket>> done) {
  inner_->connect(std::move(call), std::move(done));
}

}  // namespace voicectl
