// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/os/asio_reactor.h"
#include "base/random.h"
#include "base/result.h"
#include "runtime/net/websocket_client.h"
#include "runtime/net/wire.h"

namespace voicectl {

/// A connection after its handshake, and the first bytes of frames that came with it.
struct DialedSocket {
  std::shared_ptr<Wire> wire;
  std::string unread;
};

/// One attempt to open a WebSocket: connect, ask, check the answer.
class WebSocketDial final : public std::enable_shared_from_this<WebSocketDial>, private WireOwner {
 public:
  using Done = std::function<void(Result<DialedSocket>)>;

  WebSocketDial(AsioReactor& reactor, Random& random, WebSocketCall call);
  ~WebSocketDial();

  /// `done` runs once, in a later turn, unless `stop` comes first. Call once.
  void start(Done done);
  void stop();

 private:
  using Endpoint = boost::asio::generic::stream_protocol::endpoint;

  /// Absent if the call names none.
  std::optional<Endpoint> find_endpoint() const;
  /// False if its text would break the request apart.
  bool is_call_allowed() const;
  void connect(const Endpoint& endpoint);
  void on_connected(boost::system::error_code error);
  std::string render_request() const;

  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_written() override {}

  Status check_answer(std::string_view head) const;
  Error failed(ErrorCode code, const std::string& why) const;
  void finish(Result<DialedSocket> result);

  AsioReactor& reactor_;
  WebSocketCall call_;
  std::string key_;
  boost::asio::generic::stream_protocol::socket socket_;
  std::shared_ptr<Wire> wire_;
  std::string answer_;
  std::optional<TimerId> timer_;
  Done done_;
};

}  // namespace voicectl
