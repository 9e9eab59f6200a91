// SPDX-License-Identifier: Apache-2.0
// What is left of a WebSocket when its process dies.
#include <gmock/gmock.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/os/fd_channel.h"
#include "runtime/net/http_server.h"
#include "runtime/net/websocket_codec.h"
#include "runtime/parking/parking_lot.h"
#include "tests/integration/runtime/net/net_fixture.h"

namespace voicectl::test {
namespace {

using parking::Doubt;
using parking::kSlotBytes;
using parking::ParkedState;

class KeepTest : public testing::Test {
 protected:
  KeepTest() {
    auto ends = channels_.make_pair();
    keeper_ = channels_.adopt(std::move(ends->second));
    listen();
    EXPECT_TRUE(lot_.use_lane(channels_.adopt(std::move(ends->first))).has_value());
  }

  void listen() {
    FdChannel::Handlers handlers;
    handlers.on_message = [this](std::string text, std::vector<UniqueFd> descriptors) {
      said_.push_back(text);
      if (text.starts_with("hello")) {
        memory_ = std::move(descriptors.at(0));
      }
      if (text.starts_with("park")) {
        sockets_ = std::move(descriptors);
        slot_ = std::stoul(text.substr(text.rfind(' ')));
        generation_ = static_cast<std::uint32_t>(std::stoul(text.substr(text.rfind(':') + 1)));
      }
      if (text.starts_with("leave")) {
        sockets_.clear();
      }
    };
    keeper_->start(std::move(handlers));
  }

  /// An open WebSocket that is kept.
  void open(EchoServer& server, RawPeer& peer) {
    server.server().keep_at(gate_);
    peer.send(upgrade_request());
    ASSERT_TRUE(peer.wait_for("\r\n\r\n"));
    peer.take_received();
    ASSERT_TRUE(loop_.run_until([&] { return sockets_.size() == 1; }));
  }
  std::variant<ParkedState, Doubt> look() const {
    std::string bytes(kSlotBytes, '\0');
    EXPECT_EQ(
        ::pread(memory_.get(), bytes.data(), bytes.size(), static_cast<off_t>(slot_ * kSlotBytes)),
        static_cast<ssize_t>(kSlotBytes));
    return parking::read_slot(bytes, generation_);
  }
  /// The server's numbers of its sockets are closed, and nothing else.
  void let_go(EchoServer& server) {
    server.server().begin_copy();
    while (!server.server().take_changes(1000, 1U << 20).is_empty()) {
    }
    server.server().freeze();
    bool is_done = false;
    server.server().let_go([&] { is_done = true; });
    ASSERT_TRUE(loop_.run_until([&] { return is_done; }));
  }
  /// The server's process dies: what it had is gone, and what was kept is left. The one that comes
  /// after it goes on with that.
  void die_and_go_on(EchoServer& dying, EchoServer& next) {
    auto left = look();
    ASSERT_TRUE(std::holds_alternative<ParkedState>(left));
    UniqueFd socket = std::move(sockets_.at(0));
    let_go(dying);
    auto& parked = std::get<ParkedState>(left);
    ConnectionState state;
    state.is_websocket = true;
    state.tag = parked.tag;
    state.note = parked.note;
    state.unread = parked.unread;
    state.fragments = parked.fragments;
    state.fragment_opcode = parked.fragment_opcode;
    state.unanswered_pings = parked.unanswered_pings;
    next.server().adopt({std::move(socket), std::move(state)});
  }

