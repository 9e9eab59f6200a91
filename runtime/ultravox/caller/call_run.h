// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/os/asio_reactor.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/units.h"
#include "runtime/net/http_client.h"
#include "runtime/net/websocket_client.h"

namespace voicectl {

struct CallOptions {
  /// Address of the edge's plain http port.
  std::string edge_host = "127.0.0.1";
  std::uint16_t edge_port = 8080;
  /// The tenant's host name.
  std::string host;
  Secret api_key;
  std::string customer_name = "Alex Doe";
  std::string customer_phone = "+1-555-0100";
  /// From creating the session to its end.
  Duration timeout = std::chrono::seconds(30);
};

/// What a call was like, seen from the caller.
struct CallReport {
  std::string session_id;
  std::string join_url;
  /// From asking for the session to having it.
  Duration creation{};
  /// Types of the events in the order they came.
  std::vector<std::string> events;
  /// Numbers began at 1 and had neither gap nor repetition.
  bool numbers_are_whole = true;
  /// From the tool call's own time stamp to the arrival of its effect as an event, on one machine's
  /// clock; nullopt if there was none.
  std::optional<std::chrono::milliseconds> tool_to_event;
};

/// One customer: creates a session through the edge, follows its events on the WebSocket, joins the
/// call at the Ultravox stand-in, and watches until the session has ended.
///
/// THREADS: loop thread only.
class CallRun {
 public:
  /// `line` is one event or one thing said, for people.
  using OnLine = std::function<void(const std::string& line)>;

  /// REQUIRES: all outlive it.
  CallRun(AsioReactor& reactor,
          HttpClient& http,
          WebSocketClient& sockets,
          const WallClock& wall,
          CallOptions options,
          OnLine on_line);

  /// ERRORS: what the edge or the session service answers; kTimeout; kUnavailable if a WebSocket
  /// broke; kCorrupt for answers that make no sense.
  void start(Completion<CallReport> done);

 private:
  void create();
  void follow(const std::string& target);
  void join();
  void take_event(const std::string& text);
  void take_speech(const std::string& text);
  void finish(Result<CallReport> outcome);
  void fail(Error error, const std::string& doing);

  AsioReactor& reactor_;
  HttpClient& http_;
  WebSocketClient& sockets_;
  const WallClock& wall_;
  CallOptions options_;
  OnLine on_line_;
  Completion<CallReport> done_;
  CallReport report_;
  MonoTime started_{};
  std::int64_t last_number_ = 0;
  std::optional<std::string> tool_called_at_;
  std::shared_ptr<WebSocket> events_;
  std::shared_ptr<WebSocket> voice_;
};

/// The parts of "ws://host:port/target".
struct WebSocketUrl {
  std::string host;
  Port port;
  std::string target;
};
/// ERRORS: kInvalidArgument for anything else.
Result<WebSocketUrl> parse_websocket_url(const std::string& url);

}  // namespace voicectl
