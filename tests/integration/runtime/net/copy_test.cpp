// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
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

class CopyTest : public testing::Test {
 protected:
  void move_all(EchoServer& from, EchoServer& to) { Copying(from.server(), to.server()).finish(); }

  Loop loop_;
};

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
  ASSERT_TRUE(loop_.run_until([&] { return peer.received().size() > before + (1U << 20); }));
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

/// Peers that do what peers do, in an order that a seed decides.
class Crowd {
 public:
  Crowd(Loop& loop, EchoServer& server, std::uint64_t seed)
      : loop_(loop), server_(server), random_(seed) {}

  void act() {
    if (peers_.size() < 4 || random_.below(8) == 0) {
      peers_.push_back(std::make_unique<RawPeer>(loop_, server_.port()));
      if (random_.below(3) != 0) {
        peers_.back()->send(upgrade_request());
      }
      return;
    }
    const std::size_t at = random_.below(peers_.size());
    RawPeer& peer = *peers_[at];
    std::string ping;
    append_masked_frame(ping, Opcode::kPing, "p", 7);
    std::string begun;
    append_masked_frame(begun, Opcode::kText, "begun", 7, FrameEnd::kContinues);
    switch (random_.below(9)) {
      case 0:
        return peer.send(client_text("whole"));
      case 1:
        return peer.send(client_text("half").substr(0, 3));
      case 2:
        return peer.send(ping);
      case 3:
        return peer.send(begun);
      case 4:
        return peer.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
      case 5:
        return peer.send("GET /half HT");
      case 6:
        return peer.shut_sending();
      case 7:
        return peer.stop_reading();
      default:
        peer.reset();
        peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }

 private:
  Loop& loop_;
  EchoServer& server_;
  SeededRandom random_;
  std::vector<std::unique_ptr<RawPeer>> peers_;
};

TEST_F(CopyTest, NothingChangesWithoutBeingTold) {
  constexpr std::uint64_t kSeeds = 40;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    ConnectionLimits limits;
    limits.ping_interval = std::chrono::milliseconds(4);
    limits.idle_timeout = std::chrono::milliseconds(40);
    EchoServer first(loop_, limits);
    Crowd crowd(loop_, first, seed);
    first.server().begin_copy();
    std::map<CopyId, int> sockets;
    std::map<int, ConnectionState> known;
    const auto take = [&] {
      const ConnectionChanges changes = first.server().take_changes(1000, 1U << 30);
      for (const CopyId id : changes.gone) {
        known.erase(sockets.at(id));
      }
      for (const ConnectionChange& change : changes.changed) {
        if (change.socket) {
          sockets[change.id] = *change.socket;
        }
        known[sockets.at(change.id)] = change.state;
      }
    };
    for (int i = 0; i < 150; ++i) {
      crowd.act();
      loop_.settle();
      if (i % 7 == 0) {
        take();
      }
    }
    first.server().freeze();
    take();
    first.server().thaw();

    // Told anew, all of it is as it was told before.
    first.server().begin_copy();
    std::map<int, ConnectionState> anew;
    for (const ConnectionChange& change : first.server().take_changes(1000, 1U << 30).changed) {
      anew[*change.socket] = change.state;
    }
    ASSERT_EQ(known.size(), anew.size());
    for (const auto& [socket, state] : anew) {
      ASSERT_TRUE(known.contains(socket));
      EXPECT_EQ(known.at(socket), state) << socket;
    }
  }
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

TEST_F(CopyTest, AMovingSocketLosesNoMessage) {
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
  std::optional<Copying> copying;
  for (int i = 0; i < 2000; ++i) {
    socket->send_text(std::to_string(i) + std::string(static_cast<std::size_t>(i), '.'));
    if (i % 20 == 0) {
      copying.emplace(here->server(), there->server());
    }
    loop_.run_until([&] { return texts.size() + 15 >= static_cast<std::size_t>(i); });
    copying->tell();
    if (i % 20 == 19) {
      copying->finish();
      std::swap(here, there);
    }
  }

  ASSERT_TRUE(loop_.run_until([&] { return texts.size() == 2000; }));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    ASSERT_EQ(texts[i], "echo " + std::to_string(i) + std::string(i, '.'));
  }
}

TEST_F(CopyTest, AStateThatWasMovedTwiceIsTheSame) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer peer(loop_, first.port());
  peer.send(upgrade_request());
  ASSERT_TRUE(peer.wait_for("\r\n\r\n"));
  std::string frames;
  append_masked_frame(frames, Opcode::kText, "begun", 1, FrameEnd::kContinues);
  peer.send(frames + "\x80");
  loop_.settle();

  const auto state_in = [](EchoServer& server) {
    server.server().begin_copy();
    const ConnectionChanges changes = server.server().take_changes(1, 0);
    EXPECT_THAT(changes.changed, SizeIs(1));
    return changes.changed.empty() ? ConnectionState() : changes.changed[0].state;
  };
  const ConnectionState before = state_in(first);
  move_all(first, second);

  EXPECT_EQ(before.fragments, "begun");
  EXPECT_EQ(before.unread, "\x80");
  EXPECT_TRUE(before.deadline.has_value());
  EXPECT_EQ(state_in(second), before);
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
