// SPDX-License-Identifier: Apache-2.0
// Nothing is lost of what many, or busy, connections do while they are copied.
#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/net/http_server.h"
#include "runtime/net/websocket_client.h"
#include "runtime/net/websocket_codec.h"
#include "tests/integration/runtime/net/copy_fixture.h"

namespace voicectl::test {
namespace {

using testing::SizeIs;

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

}  // namespace
}  // namespace voicectl::test
