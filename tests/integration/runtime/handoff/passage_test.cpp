// SPDX-License-Identifier: Apache-2.0
// A hand-over that is stopped at each of its messages, while peers go on as they do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/crypto.h"
#include "base/record_codec.h"
#include "runtime/net/websocket_codec.h"
#include "tests/integration/runtime/handoff/passage.h"
#include "tests/support/matchers.h"

namespace voicectl::handoff {
namespace {

using ::testing::HasSubstr;

constexpr PeerMessage kBeforeFrozen[] = {PeerMessage::kOffer, PeerMessage::kAccepted,
                                         PeerMessage::kBatch, PeerMessage::kCopied,
                                         PeerMessage::kState, PeerMessage::kOpened};
constexpr PeerMessage kAll[] = {PeerMessage::kOffer,  PeerMessage::kAccepted, PeerMessage::kBatch,
                                PeerMessage::kCopied, PeerMessage::kState,    PeerMessage::kOpened,
                                PeerMessage::kEnd,    PeerMessage::kTaken};

class PassageTest : public ::testing::Test {
 protected:
  bool comes(const std::unique_ptr<BytePeer>& peer, const std::string& bytes) {
    return passage.world.run_until([&] {
      return peer->has_ended() || peer->received().find(bytes) != std::string::npos;
    }) && peer->received().find(bytes) != std::string::npos;
  }
  bool ends(const std::unique_ptr<BytePeer>& peer) {
    return passage.world.run_until([&] { return peer->has_ended(); });
  }
  void expect_served(const std::unique_ptr<BytePeer>& peer) {
    peer->send(ping("served?"));
    EXPECT_TRUE(comes(peer, pong("served?")));
  }
  /// Lets the loop act on what peers have sent.
  void settle() {
    int turns = 0;
    std::function<void()> turn = [&] {
      if (++turns < 200) {
        passage.world.reactor().post(turn);
      }
    };
    turn();
    ASSERT_TRUE(passage.world.run_until([&] { return turns == 200; }));
  }
  void expect_moved() { ASSERT_TRUE(passage.report->is_handed_over) << passage.report->why.text(); }
  void expect_kept() {
    ASSERT_TRUE(passage.report.has_value());
    EXPECT_FALSE(passage.report->is_handed_over);
    EXPECT_THAT(passage.health(), HasSubstr("\"ok\""));
    EXPECT_EQ(passage.create_session().status, 201);
  }

