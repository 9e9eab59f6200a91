// SPDX-License-Identifier: Apache-2.0
// What happens to connections while nobody serves them: frozen, held, or parked.
#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "runtime/net/http_server.h"
#include "tests/integration/runtime/net/copy_fixture.h"

namespace voicectl::test {
namespace {

using testing::IsEmpty;

TEST_F(CopyTest, WhoeverKeepsThemGoesOnAsIfNothingHadBeen) {
  EchoServer first(loop_);
  RawPeer socket(loop_, first.port());
  socket.send(upgrade_request());
  ASSERT_TRUE(socket.wait_for("\r\n\r\n"));
  const auto websocket = first.last_websocket;
  RawPeer http(loop_, first.port());
  http.send("GET /x HTTP/1.1\r\nHo");
  ASSERT_TRUE(loop_.run_until([&] { return first.server().connections() == 2; }));
  loop_.settle();
  {
    EchoServer second(loop_);
    Copying copying(first.server(), second.server());
    copying.tell();
    copying.freeze();
    socket.send(client_text("frozen"));
    http.send("st: a\r\n\r\n");
    websocket->send_text("queued");
    loop_.settle();
    EXPECT_EQ(socket.received().find("queued"), std::string::npos);
    EXPECT_EQ(http.received(), "");
  }  // the other one drops its copies

  first.server().thaw();

  EXPECT_TRUE(socket.wait_for("queued"));
  EXPECT_TRUE(socket.wait_for("echo frozen"));
  EXPECT_TRUE(http.wait_for("/x"));
  EXPECT_FALSE(socket.has_ended());
}

TEST_F(CopyTest, WhatIsDecidedWhileFrozenIsNotWrittenByWhoeverGivesThem) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer socket(loop_, first.port());
  socket.send(upgrade_request());
  ASSERT_TRUE(socket.wait_for("\r\n\r\n"));
  socket.take_received();
  const auto before = first.last_websocket;

  Copying copying(first.server(), second.server());
  copying.freeze();
  before->send_text("too late");
  before->close(1000, "");
  second.server().go();
  first.server().let_go([] {});
  socket.send(client_text("x"));

  ASSERT_TRUE(socket.wait_for("echo x"));
  EXPECT_EQ(socket.received().find("too late"), std::string::npos);
  EXPECT_FALSE(socket.has_ended());
}

TEST_F(CopyTest, NoDeadlineIsMetWhileNobodyServes) {
  ConnectionLimits limits;
  limits.ping_interval = std::chrono::milliseconds(20);
  EchoServer first(loop_, limits);
  EchoServer second(loop_, limits);
  RawPeer peer(loop_, first.port());
  peer.send(upgrade_request());
  ASSERT_TRUE(peer.wait_for("\r\n\r\n"));
  const auto pings = [&] {
    return std::count(peer.received().begin(), peer.received().end(), '\x89');
  };

  Copying copying(first.server(), second.server());
  copying.freeze();
  const auto at_first = pings();
  bool is_over = false;
  loop_.reactor().call_after(limits.ping_interval * 5, [&] { is_over = true; });
  ASSERT_TRUE(loop_.run_until([&] { return is_over; }));
  EXPECT_EQ(pings(), at_first);
  second.server().go();
  first.server().let_go([] {});

  // Nobody has answered: it is pinged, and cut at last, by whoever has it now.
  EXPECT_TRUE(loop_.run_until([&] { return pings() == 2; }));
  EXPECT_TRUE(peer.wait_for_end());
  EXPECT_THAT(first.close_codes, IsEmpty());
}

TEST_F(CopyTest, WhatCouldNotMoveGoesOnAsBeforeWhenTheOthersStay) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer busy(loop_, first.port());
  busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(loop_.run_until([&] { return first.waiting.size() == 1; }));
  RawPeer follower(loop_, first.port());
  follower.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(loop_.run_until([&] { return first.waiting.size() == 2; }));
  const auto stream = first.waiting[1]->stream(HttpResponse{200, {}, "piece"});
  ASSERT_TRUE(follower.wait_for("piece"));

