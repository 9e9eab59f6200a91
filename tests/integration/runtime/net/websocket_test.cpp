// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <malloc.h>

#include <string>
#include <vector>

#include "runtime/net/http_server.h"
#include "runtime/net/websocket_client.h"
#include "runtime/net/websocket_codec.h"
#include "tests/integration/runtime/net/net_fixture.h"
#include "tests/support/temp_dir.h"

namespace voicectl::test {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

class WebSocketTest : public testing::Test {
 protected:
  /// A socket opened by our client, whose messages and end are collected here.
  std::shared_ptr<WebSocket> open(EchoServer& echo) {
    WebSocketCall call;
    call.port = echo.port();
    call.target = "/ws";
    std::shared_ptr<WebSocket> opened;
    client_.connect(call, [this, &opened](Result<std::shared_ptr<WebSocket>> result) {
      ASSERT_TRUE(result.has_value());
      opened = *result;
      WebSocket::Handlers handlers;
      handlers.on_text = [this](std::string text) { texts_.push_back(std::move(text)); };
      handlers.on_close = [this](std::uint16_t code) { close_codes_.push_back(code); };
      opened->set_handlers(std::move(handlers));
    });
    EXPECT_TRUE(loop_.run_until([&] { return opened != nullptr; }));
    return opened;
  }

  Loop loop_;
  SeededRandom random_{1};
  WebSocketClient client_{loop_.reactor(), random_};
  std::vector<std::string> texts_;
  std::vector<std::uint16_t> close_codes_;
};

TEST_F(WebSocketTest, EchoesTenThousandMessagesInOrder) {
  EchoServer echo(loop_);
  const auto socket = open(echo);

  for (int i = 0; i < 10'000; ++i) {
    socket->send_text(std::to_string(i));
  }

  ASSERT_TRUE(loop_.run_until([&] { return texts_.size() == 10'000; }));
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    ASSERT_EQ(texts_[i], "echo " + std::to_string(i));
  }
}

TEST_F(WebSocketTest, JoinsFragmentsAroundAPing) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());
  std::string frames;
  append_masked_frame(frames, Opcode::kText, "frag", 1, FrameEnd::kContinues);
  append_masked_frame(frames, Opcode::kPing, "p", 2);
  append_masked_frame(frames, Opcode::kContinuation, "ment", 3);

  peer.send(upgrade_request());
  ASSERT_TRUE(peer.wait_for("\r\n\r\n"));
  peer.dribble(frames);

  ASSERT_TRUE(peer.wait_for("echo fragment"));
  EXPECT_THAT(peer.received(), HasSubstr("\x8a\x01p"));
}

TEST_F(WebSocketTest, TakesFramesThatComeWithTheHandshake) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());

  peer.send(upgrade_request() + client_text("early"));

  EXPECT_TRUE(peer.wait_for("echo early"));
}

TEST_F(WebSocketTest, ClosesInTwoSteps) {
  EchoServer echo(loop_);
  const auto socket = open(echo);

  socket->close(4000, "enough");

  ASSERT_TRUE(loop_.run_until([&] { return !close_codes_.empty() && !echo.close_codes.empty(); }));
  EXPECT_THAT(close_codes_, ElementsAre(4000));
  EXPECT_THAT(echo.close_codes, ElementsAre(4000));
  EXPECT_FALSE(socket->is_open());
  EXPECT_TRUE(loop_.run_until([&] { return echo.server().connections() == 0; }));
  EXPECT_EQ(echo.server().websockets(), 0U);
}

TEST_F(WebSocketTest, DrainTellsThePeerTheCode) {
  EchoServer echo(loop_);
  const auto socket = open(echo);

  echo.server().drain(1012, "restart");

  ASSERT_TRUE(loop_.run_until([&] { return !close_codes_.empty(); }));
  EXPECT_THAT(close_codes_, ElementsAre(1012));
}

TEST_F(WebSocketTest, TellsOf1006WhenThePeerVanishes) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());
  peer.send(upgrade_request());
  ASSERT_TRUE(peer.wait_for("\r\n\r\n"));

  peer.reset();

  ASSERT_TRUE(loop_.run_until([&] { return !echo.close_codes.empty(); }));
  EXPECT_THAT(echo.close_codes, ElementsAre(1006));
}

TEST_F(WebSocketTest, AnswersABrokenFrameWithItsCode) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());
  peer.send(upgrade_request());
  ASSERT_TRUE(peer.wait_for("\r\n\r\n"));

  peer.send("\x81\x01x");

  ASSERT_TRUE(peer.wait_for_end());
  EXPECT_THAT(peer.received(), HasSubstr("\x03\xea"));  // 1002
  EXPECT_THAT(echo.close_codes, ElementsAre(1002));
}

