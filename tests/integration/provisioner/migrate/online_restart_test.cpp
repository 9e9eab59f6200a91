// SPDX-License-Identifier: Apache-2.0
// PgBouncer handed its established connections to a new process (`-R`), and took that out again
// for seven reasons (its pull requests 894 and 1581). Each is a test here, with two real processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/record_codec.h"
#include "runtime/handoff/peer_channel.h"
#include "runtime/net/websocket_codec.h"
#include "tests/integration/provisioner/migrate/two_instances.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string client_frame(Opcode opcode, std::string_view payload, FrameEnd end = FrameEnd::kFinal) {
  std::string frame;
  append_masked_frame(frame, opcode, payload, 0x01020304, end);
  return frame;
}

std::string server_frame(Opcode opcode, std::string_view payload) {
  std::string frame;
  append_frame(frame, opcode, payload);
  return frame;
}

class OnlineRestart : public ::testing::Test {
 protected:
  std::unique_ptr<BytePeer> peer() {
    return std::make_unique<BytePeer>(pair.world.reactor(), pair.port);
  }
  std::unique_ptr<BytePeer> follower(const std::string& path = "/ws/staff") {
    auto made = peer();
    made->upgrade("acme-staff", path);
    EXPECT_TRUE(pair.run_until([&] { return made->has_head(); }));
    made->forget_head();
    return made;
  }
  bool comes(const std::unique_ptr<BytePeer>& one, const std::string& bytes) {
    return pair.run_until([&] {
      return one->has_ended() || one->received().find(bytes) != std::string::npos;
    }) && one->received().find(bytes) != std::string::npos;
  }
  void expect_moved() {
    const MoveOutcome outcome = pair.move();
    ASSERT_EQ(outcome.verdict, Verdict::kMoved) << outcome.why.text();
  }
  HttpResponse create_session() {
    return pair.world.send(pair.port, "POST", "/api/sessions", R"({"customer_name":"Ann"})",
                           {{"X-API-Key", "acme-widget"}});
  }
  /// What an instance says to an offer.
  handoff::Refusal refusal_of(handoff::Offer offer) {
    std::optional<Status> outcome;
    std::optional<handoff::Refusal> refusal;
    const std::unique_ptr<FdChannel> channel = pair.pose_as_source(pair.other(), outcome);
    channel->start({[&](const std::string& message, const std::vector<UniqueFd>&) {
                      const auto read =
                          decode_record<handoff::Refusal>(message.substr(2), "a refusal");
                      refusal = read.has_value() ? *read : handoff::Refusal{};
                    },
                    [] {}});
    offer.token = pair.last_token;
    EXPECT_THAT(channel->send(std::string{static_cast<char>(handoff::PeerMessage::kOffer), '\0'} +
                                  encode_record(offer),
                              {}),
                IsOk());
    EXPECT_TRUE(pair.run_until([&] { return refusal.has_value() && outcome.has_value(); }));
    EXPECT_FALSE(outcome->has_value());
    return refusal.value_or(handoff::Refusal{});
  }
  static handoff::Offer good_offer() {
    return {handoff::kPeerVersion, handoff::peer_layout(), "acme", 1, 0, 0};
  }
  /// Where it was, with everyone still there.
  void expect_unharmed(const std::unique_ptr<BytePeer>& staff) {
    staff->send(client_frame(Opcode::kPing, "unharmed"));
    EXPECT_TRUE(comes(staff, server_frame(Opcode::kPong, "unharmed")));
    EXPECT_EQ(create_session().status, 201);
  }

  TwoInstances pair;
};

// 1. The keys of a TLS session live in a process: a connection that speaks TLS cannot go. Ours
// cannot come into being, since the edge speaks TLS: who tries is refused at the first bytes.
TEST_F(OnlineRestart, ReasonOneTlsCannotMove) {
  const auto secretive = peer();
  secretive->send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) +
                  std::string(400, 'x') + "\r\n\r\n");
  ASSERT_TRUE(pair.run_until([&] { return secretive->has_ended(); }));
  EXPECT_THAT(secretive->received(), HasSubstr("HTTP/1.1 400"));

  const MoveOutcome outcome = pair.move();

  ASSERT_EQ(outcome.verdict, Verdict::kMoved);
  EXPECT_EQ(outcome.report.websockets, 0U);
}

// 2. A field that somebody added to a connection and nobody added to its copy. Ours are written and
// read from one list; a side whose list has another field is refused before anything stops.
TEST_F(OnlineRestart, ReasonTwoAFieldWasNotCopied) {
  const auto staff = follower();
  handoff::Offer newer = good_offer();
  newer.layout += "compression:u4;";

  EXPECT_THAT(refusal_of(newer).text, HasSubstr("lays out its state in another way"));

  expect_unharmed(staff);
  // What a connection has beside its bytes is there afterwards: the fragments of a message, the
  // pings that count, the session that it follows.
  staff->send(client_frame(Opcode::kText, "begun", FrameEnd::kContinues));
  for (int i = 0; i < 57; ++i) {  // one was sent above
    staff->send(client_frame(Opcode::kPing, "n" + std::to_string(i)));
  }
  ASSERT_TRUE(comes(staff, server_frame(Opcode::kPong, "n56")));
  expect_moved();
  staff->send(client_frame(Opcode::kContinuation, "ended") + client_frame(Opcode::kPing, "59") +
              client_frame(Opcode::kPing, "60") + client_frame(Opcode::kPing, "one too many"));
  EXPECT_TRUE(comes(staff, "too many pings"));
}

