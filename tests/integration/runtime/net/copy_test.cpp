// SPDX-License-Identifier: Apache-2.0
// Connections are copied while they are served.
#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "runtime/net/http_server.h"
#include "runtime/net/websocket_codec.h"
#include "tests/integration/runtime/net/copy_fixture.h"

namespace voicectl::test {
namespace {

using testing::EndsWith;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(CopyTest, MovesARequestAtEveryByte) {
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
    const std::size_t meanwhile = (request.size() - cut) / 2;

    Copying copying(first.server(), second.server());
    copying.tell();
    peer.send(request.substr(cut, meanwhile));
    loop_.settle();
    copying.finish();
    peer.send(request.substr(cut + meanwhile));

    ASSERT_TRUE(peer.wait_for("/x:hello")) << cut;
    EXPECT_EQ(first.server().connections(), 0U);
    EXPECT_EQ(second.server().connections(), 1U);
    peer.reset();
    ASSERT_TRUE(loop_.run_until([&] { return second.server().connections() == 0; }));
  }
}

TEST_F(CopyTest, MovesAWebSocketAtEveryByte) {
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
    const std::size_t meanwhile = (frames.size() - cut) / 2;

    Copying copying(first.server(), second.server());
    copying.tell();
    peer.send(frames.substr(cut, meanwhile));
    loop_.settle();
    copying.finish();
    peer.send(frames.substr(cut + meanwhile));

    ASSERT_TRUE(loop_.run_until([&] { return peer.received().size() >= expected.size(); })) << cut;
    EXPECT_EQ(peer.received(), expected) << cut;
    EXPECT_EQ(second.last_adopted_tag, "session/1");
    EXPECT_EQ(first.server().websockets(), 0U);
    EXPECT_THAT(first.close_codes, IsEmpty());
    peer.reset();
    ASSERT_TRUE(loop_.run_until([&] { return second.server().connections() == 0; }));
  }
}

TEST_F(CopyTest, MovesWhatThePeerHasNotReadYet) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer peer(loop_, first.port());
  peer.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(peer.wait_for("xxx"));

  Copying copying(first.server(), second.server());
  copying.tell();
  const std::size_t before = peer.received().size();
  // What came may have been in the kernel since before.
  ASSERT_TRUE(loop_.run_until([&] {
    return peer.received().size() > before + (1U << 20) && first.server().changes() > 0;
  }));
  copying.finish();

  ASSERT_TRUE(loop_.run_until([&] { return peer.received().ends_with("xxend"); }));
  EXPECT_EQ(peer.received().size() - peer.received().find("\r\n\r\n") - 4, (8U << 20) + 3);
  EXPECT_EQ(copying.told(), 2U);
}

TEST_F(CopyTest, WhatDoesNotChangeIsToldOnce) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer quiet(loop_, first.port());
  quiet.send(upgrade_request());
  ASSERT_TRUE(quiet.wait_for("\r\n\r\n"));
  const auto heard_by_all = first.last_websocket;
  RawPeer talker(loop_, first.port());
  talker.send(upgrade_request());
  ASSERT_TRUE(talker.wait_for("\r\n\r\n"));
  loop_.settle();

  Copying copying(first.server(), second.server());
  copying.tell();
  EXPECT_EQ(copying.told(), 2U);
  heard_by_all->send_text("an event");
  talker.send(client_text("a"));
  ASSERT_TRUE(talker.wait_for("echo a"));
  ASSERT_TRUE(quiet.wait_for("an event"));
  EXPECT_EQ(first.server().changes(), 1U);
  copying.finish();

  EXPECT_EQ(copying.told(), 3U);
  EXPECT_EQ(second.server().websockets(), 2U);
}

TEST_F(CopyTest, ConnectionsComeChangeAndEndMeanwhile) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer leaver(loop_, first.port());
  leaver.send(upgrade_request());
  ASSERT_TRUE(leaver.wait_for("\r\n\r\n"));
  RawPeer upgraded(loop_, first.port());
  upgraded.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(upgraded.wait_for("/a"));
  RawPeer closer(loop_, first.port());
  closer.send("GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(closer.wait_for("/b"));
  loop_.settle();

  Copying copying(first.server(), second.server());
  copying.tell();
  leaver.reset();
  closer.send("GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(closer.wait_for("/last"));
  upgraded.send(upgrade_request());
  ASSERT_TRUE(upgraded.wait_for("101"));
  RawPeer newcomer(loop_, first.port());
  newcomer.send(upgrade_request());
  ASSERT_TRUE(newcomer.wait_for("\r\n\r\n"));
  ASSERT_TRUE(loop_.run_until([&] { return first.server().websockets() == 2; }));
  copying.finish();

  EXPECT_EQ(second.server().websockets(), 2U);
  EXPECT_EQ(second.server().connections(), 2U);
  upgraded.send(client_text("x"));
  newcomer.send(client_text("y"));
  EXPECT_TRUE(upgraded.wait_for("echo x"));
  EXPECT_TRUE(newcomer.wait_for("echo y"));
  // It has ended where it was answered last; the copy of its socket does not keep it open.
  EXPECT_TRUE(closer.wait_for_end());
}

TEST_F(CopyTest, APeerThatHangsUpMeanwhileIsNoticedByWhoeverHasIt) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer peer(loop_, first.port());
  peer.send(upgrade_request());
  ASSERT_TRUE(peer.wait_for("\r\n\r\n"));
  loop_.settle();

  Copying copying(first.server(), second.server());
  copying.freeze();
  peer.send(client_text("last words"));
  peer.shut_sending();
  loop_.settle();
  EXPECT_EQ(second.server().connections(), 1U);
  second.server().go();
  first.server().let_go([] {});

  EXPECT_TRUE(peer.wait_for("echo last words"));
  EXPECT_TRUE(loop_.run_until([&] { return second.server().connections() == 0; }));
  EXPECT_THAT(first.close_codes, IsEmpty());
  EXPECT_THAT(second.close_codes, testing::ElementsAre(1006));
}