TEST_F(WebSocketTest, EndsAfterTwoUnansweredPings) {
  ConnectionLimits limits;
  limits.ping_interval = std::chrono::milliseconds(20);
  EchoServer echo(loop_, limits);
  RawPeer peer(loop_, echo.port());
  peer.send(upgrade_request());

  ASSERT_TRUE(peer.wait_for_end());

  EXPECT_THAT(peer.received(), EndsWith(std::string("\x89\0\x89\0", 4)));
  EXPECT_TRUE(loop_.run_until([&] { return !echo.close_codes.empty(); }));
  EXPECT_THAT(echo.close_codes, ElementsAre(1006));
}

TEST_F(WebSocketTest, LivesOnWhenPingsAreAnswered) {
  ConnectionLimits limits;
  limits.ping_interval = std::chrono::milliseconds(10);
  EchoServer echo(loop_, limits);
  const auto socket = open(echo);
  int rounds = 0;
  const std::function<void()> next = [&] {
    ++rounds;
    loop_.reactor().call_after(std::chrono::milliseconds(10), next);
  };
  next();

  ASSERT_TRUE(loop_.run_until([&] { return rounds == 15; }));

  EXPECT_TRUE(socket->is_open());
  EXPECT_TRUE(echo.last_websocket->is_open());
}

TEST_F(WebSocketTest, LetsGoOfAPeerThatDoesNotRead) {
  ConnectionLimits limits;
  limits.unsent_bytes = 64 * 1024;
  EchoServer echo(loop_, limits);
  RawPeer peer(loop_, echo.port());
  peer.send(upgrade_request());
  ASSERT_TRUE(peer.wait_for("\r\n\r\n"));
  peer.stop_reading();

  for (int i = 0; i < 1000 && echo.last_websocket->is_open(); ++i) {
    echo.last_websocket->send_text(std::string(60 * 1024, 'x'));
  }

  EXPECT_FALSE(echo.last_websocket->is_open());
  ASSERT_TRUE(loop_.run_until([&] { return !echo.close_codes.empty(); }));
  EXPECT_THAT(echo.close_codes, ElementsAre(1013));
  peer.reset();
  EXPECT_TRUE(loop_.run_until([&] { return echo.server().connections() == 0; }));
}

TEST_F(WebSocketTest, TellsASlowPeerThatReadsAgainWhyItIsClosed) {
  ConnectionLimits limits;
  limits.unsent_bytes = 64 * 1024;
  EchoServer echo(loop_, limits);
  RawPeer peer(loop_, echo.port());
  peer.send(upgrade_request());
  ASSERT_TRUE(peer.wait_for("\r\n\r\n"));
  peer.stop_reading();
  std::size_t sent = 0;
  while (sent < 1000 && echo.last_websocket->is_open()) {
    echo.last_websocket->send_text(std::string(60 * 1024, 'x'));
    ++sent;
  }
  ASSERT_FALSE(echo.last_websocket->is_open());
  peer.take_received();

  peer.read_again();

  ASSERT_TRUE(peer.wait_for_end());
  const std::string reason = "the peer does not read";
  const std::string close =
      std::string("\x88") + static_cast<char>(2 + reason.size()) + std::string("\x03\xf5") + reason;
  // All that was queued before, and then the end: 1013 is 0x03f5.
  EXPECT_EQ(peer.received().size(), sent * (60 * 1024 + 4) + close.size());
  EXPECT_TRUE(peer.received().ends_with(close));
  EXPECT_TRUE(loop_.run_until([&] { return echo.server().connections() == 0; }));
}

TEST_F(WebSocketTest, TellsWhenWhatWasSentHasLeft) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());
  peer.send(upgrade_request());
  ASSERT_TRUE(peer.wait_for("\r\n\r\n"));
  peer.stop_reading();
  while (echo.last_websocket->unsent() == 0) {
    echo.last_websocket->send_text(std::string(60 * 1024, 'x'));
  }
  int replaced = 0;
  int drained = 0;
  echo.last_websocket->on_drained([&] { ++replaced; });
  echo.last_websocket->on_drained([&] { ++drained; });
  loop_.settle();
  EXPECT_EQ(drained, 0);

  peer.read_again();

  ASSERT_TRUE(loop_.run_until([&] { return drained == 1; }));
  EXPECT_EQ(echo.last_websocket->unsent(), 0U);
  // With nothing unsent it is a turn away.
  echo.last_websocket->on_drained([&] { ++drained; });
  EXPECT_EQ(drained, 1);
  ASSERT_TRUE(loop_.run_until([&] { return drained == 2; }));
  // Not behind its end.
  echo.last_websocket->close(1000, "");
  echo.last_websocket->on_drained([&] { ++drained; });
  loop_.settle();
  EXPECT_EQ(drained, 2);
  EXPECT_EQ(replaced, 0);
}

