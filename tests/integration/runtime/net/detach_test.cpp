// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "runtime/net/http_server.h"
#include "runtime/net/websocket_client.h"
#include "runtime/net/websocket_codec.h"
#include "tests/integration/runtime/net/net_fixture.h"

namespace voicectl::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class DetachTest : public testing::Test {
 protected:
  void move_all(EchoServer& from, EchoServer& to) {
    for (DetachedConnection& connection : from.server().detach()) {
      to.server().adopt(std::move(connection));
    }
  }

  Loop loop_;
};

TEST_F(DetachTest, MovesARequestAtEveryByte) {
  const std::string request =
      "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n0\r\n\r\n";
  EchoServer first(loop_);
  EchoServer second(loop_);
  for (std::size_t cut = 0; cut <= request.size(); ++cut) {
    RawPeer peer(loop_, first.port());
    peer.send(request.substr(0, cut));
    ASSERT_TRUE(loop_.run_until([&] { return first.server().connections() == 1; }));
    loop_.settle();

    move_all(first, second);
    peer.send(request.substr(cut));

    ASSERT_TRUE(peer.wait_for("/x:hello")) << cut;
    EXPECT_EQ(first.server().connections(), 0U);
    EXPECT_EQ(second.server().connections(), 1U);
    peer.reset();
    ASSERT_TRUE(loop_.run_until([&] { return second.server().connections() == 0; }));
  }
}

TEST_F(DetachTest, MovesAWebSocketAtEveryByte) {
  std::string frames;
  append_masked_frame(frames, Opcode::kText, "fr\xc3", 1, FrameEnd::kContinues);
  append_masked_frame(frames, Opcode::kPing, "p", 2);
  append_masked_frame(frames, Opcode::kContinuation, "\xa4gment", 3);
  append_masked_frame(frames, Opcode::kText, std::string(300, 'y'), 4);
  EchoServer first(loop_);
  EchoServer second(loop_);
  std::string expected;
  append_frame(expected, Opcode::kPong, "p");
  append_frame(expected, Opcode::kText, "echo fr\xc3\xa4gment");
  append_frame(expected, Opcode::kText, "echo " + std::string(300, 'y'));
  for (std::size_t cut = 0; cut <= frames.size(); ++cut) {
    RawPeer peer(loop_, first.port());
    peer.send(upgrade_request());
    ASSERT_TRUE(peer.wait_for("\r\n\r\n"));
    peer.take_received();
    peer.send(frames.substr(0, cut));
    loop_.settle();

    move_all(first, second);
    peer.send(frames.substr(cut));

    ASSERT_TRUE(loop_.run_until([&] { return peer.received().size() >= expected.size(); })) << cut;
    EXPECT_EQ(peer.received(), expected) << cut;
    EXPECT_EQ(second.last_adopted_tag, "session/1");
    EXPECT_EQ(first.server().websockets(), 0U);
    EXPECT_THAT(first.close_codes, IsEmpty());
    peer.reset();
    ASSERT_TRUE(loop_.run_until([&] { return second.server().connections() == 0; }));
  }
}

TEST_F(DetachTest, MovesWhatThePeerHasNotReadYet) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer peer(loop_, first.port());
  peer.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(peer.wait_for("xxx"));

  std::vector<DetachedConnection> detached = first.server().detach();
  ASSERT_THAT(detached, SizeIs(1));
  EXPECT_THAT(detached[0].state.unsent, testing::Not(IsEmpty()));
  second.server().adopt(std::move(detached[0]));

  ASSERT_TRUE(loop_.run_until([&] { return peer.received().ends_with("xxend"); }));
  EXPECT_EQ(peer.received().size() - peer.received().find("\r\n\r\n") - 4, (8U << 20) + 3);
}

TEST_F(DetachTest, GivesUpABusyConnectionWhenItsAnswerIsQueued) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer peer(loop_, first.port());
  peer.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(loop_.run_until([&] { return !first.waiting.empty(); }));

  EXPECT_THAT(first.server().detach(), IsEmpty());
  first.waiting[0]->send(HttpResponse{200, {}, "waited"});
  ASSERT_TRUE(loop_.run_until([&] { return !first.late.empty(); }));
  second.server().adopt(std::move(first.late[0]));

  ASSERT_TRUE(peer.wait_for("/next"));
  EXPECT_THAT(peer.received(), HasSubstr("waited"));
  EXPECT_EQ(second.last_request->path, "/next");
  EXPECT_EQ(first.server().connections(), 0U);
}