// 3. Bytes that one process had read or not yet written were lost.
TEST_F(OnlineRestart, ReasonThreeBufferedBytesWereLost) {
  const auto staff = follower();
  std::string frames;
  std::string expected;
  for (int i = 0; i < 12; ++i) {
    frames += client_frame(Opcode::kPing, "number " + std::to_string(i));
    expected += server_frame(Opcode::kPong, "number " + std::to_string(i));
  }
  for (std::size_t at = 0; at < frames.size(); at += 17) {
    std::optional<MoveOutcome> outcome;
    pair.begin_move(outcome);
    staff->send(frames.substr(at, 17));
    ASSERT_TRUE(pair.run_until([&] { return outcome.has_value(); }));
    ASSERT_EQ(outcome->verdict, Verdict::kMoved) << outcome->why.text();
  }

  ASSERT_TRUE(pair.run_until([&] { return staff->received().size() >= expected.size(); }));
  EXPECT_EQ(staff->received(), expected);
}

// 4. State that contradicted itself was noticed afterwards, in a warning. Ours is compared by
// number and checksum before anybody is served.
TEST_F(OnlineRestart, ReasonFourStateWasInconsistent) {
  const auto staff = follower();
  std::optional<Status> outcome;
  std::vector<handoff::PeerMessage> heard;
  const std::unique_ptr<FdChannel> channel = pair.pose_as_source(pair.other(), outcome);
  channel->start({[&](const std::string& message, const std::vector<UniqueFd>&) {
                    heard.push_back(static_cast<handoff::PeerMessage>(message[0]));
                  },
                  [] {}});
  const auto say = [&](handoff::PeerMessage type, const std::string& body) {
    const std::vector<int> sockets(type == handoff::PeerMessage::kBatch ? 1 : 0, STDIN_FILENO);
    EXPECT_THAT(channel->send(std::string{static_cast<char>(type), '\0'} + body, sockets), IsOk());
  };
  handoff::Offer offer = good_offer();
  offer.token = pair.last_token;
  handoff::Told joins_nothing{1, {}};
  joins_nothing.state.is_websocket = true;
  joins_nothing.state.fragments = "of no message";
  say(handoff::PeerMessage::kOffer, encode_record(offer));
  say(handoff::PeerMessage::kBatch, encode_record(handoff::Batch{{joins_nothing}, {}}));

  ASSERT_TRUE(pair.run_until([&] { return outcome.has_value(); }));

  EXPECT_THAT(outcome->error().text(), HasSubstr("contradicts itself"));
  EXPECT_THAT(heard, ::testing::ElementsAre(handoff::PeerMessage::kAccepted,
                                            handoff::PeerMessage::kRefused));
  expect_unharmed(staff);
}

// 5. The old process had read another configuration than the new one.
TEST_F(OnlineRestart, ReasonFiveConfigurationsDiffered) {
  const auto staff = follower();
  handoff::Offer older = good_offer();
  older.generation = 7;
  EXPECT_THAT(refusal_of(older).text, HasSubstr("generation 1 here and 7 there"));
  handoff::Offer other_version = good_offer();
  other_version.version += 1;
  EXPECT_THAT(refusal_of(other_version).text, HasSubstr("same version"));

  expect_unharmed(staff);
  expect_moved();
}

// 6. What was tracked beside the connection (prepared statements there; here limits, counters,
// numbers of events, answers to requests that were numbered) stayed behind.
TEST_F(OnlineRestart, ReasonSixWhatWasTrackedBesideStayedBehind) {
  const auto staff = follower();
  const HttpHeaders numbered = {{"X-API-Key", "acme-widget"}, {"Idempotency-Key", "once"}};
  const auto create = [&] {
    return pair.world.send(pair.port, "POST", "/api/sessions", R"({"customer_name":"Ann"})",
                           numbered);
  };
  const HttpResponse before = create();
  ASSERT_EQ(before.status, 201);
  expect_moved();

  const HttpResponse after = create();

  EXPECT_EQ(after.status, before.status);
  EXPECT_EQ(runtime::member(after.body, "session_id"), runtime::member(before.body, "session_id"));
  ASSERT_EQ(create_session().status, 201);
  ASSERT_TRUE(comes(staff, "{\"seq\":4,"));
  EXPECT_THAT(pair.metrics(pair.home()),
              HasSubstr(R"(voicectl_requests_total{tenant="acme",route="/api/sessions")"));
  // The tenant's limit of three counts those that began in the other process.
  EXPECT_EQ(create_session().status, 201);
  EXPECT_EQ(create_session().status, 429);
}

// 7. A service manager saw its main process replaced by another. Ours are two processes that it, or
// the daemon, started: none forks, none changes its number, both stay whose they were.
TEST_F(OnlineRestart, ReasonSevenTheServiceManagerLostTheProcess) {
  const ProcessIdentity one = pair.process(TwoInstances::one());
  const ProcessIdentity two = pair.process(TwoInstances::two());
  const auto staff = follower();

  for (int i = 0; i < 4; ++i) {
    expect_moved();
  }

  EXPECT_EQ(pair.process(TwoInstances::one()), one);
  EXPECT_EQ(pair.process(TwoInstances::two()), two);
  expect_unharmed(staff);
}

}  // namespace
}  // namespace voicectl
