// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/peer_channel.h"

#include <gmock/gmock.h>

#include "base/record_codec.h"
#include "runtime/handoff/copy_tally.h"
#include "runtime/handoff/protocol.h"
#include "runtime/handoff/source_fsm.h"
#include "tests/support/fake_fd_channel.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_reactor.h"

namespace voicectl::handoff {
namespace {

using ::testing::HasSubstr;

/// Every field other than it is by default.
ConnectionState full_state() {
  ConnectionState state;
  state.is_websocket = true;
  state.unread = std::string("\x81\x85half", 6);
  state.unsent = "tail";
  state.tag = "session/a_1#key";
  state.fragment_opcode = 1;
  state.fragments = "frag";
  state.close_sent = true;
  state.sent_code = 1008;
  state.unanswered_pings = 1;
  state.control_frames = 9;
  state.counted_since = MonoTime(std::chrono::seconds(66));
  state.note = "note";
  state.deadline = MonoTime(std::chrono::seconds(77));
  return state;
}

TEST(PeerRecords, EveryFieldOfAConnectionTravels) {
  ConnectionState http;
  http.unread = "GET / HT";
  http.continue_sent = true;

  const Result<Batch> read =
      decode_batch(encode_record(Batch{{{7, full_state()}, {8, http}}, {3, 4}}));

  ASSERT_THAT(read, IsOk());
  ASSERT_EQ(read->told.size(), 2U);
  EXPECT_EQ(read->told[0].id, 7U);
  EXPECT_EQ(read->told[0].state, full_state());
  EXPECT_EQ(read->told[1].state, http);
  EXPECT_THAT(read->gone, ::testing::ElementsAre(3U, 4U));
}

TEST(PeerRecords, EveryFieldOfATenantTravels) {
  runtime::TenantCarry carried;
  carried.counts.requests = {{{"GET /health", 200}, 4}};
  carried.counts.tool_calls = {{{"placeOrder", "ok"}, 2}};
  carried.counts.requests_total = 4;
  carried.counts.tool_calls_total = 2;
  carried.counts.refusals = {{{"api", "key"}, 9}};
  carried.shares = {MonoTime(std::chrono::seconds(1)),
                    MonoTime(std::chrono::seconds(2)),
                    MonoTime(std::chrono::seconds(3)),
                    {{"key", MonoTime(std::chrono::seconds(4))}}};
  carried.forgeries = {{{"203.0.113.9", {MonoTime(std::chrono::seconds(5)), std::nullopt}}},
                       MonoTime(std::chrono::seconds(6))};
  carried.event_lag = {5, std::chrono::seconds(6), std::chrono::seconds(7)};
  carried.outbox = {8, 9, 10};
  carried.promised = {"effect-1"};

  const Result<runtime::TenantCarry> read =
      decode_record<runtime::TenantCarry>(encode_record(carried), "a tenant");

  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->counts, carried.counts);
  EXPECT_EQ(read->shares, carried.shares);
  EXPECT_EQ(read->forgeries, carried.forgeries);
  EXPECT_EQ(read->event_lag.longest, carried.event_lag.longest);
  EXPECT_EQ(read->outbox.given_up, carried.outbox.given_up);
  EXPECT_EQ(read->promised, carried.promised);
}

TEST(PeerRecords, RefusesAStateThatContradictsItself) {
  ConnectionState no_websocket = full_state();
  no_websocket.is_websocket = false;
  ConnectionState joins_nothing = full_state();
  joins_nothing.fragment_opcode = 0;
  ConnectionState unknown_opcode = full_state();
  unknown_opcode.fragment_opcode = 9;

  ConnectionState continued = full_state();
  continued.continue_sent = true;

  for (const ConnectionState& state : {no_websocket, joins_nothing, unknown_opcode, continued}) {
    EXPECT_THAT(decode_batch(encode_record(Batch{{{1, state}}, {}})),
                FailsWith(ErrorCode::kCorrupt));
  }
}

TEST(PeerRecords, TheLayoutTellsEveryField) {
  for (const char* field : {"unread:text", "deadline:maybe mono", "webhooks:mono", "sent:u8"}) {
    EXPECT_THAT(peer_layout(), HasSubstr(field));
  }
}

TEST(PeerRecords, TheChecksumDependsOnOrderAndLength) {
  EXPECT_NE(checksum_of("ab", checksum_of("c", 0)), checksum_of("c", checksum_of("ab", 0)));
  EXPECT_NE(checksum_of(std::string(1, '\0'), 0), checksum_of("", 0));
}

TEST(HandOverReports, AreReadBack) {
  HandOverReport report;
  report.is_handed_over = true;
  report.why = Error(ErrorCode::kTimeout, "cannot wait");
  report.token = FencingToken{9};
  report.connections = 3;
  report.websockets = 2;
  report.refused = 4;
  report.dropped = 5;
  report.copied = 6;
  report.told_late = 7;
  report.took = std::chrono::microseconds(9012);
  report.pause = std::chrono::microseconds(1234);
  report.wait = std::chrono::microseconds(5678);

  const Result<HandOverReport> read = parse_hand_over_report(encode(report));

  ASSERT_THAT(read, IsOk());
  EXPECT_TRUE(read->is_handed_over);
  EXPECT_EQ(read->why, report.why);
  EXPECT_EQ(read->token, report.token);
  EXPECT_EQ(read->websockets, 2U);
  EXPECT_EQ(read->wait, report.wait);
  EXPECT_EQ(read->refused, 4U);
  EXPECT_EQ(read->dropped, 5U);
  EXPECT_EQ(read->copied, 6U);
  EXPECT_EQ(read->told_late, 7U);
  EXPECT_EQ(read->took, report.took);
  EXPECT_THAT(parse_hand_over_report("{}"), FailsWith(ErrorCode::kCorrupt));
}

TEST(HandOverOrders, SayHowOftenProgressIsToldOrNothing) {
  HandOverOrder order{*TenantId::parse("mario"), {1}, {5}, {6}, std::chrono::milliseconds(10)};
  EXPECT_EQ(parse_hand_over_order(encode(order))->progress_every, std::nullopt);

  order.progress_every = std::chrono::milliseconds(200);

  EXPECT_EQ(parse_hand_over_order(encode(order))->progress_every, order.progress_every);
}

TEST(HandOverProgressTest, IsReadBackAndGrowsFromPhaseToPhase) {
  const Result<HandOverProgress> read = parse_hand_over_progress(encode({"copying", 200, 50}));
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->phase, "copying");
  EXPECT_EQ(read->connections, 200U);
  EXPECT_EQ(read->copied, 50U);
  EXPECT_THAT(parse_hand_over_progress("{}"), FailsWith(ErrorCode::kInvalidArgument));

