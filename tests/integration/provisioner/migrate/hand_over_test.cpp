// SPDX-License-Identifier: Apache-2.0
// Two real processes and a tenant that goes from one to the other with its connections open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "runtime/net/websocket_codec.h"
#include "runtime/session/tenant_database.h"
#include "tests/integration/provisioner/migrate/two_instances.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string ping(std::string_view payload) {
  std::string frame;
  append_masked_frame(frame, Opcode::kPing, payload, 0x01020304);
  return frame;
}

std::string pong(std::string_view payload) {
  std::string frame;
  append_frame(frame, Opcode::kPong, payload);
  return frame;
}

class HandOver : public ::testing::Test {
 protected:
  std::unique_ptr<BytePeer> peer() {
    return std::make_unique<BytePeer>(pair.world.reactor(), pair.port);
  }
  std::unique_ptr<BytePeer> follower(const std::string& path = "/ws/staff") {
    auto made = peer();
    made->upgrade("acme-staff", path);
    EXPECT_TRUE(pair.run_until([&] { return made->has_head(); }));
    EXPECT_THAT(made->received(), HasSubstr("101"));
    made->forget_head();
    return made;
  }
  void expect_moved(const MoveOutcome& outcome) {
    ASSERT_EQ(outcome.verdict, Verdict::kMoved) << outcome.why.text();
  }
  /// The tenant's answer, and who gave it.
  std::string health() { return pair.world.send(pair.port, "GET", "/health").body; }
  HttpResponse create_session() {
    return pair.world.send(pair.port, "POST", "/api/sessions", R"({"customer_name":"Ann"})",
                           {{"X-API-Key", "acme-widget"}});
  }

  TwoInstances pair;
};

TEST_F(HandOver, AnIdleTenantChangesItsInstance) {
  EXPECT_THAT(health(), HasSubstr(R"("instance":"one")"));

  const MoveOutcome outcome = pair.move();

  expect_moved(outcome);
  EXPECT_THAT(health(), HasSubstr(R"("instance":"two")"));
  EXPECT_THAT(pair.metrics(TwoInstances::one()), Not(HasSubstr("tenant=\"acme\"")));
}

TEST_F(HandOver, ARequestStoppedAtAnyByteIsAnswered) {
  const std::string request = "GET /health HTTP/1.1\r\nHost: a\r\nX-Padding: xyz\r\n\r\n";
  for (std::size_t cut = 0; cut <= request.size(); ++cut) {
    const auto one = peer();
    one->send(request.substr(0, cut));
    // An answer on another connection: what was sent before has been read by then, or waits in the
    // kernel, which is one more place to stop at.
    (void)health();

    expect_moved(pair.move());
    one->send(request.substr(cut));

    ASSERT_TRUE(pair.run_until([&] { return one->received().ends_with("}"); })) << cut;
    EXPECT_THAT(one->received(), HasSubstr("HTTP/1.1 200")) << cut;
    EXPECT_FALSE(one->has_ended()) << cut;
  }
}

TEST_F(HandOver, AFrameStoppedAtAnyByteIsUnderstood) {
  std::string frames;
  append_masked_frame(frames, Opcode::kText, "fr\xc3", 1, FrameEnd::kContinues);
  frames += ping("between");
  append_masked_frame(frames, Opcode::kContinuation, "\xa4gment", 3);
  const std::size_t begun = frames.size();
  frames += ping(std::string(120, 'y'));
  const std::string expected = pong("between") + pong(std::string(120, 'y'));
  for (std::size_t cut = 0; cut <= frames.size(); cut += cut < begun ? 1 : 7) {
    const auto one = follower();
    one->send(frames.substr(0, cut));
    (void)health();

    expect_moved(pair.move());
    one->send(frames.substr(cut));

    ASSERT_TRUE(pair.run_until([&] {
      return one->received().size() >= expected.size() || one->has_ended();
    })) << cut;
    EXPECT_EQ(one->received(), expected) << cut;
    EXPECT_FALSE(one->has_ended()) << cut;
  }
}

