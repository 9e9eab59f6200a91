// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/os/system_clock.h"
#include "base/random.h"
#include "runtime/net/http_client.h"
#include "runtime/net/http_server.h"
#include "runtime/net/websocket_codec.h"
#include "runtime/ultravox/events.h"
#include "runtime/ultravox/stand_in/stand_in.h"
#include "runtime/ultravox/ultravox_client.h"
#include "tests/integration/runtime/net/net_fixture.h"
#include "tests/support/silent_sink.h"

namespace voicectl::ultravox::test {

using voicectl::test::Loop;
using voicectl::test::RawPeer;

/// Takes webhooks, callbacks and tool calls, and answers them as the test says.
class Receiver {
 public:
  using Answer = std::function<HttpResponse(const HttpRequest&)>;

  explicit Receiver(Loop& loop);

  std::string url(std::string_view path) const;
  /// Answers the next requests; the last answer is kept for all that follow.
  void answer_with(std::vector<HttpResponse> answers) { answers_ = std::move(answers); }
  /// Leaves requests to this path without an answer.
  void ignore(std::string path) { ignored_ = std::move(path); }

  std::vector<HttpRequest> requests;
  /// "call.ended" for an event, the path for anything else, in order of arrival.
  std::vector<std::string> story() const;
  std::vector<HttpRequest> at(std::string_view path) const;

 private:
  HttpResponse next_answer(const HttpRequest& request);

  Port port_;
  std::vector<HttpResponse> answers_;
  std::string ignored_;
  std::vector<std::shared_ptr<Responder>> held_;
  std::unique_ptr<HttpServer> server_;
};

/// A stand-in on a socket of its own, and a client of it.
class StandInTest : public ::testing::Test {
 protected:
  StandInTest();

  /// Starts the stand-in; options may be changed before.
  void start();

  /// A call with one tool of that name at the receiver, and callbacks for all events.
  CallRequest a_request(std::string tool, std::vector<std::string> parameters) const;
  /// Creates a call and gives it, or fails the test.
  Call create(const CallRequest& request);
  UltravoxResult<Call> try_create(const CallRequest& request);
  Call fetch(const std::string& call_id);
  void register_webhook(std::vector<std::string> events);
  /// Any request to the stand-in.
  HttpResponse ask(std::string method, std::string_view path, std::string body = "");
  void join(const std::string& call_id);
  bool wait_for_event(std::string_view event);

  static constexpr std::string_view kKey = "test-key";
  static constexpr std::string_view kSecret = "test-webhook-secret";

  Loop loop_;
  SystemWallClock clock_;
  SeededRandom random_{1};
  SilentSink sink_;
  Log log_{sink_, clock_};
  HttpClient http_{loop_.reactor()};
  Receiver receiver_{loop_};
  StandIn::Options options_;
  Duration client_timeout_ = std::chrono::seconds(10);
  std::string api_key_{kKey};
  std::string base_;
  Port port_{Port::make(1).value()};
  std::unique_ptr<StandIn> stand_in_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<UltravoxClient> client_;
};

/// A customer's end of a call's WebSocket.
class Customer {
 public:
  Customer(Loop& loop, Port port, const std::string& join_url);

  void send(std::string_view text);
  void close();
  /// False if the message of that type, holding `text`, does not come.
  bool hears(std::string_view type, std::string_view text);
  bool is_closed();
  /// Everything heard, as JSON texts.
  const std::vector<std::string>& heard();

 private:
  void take();

  Loop& loop_;
  RawPeer peer_;
  WebSocketCodec codec_;
  bool closed_ = false;
  std::vector<std::string> heard_;
};

}  // namespace voicectl::ultravox::test