  int before = -1;
  for (const SourceState state :
       {SourceState::kOffering, SourceState::kCopying, SourceState::kQuiescing,
        SourceState::kReleasing, SourceState::kOpening, SourceState::kCatchingUp,
        SourceState::kFrozen}) {
    const int percent = percent_of({std::string(name_of(state)), 200, 50});
    EXPECT_GT(percent, before) << name_of(state);
    before = percent;
  }
  EXPECT_LT(before, 100);
  EXPECT_EQ(percent_of({"copying", 200, 100}), 45);
  // Some have hung up since.
  EXPECT_EQ(percent_of({"copying", 10, 200}), 90);
  EXPECT_EQ(percent_of({"copying", 0, 0}), 0);
}

TEST(HandOverOrders, RefuseAWayBackThatIsFenced) {
  HandOverOrder order{*TenantId::parse("mario"), {1}, {5}, {6}, std::chrono::milliseconds(10)};
  EXPECT_THAT(parse_hand_over_order(encode(order)), IsOk());

  order.back = FencingToken{5};

  EXPECT_THAT(parse_hand_over_order(encode(order)), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(CopyTally, CountsWhatWasToldLast) {
  CopyTally source;
  CopyTally target;
  ConnectionState http;
  source.set(1, 11, full_state());
  source.set(2, 22, http);
  source.set(1, 33, full_state());
  source.drop(2);

  target.set(1, 33, full_state());
  target.set(2, 22, http);
  target.drop(2);

  EXPECT_EQ(source.connections(), 1U);
  EXPECT_EQ(source.websockets(), 1U);
  EXPECT_EQ(source.checksum(), target.checksum());
  EXPECT_FALSE(target.knows(2));
  EXPECT_FALSE(target.is_next(2));
  EXPECT_TRUE(target.is_next(3));
  EXPECT_FALSE(target.knows(0));
}

class PeerChannels : public ::testing::Test {
 protected:
  PeerChannels() {
    first_.start({[](PeerMessage, const std::string&, const std::vector<UniqueFd>&) {},
                  [this] { first_lost_ = true; }});
    second_.start(
        {[this](PeerMessage type, std::string body, const std::vector<UniqueFd>& sockets) {
           got_.push_back({type, std::move(body), sockets.size()});
         },
         [this] { second_lost_ = true; }});
  }

  struct Got {
    PeerMessage type;
    std::string body;
    std::size_t sockets;
  };
  SimReactor sim_;
  FakeChannelHub hub_{sim_};
  FakeChannelHub::Pair pair_ = hub_.make_pair();
  FdChannel* raw_ = pair_.first.get();
  PeerChannel first_{std::move(pair_.first)};
  PeerChannel second_{std::move(pair_.second)};
  std::vector<Got> got_;
  bool first_lost_ = false;
  bool second_lost_ = false;
};

TEST_F(PeerChannels, ALongMessageComesWholeWithItsSockets) {
  const std::string body(500'000, 'x');

  ASSERT_THAT(first_.send(PeerMessage::kBatch, body, {0, 1}), IsOk());
  ASSERT_THAT(first_.send(PeerMessage::kEnd, "e"), IsOk());
  sim_.settle();

  ASSERT_EQ(got_.size(), 2U);
  EXPECT_EQ(got_[0].body, body);
  EXPECT_EQ(got_[0].sockets, 2U);
  EXPECT_EQ(got_[1].body, "e");
}

TEST_F(PeerChannels, SocketsThatAreNobodysConnectionEndIt) {
  ASSERT_THAT(first_.send(PeerMessage::kEnd, "e", {0}), IsOk());
  sim_.settle();

  EXPECT_TRUE(second_lost_);
  EXPECT_TRUE(got_.empty());
}

TEST_F(PeerChannels, AnUnknownTypeEndsIt) {
  ASSERT_THAT(raw_->send(std::string("\x7f\0x", 3), {}), IsOk());
  sim_.settle();

  EXPECT_TRUE(second_lost_);
  EXPECT_TRUE(got_.empty());
}

}  // namespace
}  // namespace voicectl::handoff