  Copying copying(first.server(), second.server());
  copying.tell();
  copying.freeze();
  EXPECT_EQ(copying.cut_short(), 1U);
  first.server().thaw();
  stream->write("another");
  stream->end();
  first.waiting[0]->send(HttpResponse{200, {}, "waited"});

  ASSERT_TRUE(follower.wait_for("another"));
  ASSERT_TRUE(busy.wait_for("waited"));
  EXPECT_EQ(busy.received().find("Connection: close"), std::string::npos);
  for (RawPeer* const peer : {&busy, &follower}) {
    peer->send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(peer->wait_for("/next"));
    EXPECT_FALSE(peer->has_ended());
  }
}

TEST_F(CopyTest, AClientIsToldToContinueOnce) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  EchoServer third(loop_);
  RawPeer peer(loop_, first.port());
  const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  const std::string head =
      "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
  peer.send(head);
  ASSERT_TRUE(peer.wait_for(go_on));

  move_all(first, second);
  peer.send("he");
  loop_.settle();
  move_all(second, third);
  peer.send("llo");
  ASSERT_TRUE(peer.wait_for("/x:hello"));

  EXPECT_EQ(peer.take_received().rfind(go_on), 0U);
  // The next one is told again.
  peer.send(head);
  EXPECT_TRUE(peer.wait_for(go_on));
}

TEST_F(CopyTest, AParkedConnectionWaitsAsLongAsItIsParked) {
  ConnectionLimits limits;
  limits.idle_timeout = limits.request_timeout = std::chrono::milliseconds(20);
  EchoServer server(loop_, limits);
  RawPeer idle(loop_, server.port());
  RawPeer slow(loop_, server.port());
  slow.send("GET /slow HT");
  ASSERT_TRUE(loop_.run_until([&] { return server.server().connections() == 2; }));
  loop_.settle();

  server.server().park();
  idle.send("GET /idle HTTP/1.1\r\nHost: a\r\n\r\n");
  slow.send("TP/1.1\r\nHost: a\r\n\r\n");
  bool is_over = false;
  loop_.reactor().call_after(limits.idle_timeout * 5, [&] { is_over = true; });
  ASSERT_TRUE(loop_.run_until([&] { return is_over; }));
  EXPECT_EQ(server.server().connections(), 2U);
  server.server().unpark();

  EXPECT_TRUE(idle.wait_for("/idle"));
  EXPECT_TRUE(slow.wait_for("/slow"));
}

TEST_F(CopyTest, LettingGoOfManyTakesMoreThanOneTurn) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 300; ++i) {
    peers.push_back(std::make_unique<RawPeer>(loop_, first.port()));
    peers.back()->send(upgrade_request());
  }
  ASSERT_TRUE(loop_.run_until([&] { return first.server().websockets() == 300; }));
  Copying copying(first.server(), second.server());
  copying.freeze();
  second.server().go();
  bool is_done = false;

  first.server().let_go([&] { is_done = true; });
  EXPECT_FALSE(is_done);
  EXPECT_GT(first.server().connections(), 0U);
  ASSERT_TRUE(loop_.run_until([&] { return is_done; }));

  EXPECT_EQ(first.server().connections(), 0U);
  for (const auto& peer : peers) {
    peer->send(client_text("still here"));
    ASSERT_TRUE(peer->wait_for("echo still here"));
    EXPECT_FALSE(peer->has_ended());
  }
}

TEST_F(CopyTest, AParkedServerTakesNoFurtherRequest) {
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

TEST_F(CopyTest, WhatIsAdoptedWhileHeldNeitherReadsNorWrites) {
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

  Copying copying(first.server(), second.server());
  copying.freeze();
  socket.send(client_text("moved"));
  http.send("\r\n");
  loop_.settle();
  const std::size_t before = lazy.received().size();
  loop_.settle();
  EXPECT_EQ(lazy.received().size(), before);
  EXPECT_EQ(socket.received().find("moved"), std::string::npos);
  EXPECT_EQ(http.received(), "");

  second.server().go();
  first.server().let_go([] {});

  EXPECT_TRUE(socket.wait_for("echo moved"));
  EXPECT_TRUE(http.wait_for("/x"));
  EXPECT_TRUE(loop_.run_until([&] { return lazy.received().ends_with("xxend"); }));
}

}  // namespace
}  // namespace voicectl::test