TEST_F(DetachTest, GivesUpAConnectionThatIsUpgradedLate) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer peer(loop_, first.port());
  std::string request = upgrade_request();
  request.replace(request.find("/ws"), 3, "/wait");
  peer.send(request);
  ASSERT_TRUE(loop_.run_until([&] { return !first.waiting.empty(); }));

  EXPECT_THAT(first.server().detach(), IsEmpty());
  ASSERT_TRUE(first.waiting[0]->upgrade("session/late").has_value());
  ASSERT_TRUE(loop_.run_until([&] { return !first.late.empty(); }));
  second.server().adopt(std::move(first.late[0]));
  peer.send(client_text("moved"));

  ASSERT_TRUE(peer.wait_for("echo moved"));
  EXPECT_EQ(second.last_adopted_tag, "session/late");
}

TEST_F(DetachTest, EndsABusyConnectionAfterItsAnswerWhenNobodyTakesIt) {
  std::shared_ptr<Responder> waiting;
  HttpServer::Handlers handlers;
  handlers.on_request = [&](HttpRequest, std::shared_ptr<Responder> responder) {
    waiting = std::move(responder);
  };
  HttpServer server(loop_.reactor(), std::move(handlers));
  TcpListener listener = listen_on_loopback();
  server.serve(std::move(listener.socket));
  RawPeer peer(loop_, listener.port);
  peer.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(loop_.run_until([&] { return waiting != nullptr; }));

  EXPECT_THAT(server.detach(), IsEmpty());
  waiting->send(HttpResponse{200, {}, "waited"});

  ASSERT_TRUE(peer.wait_for_end());
  EXPECT_THAT(peer.received(), EndsWith("waited"));
}

TEST_F(DetachTest, MayBeCalledByTheHandlerOfAMessage) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer peer(loop_, first.port());
  peer.send(upgrade_request());
  ASSERT_TRUE(peer.wait_for("\r\n\r\n"));
  WebSocket::Handlers handlers;
  handlers.on_text = [&](std::string) { move_all(first, second); };
  first.last_websocket->set_handlers(std::move(handlers));

  peer.send(client_text("move now") + client_text("next"));

  EXPECT_TRUE(peer.wait_for("echo next"));
}

TEST_F(DetachTest, AMovingSocketLosesNoMessage) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  SeededRandom random(3);
  WebSocketClient client(loop_.reactor(), random);
  std::vector<std::string> texts;
  std::shared_ptr<WebSocket> socket;
  WebSocketCall call;
  call.port = first.port();
  call.target = "/ws";
  client.connect(call, [&](Result<std::shared_ptr<WebSocket>> result) {
    socket = *result;
    WebSocket::Handlers handlers;
    handlers.on_text = [&](std::string text) { texts.push_back(std::move(text)); };
    socket->set_handlers(std::move(handlers));
  });
  ASSERT_TRUE(loop_.run_until([&] { return socket != nullptr; }));

  EchoServer* here = &first;
  EchoServer* there = &second;
  for (int i = 0; i < 2000; ++i) {
    socket->send_text(std::to_string(i) + std::string(static_cast<std::size_t>(i), '.'));
    if (i % 20 == 0) {
      loop_.run_until([&] { return texts.size() + 15 >= static_cast<std::size_t>(i); });
      move_all(*here, *there);
      std::swap(here, there);
    }
  }

  ASSERT_TRUE(loop_.run_until([&] { return texts.size() == 2000; }));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    ASSERT_EQ(texts[i], "echo " + std::to_string(i) + std::string(i, '.'));
  }
}