TEST_F(HandOver, EventsGoOnWithoutAGapOrARepetition) {
  const auto staff = follower();
  std::vector<std::string> sessions;
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(create_session().status, 201) << round;
    expect_moved(pair.move());
  }

  ASSERT_TRUE(pair.run_until([&] {
    return staff->received().find("{\"seq\":6,") != std::string::npos;
  })) << staff->received();
  std::size_t at = 0;
  for (int seq = 1; seq <= 6; ++seq) {
    const std::string number = "\"seq\":" + std::to_string(seq) + ",";
    const std::size_t found = staff->received().find(number);
    ASSERT_NE(found, std::string::npos) << number << " in " << staff->received();
    EXPECT_GE(found, at);
    EXPECT_EQ(staff->received().find(number, found + 1), std::string::npos) << number;
    at = found;
  }
}

TEST_F(HandOver, WhatAPeerHasNotReadYetIsSentByTheOther) {
  EXPECT_EQ(create_session().status, 201);
  const auto lazy = follower("/ws/staff?after=0");
  ASSERT_TRUE(pair.run_until([&] { return !lazy->received().empty(); }));

  expect_moved(pair.move());
  lazy->send(ping("still there"));

  EXPECT_TRUE(pair.run_until([&] { return lazy->received().ends_with(pong("still there")); }));
}

TEST_F(HandOver, ARevokedKeyStillClosesWhatItOpened) {
  const auto staff = follower();
  expect_moved(pair.move());

  pair.world.write_keys("acme", nlohmann::json::array());
  expect_moved(pair.move());

  // A close frame with 1008.
  ASSERT_TRUE(pair.run_until([&] { return !staff->received().empty(); }));
  EXPECT_THAT(staff->received(), HasSubstr("\x03\xf0"));
  EXPECT_THAT(staff->received(), HasSubstr("revoked"));
}

TEST_F(HandOver, NumbersOfOperatorsDoNotFall) {
  EXPECT_EQ(create_session().status, 201);
  const std::string line =
      R"(voicectl_requests_total{tenant="acme",route="/api/sessions",status="201"} 1)";
  ASSERT_THAT(pair.metrics(TwoInstances::one()), HasSubstr(line));

  expect_moved(pair.move());

  EXPECT_THAT(pair.metrics(TwoInstances::two()), HasSubstr(line));
}

TEST_F(HandOver, ARequestUnderWayIsAnsweredFirstAndOthersWait) {
  pair.world.ultravox.is_mute = false;
  const auto waiting = peer();
  waiting->send("GET /health HTTP/1.1\r\nHost: a\r\n");
  std::optional<MoveOutcome> outcome;
  pair.begin_move(outcome);

  const HttpResponse created = create_session();
  ASSERT_TRUE(pair.run_until([&] { return outcome.has_value(); }));
  waiting->send("\r\n");

  EXPECT_EQ(created.status, 201);
  expect_moved(*outcome);
  EXPECT_TRUE(pair.run_until([&] { return waiting->received().ends_with("}"); }));
}

TEST_F(HandOver, ACallerIsRecognisedWhoOrderedTheMomentBefore) {
  constexpr const char* kCaller = R"({"customer_phone":"+43 660 1234567","customer_name":"Jane"})";
  const auto create = [this] {
    return pair.world.send(pair.port, "POST", "/api/sessions", kCaller,
                           {{"X-API-Key", "acme-widget"}});
  };
  const std::string session = runtime::member(create().body, "session_id");
  const HttpResponse ordered = pair.world.run_tool(
      pair.port, "acme", session,
      R"({"customer_name":"Jane","order_type":"Takeaway","items":[{"item_name":"margherita pizza","quantity":1}]})",
      "");
  const std::string order = runtime::member(ordered.body, "order_id");
  ASSERT_FALSE(order.empty()) << ordered.body;

  expect_moved(pair.move());

  ASSERT_EQ(create().status, 201);
  EXPECT_THAT(pair.world.ultravox.calls.back(), HasSubstr("has called before"));
  EXPECT_THAT(pair.world.ultravox.calls.back(), HasSubstr(order));
}