TEST_F(WebSocketTest, RefusesABadUpgradeWithTheVersionItSpeaks) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());

  peer.send("GET /ws HTTP/1.1\r\nHost: a\r\n\r\n");

  ASSERT_TRUE(peer.wait_for("HTTP/1.1 400 "));
  EXPECT_THAT(peer.received(), HasSubstr("Sec-WebSocket-Version: 13"));
}

TEST_F(WebSocketTest, TheClientReachesAUnixSocket) {
  const TempDir dir;
  EchoServer echo(loop_);
  echo.server().serve(listen_at(dir.path("sock")));
  WebSocketCall call;
  call.unix_socket = dir.path("sock");
  call.target = "/ws";
  call.headers = {{"Authorization", "Bearer x"}};
  std::shared_ptr<WebSocket> opened;

  client_.connect(call, [&](Result<std::shared_ptr<WebSocket>> result) {
    ASSERT_TRUE(result.has_value());
    opened = *result;
  });

  ASSERT_TRUE(loop_.run_until([&] { return opened != nullptr; }));
  EXPECT_TRUE(opened->is_open());
  EXPECT_EQ(echo.last_request->header("Authorization"), "Bearer x");
}

TEST_F(WebSocketTest, TheClientSaysWhyNoSocketWasOpened) {
  EchoServer echo(loop_);
  std::vector<ErrorCode> codes;
  const auto expect_error = [&codes](Result<std::shared_ptr<WebSocket>> result) {
    codes.push_back(result.has_error() ? result.error().code() : ErrorCode::kInternal);
  };
  TcpListener silent = listen_on_loopback();
  WebSocketCall answered;
  answered.port = echo.port();
  answered.target = "/no-upgrade";
  WebSocketCall unanswered;
  unanswered.port = silent.port;
  unanswered.timeout = std::chrono::milliseconds(20);
  WebSocketCall nowhere;
  nowhere.unix_socket = "/nonexistent/socket";
  WebSocketCall wrong;
  wrong.port = echo.port();
  wrong.target = "/a b";

  for (const auto& call : {wrong, nowhere, answered, unanswered}) {
    const std::size_t before = codes.size();
    client_.connect(call, expect_error);
    EXPECT_EQ(codes.size(), before);
    ASSERT_TRUE(loop_.run_until([&] { return codes.size() == before + 1; }));
  }

  EXPECT_THAT(codes, ElementsAre(ErrorCode::kInvalidArgument, ErrorCode::kNotFound,
                                 ErrorCode::kUnavailable, ErrorCode::kTimeout));
}

TEST_F(WebSocketTest, RunsNoHandlerAfterTheServerDied) {
  EchoServer echo(loop_);
  const auto socket = open(echo);
  const auto server_side = echo.last_websocket;
  server_side->close(1000, "");

  echo.stop();
  server_side->send_text("nobody");
  loop_.settle();

  EXPECT_THAT(echo.close_codes, testing::IsEmpty());
  EXPECT_FALSE(server_side->is_open());
  EXPECT_TRUE(loop_.run_until([&] { return !close_codes_.empty(); }));
}

std::size_t allocated_bytes() {
  return ::mallinfo2().uordblks;
}

TEST_F(WebSocketTest, TellsWhatAnIdleSocketCosts) {
  constexpr std::size_t kSockets = 1000;
  EchoServer echo(loop_);
  std::vector<std::pair<UniqueFd, UniqueFd>> pairs;
  for (std::size_t i = 0; i < kSockets; ++i) {
    pairs.push_back(connected_pair());
  }
  const std::size_t before = allocated_bytes();

  for (auto& [client, accepted] : pairs) {
    DetachedConnection connection;
    connection.socket = std::move(accepted);
    connection.state.is_websocket = true;
    connection.state.tag = "session/0123456789";
    echo.server().adopt(std::move(connection));
  }
  loop_.settle();

  const std::size_t each = (allocated_bytes() - before) / kSockets;
  RecordProperty("bytes_per_idle_websocket", static_cast<int>(each));
  printf("bytes per idle WebSocket, in the process: %zu\n", each);
  EXPECT_EQ(echo.server().websockets(), kSockets);
}

}  // namespace
}  // namespace voicectl::test