TEST_F(DetachTest, AStateThatWasMovedTwiceIsTheSame) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer peer(loop_, first.port());
  peer.send(upgrade_request());
  ASSERT_TRUE(peer.wait_for("\r\n\r\n"));
  std::string frames;
  append_masked_frame(frames, Opcode::kText, "begun", 1, FrameEnd::kContinues);
  peer.send(frames + "\x80");
  loop_.settle();

  std::vector<DetachedConnection> once = first.server().detach();
  ASSERT_THAT(once, SizeIs(1));
  const ConnectionState before = once[0].state;
  second.server().adopt(std::move(once[0]));
  std::vector<DetachedConnection> twice = second.server().detach();

  ASSERT_THAT(twice, SizeIs(1));
  EXPECT_EQ(before.fragments, "begun");
  EXPECT_EQ(before.unread, "\x80");
  EXPECT_EQ(twice[0].state.fragments, before.fragments);
  EXPECT_EQ(twice[0].state.unread, before.unread);
  EXPECT_EQ(twice[0].state.fragment_opcode, before.fragment_opcode);
  EXPECT_EQ(twice[0].state.tag, before.tag);
  EXPECT_TRUE(before.deadline.has_value());
  EXPECT_EQ(twice[0].state.deadline, before.deadline);
}

TEST_F(DetachTest, AParkedServerTakesNoFurtherRequest) {
  EchoServer first(loop_);
  RawPeer busy(loop_, first.port());
  busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET /behind HTTP/1.1\r\nHost: a\r\n\r\n");
  RawPeer idle(loop_, first.port());
  idle.send("GET /before HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(idle.wait_for("/before"));
  ASSERT_TRUE(loop_.run_until([&] { return !first.waiting.empty(); }));
  RawPeer socket(loop_, first.port());
  socket.send(upgrade_request());
  ASSERT_TRUE(socket.wait_for("\r\n\r\n"));

  first.server().park();
  idle.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  socket.send(client_text("served"));
  ASSERT_TRUE(socket.wait_for("echo served"));
  first.waiting[0]->send(HttpResponse{200, {}, "waited"});
  ASSERT_TRUE(busy.wait_for("waited"));
  loop_.settle();
  EXPECT_EQ(idle.received().find("/later"), std::string::npos);
  EXPECT_EQ(busy.received().find("/behind"), std::string::npos);

  first.server().unpark();

  EXPECT_TRUE(idle.wait_for("/later"));
  EXPECT_TRUE(busy.wait_for("/behind"));
}

TEST_F(DetachTest, WhatIsAdoptedWhileHeldNeitherReadsNorWrites) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer lazy(loop_, first.port());
  lazy.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
  RawPeer socket(loop_, first.port());
  socket.send(upgrade_request());
  ASSERT_TRUE(socket.wait_for("\r\n\r\n"));
  RawPeer http(loop_, first.port());
  http.send("GET /x HTTP/1.1\r\nHost: a\r\n");
  ASSERT_TRUE(loop_.run_until([&] { return first.server().connections() == 3; }));
  loop_.settle();

  second.server().hold();
  move_all(first, second);
  socket.send(client_text("moved"));
  http.send("\r\n");
  loop_.settle();
  const std::size_t before = lazy.received().size();
  loop_.settle();
  EXPECT_EQ(lazy.received().size(), before);
  EXPECT_EQ(socket.received().find("moved"), std::string::npos);
  EXPECT_EQ(http.received(), "");

  second.server().go();

  EXPECT_TRUE(socket.wait_for("echo moved"));
  EXPECT_TRUE(http.wait_for("/x"));
  EXPECT_TRUE(loop_.run_until([&] { return lazy.received().ends_with("xxend"); }));
}

TEST_F(DetachTest, AWebSocketTakesANoteAndItsPingsAlong) {
  ConnectionLimits limits;
  limits.ping_interval = std::chrono::milliseconds(20);
  EchoServer first(loop_, limits);
  EchoServer second(loop_);
  RawPeer peer(loop_, first.port());
  peer.send(upgrade_request());
  ASSERT_TRUE(peer.wait_for("\r\n\r\n"));
  WebSocket::Handlers handlers;
  handlers.on_moved = [] { return std::string("number 7"); };
  first.last_websocket->set_handlers(std::move(handlers));
  ASSERT_TRUE(peer.wait_for(std::string("\x89\0", 2)));

  std::vector<DetachedConnection> detached = first.server().detach();
  ASSERT_THAT(detached, SizeIs(1));
  EXPECT_EQ(detached[0].state.unanswered_pings, 1);
  second.server().adopt(std::move(detached[0]));

  EXPECT_EQ(second.last_adopted_note, "number 7");
}

}  // namespace
}  // namespace voicectl::test