  Loop loop_;
  PosixFdChannelFactory channels_{loop_.reactor(), loop_.reactor()};
  std::unique_ptr<FdChannel> keeper_;
  parking::ParkingLot lot_{loop_.reactor(), "layout"};
  parking::ParkingGate gate_{lot_, "acme"};
  std::vector<std::string> said_;
  UniqueFd memory_;
  std::vector<UniqueFd> sockets_;
  std::size_t slot_ = 0;
  std::uint32_t generation_ = 0;
};

TEST_F(KeepTest, AWebSocketIsGoneOnWithAtEveryByteThatThereIsRoomFor) {
  std::string frames;
  append_masked_frame(frames, Opcode::kText, "fr\xc3", 1, FrameEnd::kContinues);
  append_masked_frame(frames, Opcode::kPing, "p", 2);
  append_masked_frame(frames, Opcode::kContinuation, "\xa4gment", 3);
  const std::size_t long_begins = frames.size();
  append_masked_frame(frames, Opcode::kText, std::string(300, 'y'), 4);
  std::string expected;
  append_frame(expected, Opcode::kPong, "p");
  append_frame(expected, Opcode::kText, "echo fr\xc3\xa4gment");
  append_frame(expected, Opcode::kText, "echo " + std::string(300, 'y'));
  EchoServer first(loop_);
  EchoServer second(loop_);
  for (std::size_t cut = 0; cut <= frames.size(); ++cut) {
    SCOPED_TRACE(cut);
    RawPeer peer(loop_, first.port());
    open(first, peer);
    peer.send(frames.substr(0, cut));
    loop_.settle();
    const std::size_t partial = cut > long_begins && cut < frames.size() ? cut - long_begins : 0;

    if (partial > parking::kBytesRoom) {
      EXPECT_THAT(look(), testing::VariantWith<Doubt>(Doubt::kPartial));
    } else {
      die_and_go_on(first, second);
      peer.send(frames.substr(cut));
      ASSERT_TRUE(loop_.run_until([&] { return peer.received().size() >= expected.size(); }));
      EXPECT_EQ(peer.received(), expected);
      EXPECT_EQ(second.last_adopted_tag, "session/1");
    }
    peer.reset();
    ASSERT_TRUE(loop_.run_until(
        [&] { return first.server().connections() == 0 && second.server().connections() == 0; }));
  }
}

TEST_F(KeepTest, IsInDoubtWhileThePeerHasNotTakenWhatItWasSent) {
  EchoServer server(loop_);
  RawPeer peer(loop_, server.port());
  open(server, peer);

  peer.stop_reading();
  // As much as the kernel takes, and a little more.
  std::size_t sent = 0;
  while (std::holds_alternative<ParkedState>(look()) && ++sent < 200) {
    server.last_websocket->send_text(std::string(100'000, 'x'));
  }

  EXPECT_THAT(look(), testing::VariantWith<Doubt>(Doubt::kUnsent));
}

TEST_F(KeepTest, IsInDoubtFromTheReadToTheAnswer) {
  EchoServer server(loop_);
  RawPeer peer(loop_, server.port());
  open(server, peer);
  std::optional<std::variant<ParkedState, Doubt>> seen;
  WebSocket::Handlers handlers;
  handlers.on_text = [&](const std::string&) { seen = look(); };
  server.last_websocket->set_handlers(std::move(handlers));

  peer.send(client_text("hello"));
  ASSERT_TRUE(loop_.run_until([&] { return seen.has_value(); }));

  EXPECT_THAT(*seen, testing::VariantWith<Doubt>(Doubt::kReading));
  loop_.settle();
  EXPECT_TRUE(std::holds_alternative<ParkedState>(look()));
}

TEST_F(KeepTest, KeepsTheNoteThatBelongsToWhatWasSent) {
  EchoServer server(loop_);
  RawPeer peer(loop_, server.port());
  open(server, peer);
  int number = 0;
  WebSocket::Handlers handlers;
  handlers.kept_note = [&](std::string& note) { note += std::to_string(number); };
  server.last_websocket->set_handlers(std::move(handlers));
  for (number = 1; number < 5; ++number) {
    server.last_websocket->send_text("event " + std::to_string(number));
    EXPECT_EQ(std::get<ParkedState>(look()).note, std::to_string(number));
  }

  number = 17;
  server.last_websocket->note_changed();

  EXPECT_EQ(std::get<ParkedState>(look()).note, "17");
}

TEST_F(KeepTest, IsParkedAnewWhenThereIsAnotherLane) {
  EchoServer server(loop_);
  RawPeer peer(loop_, server.port());
  open(server, peer);
  lot_.drop_lane();
  server.last_websocket->send_text("nobody keeps this");
  EXPECT_EQ(lot_.parked(), 0U);

  sockets_.clear();
  auto ends = channels_.make_pair();
  keeper_ = channels_.adopt(std::move(ends->second));
  listen();
  ASSERT_TRUE(lot_.use_lane(channels_.adopt(std::move(ends->first))).has_value());

  ASSERT_TRUE(loop_.run_until([&] { return sockets_.size() == 1; }));
  EXPECT_TRUE(std::holds_alternative<ParkedState>(look()));
  EXPECT_EQ(lot_.parked(), 1U);
}

TEST_F(KeepTest, OneThatCloses) {
  EchoServer server(loop_);
  RawPeer peer(loop_, server.port());
  open(server, peer);

  server.last_websocket->close(1000, "bye");

  EXPECT_THAT(look(), testing::VariantWith<Doubt>(Doubt::kEnded));
  EXPECT_TRUE(loop_.run_until([&] { return sockets_.empty(); })) << "nobody else has it any more";
}

TEST_F(KeepTest, APeerLearnsOfTheEndAlthoughItsSocketIsKept) {
  auto server = std::make_unique<EchoServer>(loop_);
  RawPeer peer(loop_, server->port());
  open(*server, peer);
  const UniqueFd copy = sockets_.at(0).duplicate();

  server.reset();

  EXPECT_TRUE(loop_.run_until([&] { return peer.has_ended(); }));
}

TEST_F(KeepTest, TheOtherSideEndsIt) {
  EchoServer server(loop_);
  RawPeer peer(loop_, server.port());
  open(server, peer);

  peer.reset();

  EXPECT_TRUE(loop_.run_until([&] { return sockets_.empty(); }));
  EXPECT_EQ(lot_.parked(), 0U);
}

TEST_F(KeepTest, WhatMovesElsewhereIsNotKeptHereAnyMore) {
  EchoServer first(loop_);
  EchoServer second(loop_);
  RawPeer peer(loop_, first.port());
  open(first, peer);

  Copying(first.server(), second.server()).finish();
  ASSERT_TRUE(loop_.run_until([&] { return sockets_.empty(); }));
  EXPECT_THAT(look(), testing::VariantWith<Doubt>(Doubt::kEnded));
  peer.send(client_text("moved"));

  EXPECT_TRUE(peer.wait_for("echo moved")) << "its socket was closed here, not shut down";
}

}  // namespace
}  // namespace voicectl::test