TEST_F(HandOver, ATenantWhoseStoreTakesNoWritesStays) {
  const auto staff = follower();
  {
    // Somebody with a younger token has been there.
    const Result<runtime::TenantDatabase> newer = runtime::TenantDatabase::open(
        pair.world.data_folder("acme") + "/tenant.db", FencingToken{pair.last_token + 1000});
    ASSERT_THAT(newer, IsOk());
  }
  ASSERT_EQ(create_session().status, 503);

  const MoveOutcome outcome = pair.move();

  EXPECT_EQ(outcome.verdict, Verdict::kKept);
  EXPECT_EQ(outcome.remedy, Remedy::kLeave);
  EXPECT_THAT(outcome.why.text(), HasSubstr("takes no writes"));
  staff->send(ping("x"));
  EXPECT_TRUE(pair.run_until([&] { return staff->received() == pong("x"); }));
}

TEST_F(HandOver, ATenantWhoseConfigurationTheOtherCannotReadStays) {
  const auto staff = follower();
  const std::string path = pair.world.config_path("acme");
  PosixFileSystem files;
  const std::string good = files.read(path, 1U << 20)->value();
  ASSERT_THAT(files.replace_atomically(path, "{", kPrivateFile), IsOk());

  const MoveOutcome outcome = pair.move();

  EXPECT_EQ(outcome.verdict, Verdict::kKept);
  EXPECT_EQ(outcome.remedy, Remedy::kLeave);
  EXPECT_EQ(outcome.why.code(), ErrorCode::kInvalidArgument) << outcome.why.text();
  EXPECT_THAT(health(), HasSubstr(R"("instance":"one")"));
  staff->send(ping("x"));
  EXPECT_TRUE(pair.run_until([&] { return staff->received() == pong("x"); }));
  ASSERT_THAT(files.replace_atomically(path, good, kPrivateFile), IsOk());
  expect_moved(pair.move());
  EXPECT_EQ(create_session().status, 201);
}

TEST_F(HandOver, ASourceThatDiesLeavesTheTenantToBeLent) {
  pair.signal(TwoInstances::one(), SIGSTOP);
  std::optional<MoveOutcome> outcome;
  pair.begin_move(outcome);
  pair.signal(TwoInstances::one(), SIGKILL);

  ASSERT_TRUE(pair.run_until([&] { return outcome.has_value(); }));

  EXPECT_EQ(outcome->verdict, Verdict::kUndecided);
  EXPECT_EQ(outcome->remedy, Remedy::kLend);
  EXPECT_THAT(pair.lend(TwoInstances::two()), IsOk());
  EXPECT_THAT(health(), HasSubstr(R"("instance":"two")"));
}

TEST_F(HandOver, ATargetThatDiesCostsNothing) {
  const auto staff = follower();
  pair.signal(TwoInstances::two(), SIGSTOP);
  std::optional<MoveOutcome> outcome;
  pair.begin_move(outcome);
  pair.signal(TwoInstances::two(), SIGKILL);

  ASSERT_TRUE(pair.run_until([&] { return outcome.has_value(); }));

  EXPECT_EQ(outcome->verdict, Verdict::kKept);
  EXPECT_THAT(health(), HasSubstr(R"("instance":"one")"));
  staff->send(ping("x"));
  EXPECT_TRUE(pair.run_until([&] { return staff->received() == pong("x"); }));
  EXPECT_EQ(create_session().status, 201);
}

TEST_F(HandOver, AHundredTimesThereAndBackLeavesNothingBehind) {
  std::vector<std::unique_ptr<BytePeer>> followers;
  for (int i = 0; i < 10; ++i) {
    followers.push_back(follower());
  }
  expect_moved(pair.move());
  expect_moved(pair.move());
  const auto in_use = [&] {
    return pair.descriptors_of(TwoInstances::one()) + pair.descriptors_of(TwoInstances::two());
  };
  const std::size_t before = in_use();

  for (int i = 0; i < 100; ++i) {
    expect_moved(pair.move());
  }

  // The first two may still have held something that was ending.
  EXPECT_TRUE(pair.run_until([&] { return in_use() <= before; })) << in_use() << " " << before;
  for (const auto& one : followers) {
    one->send(ping("x"));
    EXPECT_TRUE(pair.run_until([&] { return one->received() == pong("x"); }));
  }
}

}  // namespace
}  // namespace voicectl
