// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/os/asio_reactor.h"
#include "base/random.h"
#include "base/result.h"
#include "base/units.h"
#include "runtime/net/http_message.h"
#include "runtime/net/http_server.h"

namespace voicectl {

/// Where to open a WebSocket, and as whom.
struct WebSocketCall {
  /// An IPv4 or IPv6 address, or "localhost". Names are not looked up.
  std::string host = "127.0.0.1";
  std::optional<Port> port;
  /// Path of a unix socket, instead of `host` and `port`; empty for none.
  std::string unix_socket;
  std::string host_header = "localhost";
  std::string target = "/";
  HttpHeaders headers;
  /// From start to the end of the handshake.
  Duration timeout = std::chrono::seconds(10);
};

/// Opens WebSockets, without TLS: for tools, tests and what stands in for others.
///
/// THREADS: loop thread only.
class WebSocketClient {
 public:
  /// `random` makes keys and masks. REQUIRES: `reactor` and `random` outlive it.
  WebSocketClient(AsioReactor& reactor, Random& random, ConnectionLimits limits = {});
  /// Closes every socket without ceremony; no handler and no completion runs afterwards.
  ~WebSocketClient();
  WebSocketClient(const WebSocketClient&) = delete;
  WebSocketClient& operator=(const WebSocketClient&) = delete;

  /// `done` runs once, in a later turn; it should set the handlers of the socket.
  /// ERRORS: kInvalidArgument (no address, or the target or a header is not allowed); kUnavailable
  /// (refused, reset, no upgrade); kPermissionDenied (401, 403); kNotFound (404, or no such unix
  /// socket); kTimeout.
  void connect(WebSocketCall call, Completion<std::shared_ptr<WebSocket>> done);

 private:
  struct Inner;
  std::shared_ptr<Inner> inner_;
};

}  // namespace voicectl