  Passage passage;
};

TEST_F(PassageTest, WhateverPeersDoAtAnyStepNothingIsLost) {
  std::string half;
  append_masked_frame(half, Opcode::kText, "joined", 9, FrameEnd::kContinues);
  const std::string whole = ping("after all");
  for (const PeerMessage step : kAll) {
    SCOPED_TRACE(static_cast<int>(step));
    const bool is_frozen = step == PeerMessage::kEnd;
    const auto quiet = passage.follower();
    const auto talker = passage.follower();
    const auto dribbler = passage.follower();
    const auto leaver = passage.follower();
    const auto closer = passage.follower();
    const auto idle = passage.peer();
    idle->send("GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /he");
    ASSERT_TRUE(comes(idle, "ok"));

    ASSERT_TRUE(passage.reach(step));
    talker->send(ping("meanwhile"));
    dribbler->send(half + whole.substr(0, 3));
    leaver->hang_up();
    std::string close;
    append_masked_frame(close, Opcode::kClose, std::string("\x03\xe8", 2), 5);
    closer->send(close);
    idle->send("alth HTTP/1.1\r\nHo");
    if (is_frozen) {
      settle();
      EXPECT_EQ(talker->received(), "");
    } else {
      EXPECT_TRUE(comes(talker, pong("meanwhile")));
      EXPECT_TRUE(ends(closer));
      closer->hang_up();
    }
    passage.finish();
    expect_moved();
    dribbler->send(whole.substr(3));
    idle->send("st: a\r\n\r\n");

    EXPECT_TRUE(comes(dribbler, pong("after all")));
    EXPECT_TRUE(comes(talker, pong("meanwhile")));
    EXPECT_TRUE(!is_frozen || ends(closer));
    EXPECT_THAT(closer->received(), HasSubstr("\x88\x02\x03\xe8"));
    expect_served(quiet);
    EXPECT_TRUE(passage.world.run_until([&] {
      return idle->received().find("ok", idle->received().find("ok") + 2) != std::string::npos;
    })) << idle->received();
    EXPECT_TRUE(
        passage.world.run_until([&] { return passage.source.host->load().websockets == 3; }));
    for (const auto& one : {&quiet, &talker, &dribbler}) {
      (*one)->hang_up();
    }
    ASSERT_TRUE(
        passage.world.run_until([&] { return passage.source.host->load().websockets == 0; }));
  }
}

TEST_F(PassageTest, EventsGoOnInOrderWhereverTheyHappen) {
  const auto staff = passage.follower();
  std::size_t created = 0;
  for (const PeerMessage step :
       {PeerMessage::kAccepted, PeerMessage::kBatch, PeerMessage::kCopied}) {
    ASSERT_TRUE(passage.reach(step));
    ASSERT_EQ(passage.create_session().status, 201);
    passage.finish();
    expect_moved();
    ASSERT_EQ(passage.create_session().status, 201);
    created += 2;
  }

  // Two events each.
  ASSERT_TRUE(comes(staff, "{\"seq\":" + std::to_string(created * 2) + ","));
  std::size_t at = 0;
  for (std::size_t seq = 1; seq <= created * 2; ++seq) {
    const std::string number = "\"seq\":" + std::to_string(seq) + ",";
    const std::size_t found = staff->received().find(number);
    ASSERT_NE(found, std::string::npos) << number;
    EXPECT_GE(found, at);
    EXPECT_EQ(staff->received().find(number, found + 1), std::string::npos) << number;
    at = found;
  }
}

TEST_F(PassageTest, AnEventToAllChangesNoConnection) {
  std::vector<std::unique_ptr<BytePeer>> followers;
  for (int i = 0; i < 20; ++i) {
    followers.push_back(passage.follower());
  }

  ASSERT_TRUE(passage.reach(PeerMessage::kCopied));
  ASSERT_EQ(passage.create_session().status, 201);
  for (const auto& follower : followers) {
    ASSERT_TRUE(comes(follower, "\"seq\":2,"));
  }
  passage.finish();

  expect_moved();
  // Those that the sessions came over may be told once more.
  EXPECT_LE(passage.report->copied + passage.report->told_late, followers.size() + 4);
  EXPECT_EQ(passage.report->websockets, followers.size());
}

TEST_F(PassageTest, ATargetThatDiesAtAnyStepCostsNothing) {
  for (const PeerMessage step : kAll) {
    if (step == PeerMessage::kTaken) {
      continue;  // that one is sent by then
    }
    SCOPED_TRACE(static_cast<int>(step));
    const auto staff = passage.follower();
    ASSERT_TRUE(passage.reach(step));
    staff->send(ping("then"));

    passage.kill_target();
    passage.finish();

    expect_kept();
    EXPECT_TRUE(comes(staff, pong("then")));
    expect_served(staff);
  }
  passage.begin();
  passage.finish();
  expect_moved();
}

TEST_F(PassageTest, ProgressIsToldPhaseByPhaseToWhoeverAsksForIt) {
  std::vector<std::unique_ptr<BytePeer>> followers;
  for (int i = 0; i < 200; ++i) {
    followers.push_back(passage.follower());
  }
  passage.begin();
  passage.finish();
  expect_moved();
  EXPECT_TRUE(passage.progress.empty());

  passage.progress_every = std::chrono::milliseconds(0);
  passage.begin();
  passage.finish();
  expect_moved();

  std::vector<std::string> phases;
  std::size_t within = 0;
  int percent = -1;
  for (const HandOverProgress& seen : passage.progress) {
    if (phases.empty() || phases.back() != seen.phase) {
      phases.push_back(seen.phase);
    }
    within += seen.phase == "copying" && seen.copied > 0 ? 1 : 0;
    EXPECT_GE(percent_of(seen), percent);
    percent = percent_of(seen);
    EXPECT_EQ(seen.connections, followers.size());
  }
  EXPECT_THAT(phases, ::testing::ElementsAre("copying", "quiescing", "releasing", "opening",
                                             "catching up"));
  EXPECT_GE(within, followers.size() / ConnectionCopier::kMostInBatch - 1);
}

TEST_F(PassageTest, ManyCopiesAreDroppedAFewInEachTurn) {
  std::vector<std::unique_ptr<BytePeer>> followers;
  for (int i = 0; i < 1000; ++i) {
    followers.push_back(passage.follower());
  }
  ASSERT_TRUE(passage.reach(PeerMessage::kState));
  std::size_t turns = 0;
  std::function<void()> count = [&] {
    if (!passage.is_target_over) {
      ++turns;
      passage.world.reactor().post(count);
    }
  };

  passage.getting->cancel(Error(ErrorCode::kCancelled, "cannot take the tenant: not wanted"));
  count();
  passage.finish();

  EXPECT_GE(turns, followers.size() / 200);
  expect_kept();
  expect_served(followers.front());
  expect_served(followers.back());
}

TEST_F(PassageTest, ASourceThatDiesAtAnyStepBeforeTheEndLeavesNoSecondOwner) {
  for (const PeerMessage step : kBeforeFrozen) {
    SCOPED_TRACE(static_cast<int>(step));
    Passage own;
    const auto staff = own.follower();
    ASSERT_TRUE(own.reach(step));

    own.kill_source();
    own.finish();

    EXPECT_TRUE(own.target_error.has_value());
    EXPECT_FALSE(own.moved);
    // Nobody holds a copy of its socket any more.
    EXPECT_TRUE(own.world.run_until([&] { return staff->has_ended(); }));
  }
}

TEST_F(PassageTest, ACancelledHandOverGoesOnAtOnce) {
  for (const PeerMessage step : kBeforeFrozen) {
    SCOPED_TRACE(static_cast<int>(step));
    const auto staff = passage.follower();
    ASSERT_TRUE(passage.reach(step));

    passage.giving->cancel(Error(ErrorCode::kCancelled, "cannot hand over: not wanted any more"));
    passage.finish();

    expect_kept();
    expect_served(staff);
  }
}

TEST_F(PassageTest, WhoCannotSayThatItHasTheTenantDoesNotTakeIt) {
  const auto staff = passage.follower();
  passage.stage.is_full = true;

  passage.begin();
  passage.finish();

  expect_kept();
  staff->send(ping("still"));
  EXPECT_TRUE(comes(staff, pong("still")));
}

TEST_F(PassageTest, ASourceThatLosesPatienceWhileFrozenLearnsTheTruth) {
  passage.times.freeze = std::chrono::milliseconds(20);
  const auto staff = passage.follower();

  // The target never hears of the end: it gives the tenant back.
  ASSERT_TRUE(passage.reach(PeerMessage::kEnd));
  ASSERT_TRUE(
      passage.world.run_until([&] { return passage.stage.count(PeerMessage::kWithdraw) == 1; }));
  passage.stage.drop(PeerMessage::kEnd);
  passage.finish();
  expect_kept();
  expect_served(staff);

  // The source has not heard yet that the target took it.
  const std::size_t before = passage.stage.count(PeerMessage::kWithdraw);
  ASSERT_TRUE(passage.reach(PeerMessage::kTaken));
  ASSERT_TRUE(passage.world.run_until(
      [&] { return passage.stage.count(PeerMessage::kWithdraw) > before; }));
  passage.finish();
  expect_moved();
  expect_served(staff);
}

TEST_F(PassageTest, ATargetThatTakesNoBatchIsGivenUpBeforeAnybodyStops) {
  passage.times.batch = std::chrono::milliseconds(20);
  const auto staff = passage.follower();

  ASSERT_TRUE(passage.reach(PeerMessage::kBatch));
  ASSERT_TRUE(passage.world.run_until([&] { return passage.report.has_value(); }));

  EXPECT_EQ(passage.report->why.code(), ErrorCode::kTimeout);
  EXPECT_EQ(passage.report->pause.count(), 0);
  passage.finish();
  expect_kept();
  expect_served(staff);
}

/// Followers that send a long message, a byte at a time.
class Dribblers {
 public:
  explicit Dribblers(Passage& passage) {
    append_masked_frame(frame_, Opcode::kText, std::string(20'000, 'x'), 7);
    for (std::size_t i = 0; i < ConnectionCopier::kFew * 2; ++i) {
      peers_.push_back(passage.follower());
    }
  }
  void send_a_byte() {
    for (const auto& peer : peers_) {
      peer->send(frame_.substr(at_, 1));
    }
    ++at_;
  }
  void send_the_rest() {
    for (const auto& peer : peers_) {
      peer->send(frame_.substr(at_));
    }
  }
  const std::vector<std::unique_ptr<BytePeer>>& peers() const { return peers_; }

 private:
  std::string frame_;
  std::size_t at_ = 0;
  std::vector<std::unique_ptr<BytePeer>> peers_;
};

TEST_F(PassageTest, WhatChangesInEveryRoundIsCopiedAFewTimes) {
  constexpr std::size_t kEndless = 50;
  Dribblers busy(passage);
  std::size_t rounds = 0;

  // Each time the other one has taken a batch, all of them have changed again.
  ASSERT_TRUE(passage.reach(PeerMessage::kCopied));
  while (rounds < kEndless && passage.stage.count(PeerMessage::kState) == 0) {
    ++rounds;
    busy.send_a_byte();
    settle();
    passage.stage.go_on_to(PeerMessage::kCopied);
    ASSERT_TRUE(passage.world.run_until([&] {
      return passage.stage.is_stopped() || passage.stage.count(PeerMessage::kState) > 0;
    }));
  }
  passage.finish();

  expect_moved();
  EXPECT_GE(rounds, ConnectionCopier::kMostRounds);
  EXPECT_LT(rounds, kEndless);
  busy.send_the_rest();
  for (const auto& peer : busy.peers()) {
    expect_served(peer);
  }
}

TEST_F(PassageTest, ChangesThatNeverEndAreCutOffByTime) {
  passage.times.copy = std::chrono::milliseconds(50);
  passage.times.catch_up = std::chrono::milliseconds(20);
  Dribblers busy(passage);
  passage.begin();

  ASSERT_TRUE(passage.world.run_until([&] {
    busy.send_a_byte();
    return passage.report.has_value();
  }));
  passage.finish();

  expect_moved();
  busy.send_the_rest();
  for (const auto& peer : busy.peers()) {
    expect_served(peer);
  }
}

TEST_F(PassageTest, AKeyThatIsRevokedWhileConnectionsAreCopiedClosesWhatItOpened) {
  const auto staff = passage.follower();
  ASSERT_TRUE(passage.reach(PeerMessage::kOpened));

  passage.world.write_keys("acme", Json::array());
  passage.finish();

  expect_moved();
  EXPECT_TRUE(comes(staff, "revoked"));
}

TEST_F(PassageTest, AKeyThatIsMadeWhileConnectionsAreCopiedIsKnownThere) {
  const auto staff = passage.follower();
  ASSERT_TRUE(passage.reach(PeerMessage::kBatch));
  Json keys = Json::array();
  for (const char* id : {"staff", "widget", "late"}) {
    const char* const scope = std::string(id) == "late" ? "staff" : id;
    keys.push_back(
        {{"id", id}, {"sha256", sha256_hex(std::string("acme-") + id)}, {"scope", scope}});
  }
  passage.world.write_keys("acme", keys);
  ASSERT_THAT(passage.source.host->reload_keys(), IsOk());
  auto late = passage.peer();
  late->upgrade("acme-late");
  ASSERT_TRUE(passage.world.run_until([&] { return late->has_head(); }));
  late->forget_head();

  passage.finish();

  expect_moved();
  expect_served(late);
  EXPECT_EQ(late->received(), pong("served?"));
}

TEST_F(PassageTest, TwentyMovesWithTrafficLeaveEveryoneServed) {
  std::vector<std::unique_ptr<BytePeer>> peers;
  for (int i = 0; i < 30; ++i) {
    peers.push_back(passage.follower());
  }
  for (int round = 0; round < 20; ++round) {
    passage.begin();
    for (const auto& peer : peers) {
      peer->send(ping(std::to_string(round)));
    }
    passage.finish();
    expect_moved();
    for (const auto& peer : peers) {
      ASSERT_TRUE(comes(peer, pong(std::to_string(round))));
    }
  }
}

// A peer that says what it likes.

class HostilePassageTest : public PassageTest {
 protected:
  void say(PeerMessage type, const std::string& body, const std::vector<int>& sockets = {}) {
    (void)channel_->send(std::string{static_cast<char>(type), '\0'} + body, sockets);
  }
  /// A target that has accepted.
  void begin() {
    channel_ = passage.begin_target_only();
    channel_->start({[this](const std::string& message, std::vector<UniqueFd>) {
                       heard_.push_back(static_cast<PeerMessage>(message[0]));
                       last_ = message.substr(2);
                     },
                     [] {}});
    const HandOverOrder order = passage.order();
    say(PeerMessage::kOffer, encode_record(Offer{kPeerVersion, peer_layout(), "acme",
                                                 order.generation.value, order.token.value, 1}));
    ASSERT_TRUE(hears(PeerMessage::kAccepted));
  }
  bool hears(PeerMessage type) {
    return passage.world.run_until([&] { return !heard_.empty() && heard_.back() == type; });
  }
  Refusal refusal() { return *decode_record<Refusal>(last_, "a refusal"); }
  static Told follower(CopyId id) {
    Told told{id, {}};
    told.state.is_websocket = true;
    told.state.tag = "staff#staff";
    told.state.sent_code = 1006;
    return told;
  }

  std::unique_ptr<FdChannel> channel_;
  std::vector<PeerMessage> heard_;
  std::string last_;
};

TEST_F(HostilePassageTest, ATargetRefusesWhatIsNotToldInTurn) {
  const Told http{1, {}};
  const struct {
    Batch batch;
    std::size_t sockets;
  } cases[] = {
      {{{{2, {}}}, {}}, 1},   // not the next
      {{{http}, {}}, 0},      // without its socket
      {{{http}, {}}, 2},      // a socket too many
      {{{}, {}}, 1},          // a socket of nobody
      {{{http}, {2}}, 1},     // gone before it came
      {{{http}, {1, 1}}, 1},  // gone twice
      {{{{0, {}}}, {}}, 1},   // no number
      {{{{4'000'000'000U, {}}}, {}}, 1},
  };
  for (const auto& one : cases) {
    heard_.clear();
    begin();

    say(PeerMessage::kBatch, encode_record(one.batch), std::vector<int>(one.sockets, 0));

    EXPECT_TRUE(hears(PeerMessage::kRefused));
    EXPECT_FALSE(passage.moved);
  }
}

TEST_F(HostilePassageTest, ATargetRefusesAWebSocketThatNothingServesAndSaysSo) {
  begin();
  Told odd = follower(1);
  odd.state.tag = "no such channel";
  odd.state.note = "junk";

  say(PeerMessage::kBatch, encode_record(Batch{{odd}, {}}), {0});

  ASSERT_TRUE(hears(PeerMessage::kRefused));
  EXPECT_EQ(refusal().connections, 1U);
}

TEST_F(HostilePassageTest, ATargetComparesWhatItEndedUpWith) {
  const std::string state = encode_record(runtime::TenantCarry{});
  for (const End& end : {End{2, 0}, End{1, 0}, End{0, 0}}) {
    heard_.clear();
    begin();
    say(PeerMessage::kBatch, encode_record(Batch{{Told{1, {}}}, {}}), {0});
    ASSERT_TRUE(hears(PeerMessage::kCopied));
    say(PeerMessage::kState, state);
    ASSERT_TRUE(hears(PeerMessage::kOpened));

    say(PeerMessage::kEnd, encode_record(end));

    EXPECT_TRUE(hears(PeerMessage::kRefused));
    EXPECT_FALSE(passage.moved);
  }
}

TEST_F(HostilePassageTest, ASourceGivesNothingToOneThatMakesNoSense) {
  for (const std::vector<PeerMessage>& said :
       {std::vector{PeerMessage::kCopied}, std::vector{PeerMessage::kTaken},
        std::vector{PeerMessage::kAccepted, PeerMessage::kCopied, PeerMessage::kCopied,
                    PeerMessage::kCopied},
        std::vector{PeerMessage::kAccepted, PeerMessage::kTaken},
        std::vector{PeerMessage::kAccepted, PeerMessage::kOpened},
        std::vector{PeerMessage::kAccepted, PeerMessage::kBatch},
        std::vector{PeerMessage::kOpened}}) {
    const auto staff = passage.follower();
    channel_ = passage.begin_source_only();
    channel_->start({[](const std::string&, const std::vector<UniqueFd>&) {}, [] {}});

    for (const PeerMessage type : said) {
      say(type, "");
    }
    ASSERT_TRUE(passage.world.run_until([&] { return passage.report.has_value(); }));

    passage.giving.reset();
    expect_kept();
    expect_served(staff);
  }
}

}  // namespace
}  // namespace voicectl::handoff