TEST_F(CopyTest, ABusyConnectionEndsAfterItsAnswerWhereItIs) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer peer(loop_, first.port());
  peer.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(loop_.run_until([&] { return !first.waiting.empty(); }));

  Copying copying(first.server(), second.server());
  copying.finish();
  first.waiting[0]->send(HttpResponse{200, {}, "waited"});

  ASSERT_TRUE(peer.wait_for_end());
  EXPECT_THAT(peer.received(), EndsWith("waited"));
  EXPECT_EQ(copying.told(), 0U);
  EXPECT_EQ(second.server().connections(), 0U);
}

TEST_F(CopyTest, AConnectionThatWasBusyGoesOnceItIsAnswered) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer peer(loop_, first.port());
  peer.send("GET /before HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(peer.wait_for("/before"));

  Copying copying(first.server(), second.server());
  copying.tell();
  peer.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET /next HT");
  ASSERT_TRUE(loop_.run_until([&] { return !first.waiting.empty(); }));
  copying.tell();
  first.waiting[0]->send(HttpResponse{200, {}, "waited"});
  ASSERT_TRUE(peer.wait_for("waited"));
  copying.finish();
  peer.send("TP/1.1\r\nHost: a\r\n\r\n");

  ASSERT_TRUE(peer.wait_for("/next"));
  EXPECT_EQ(second.last_request->path, "/next");
  EXPECT_EQ(first.server().connections(), 0U);
}

TEST_F(CopyTest, AnAnswerInPiecesIsCutShortAndCounted) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer peer(loop_, first.port());
  peer.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(loop_.run_until([&] { return !first.waiting.empty(); }));
  const auto stream = first.waiting[0]->stream(HttpResponse{200, {}, "piece"});
  ASSERT_TRUE(peer.wait_for("piece"));

  Copying copying(first.server(), second.server());
  copying.tell();
  copying.finish();

  EXPECT_EQ(copying.cut_short(), 1U);
  EXPECT_TRUE(peer.wait_for_end());
}

TEST_F(CopyTest, RefusesWhatWasNotToldInTurn) {
  EchoServer second(loop_);
  second.server().hold();

  EXPECT_TRUE(second.server().adopt_copy(1, connected_pair().second, {}));

  EXPECT_FALSE(second.server().adopt_copy(3, connected_pair().second, {}));
  EXPECT_FALSE(second.server().adopt_copy(2, UniqueFd(), {}));
  EXPECT_FALSE(second.server().adopt_copy(1, connected_pair().second, {}));
  EXPECT_FALSE(second.server().adopt_copy(0, UniqueFd(), {}));
  EXPECT_FALSE(second.server().drop_copy(2));
  EXPECT_TRUE(second.server().drop_copy(1));
  EXPECT_FALSE(second.server().drop_copy(1));
  EXPECT_EQ(second.server().connections(), 0U);
}

TEST_F(CopyTest, MayBeCalledByTheHandlerOfAMessage) {
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

TEST_F(CopyTest, AWebSocketTakesANoteAndItsPingsAlong) {
  ConnectionLimits limits;
  limits.ping_interval = std::chrono::milliseconds(20);
  EchoServer first(loop_, limits);
  EchoServer second(loop_);
  RawPeer peer(loop_, first.port());
  peer.send(upgrade_request());
  ASSERT_TRUE(peer.wait_for("\r\n\r\n"));
  WebSocket::Handlers handlers;
  handlers.note = [] { return std::string("number 7"); };
  bool is_told = false;
  handlers.on_moved = [&] { is_told = true; };
  first.last_websocket->set_handlers(std::move(handlers));
  ASSERT_TRUE(peer.wait_for(std::string("\x89\0", 2)));

  move_all(first, second);

  EXPECT_EQ(second.last_adopted_note, "number 7");
  EXPECT_TRUE(is_told);
  second.server().begin_copy();
  const ConnectionChanges changes = second.server().take_changes(1, 0);
  ASSERT_THAT(changes.changed, SizeIs(1));
  EXPECT_EQ(changes.changed[0].state.unanswered_pings, 1);
}

}  // namespace
}  // namespace voicectl::test
