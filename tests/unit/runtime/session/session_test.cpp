// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/session.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "runtime/session/event_hub.h"
#include "runtime/session/session_event.h"
#include "runtime/session/session_table.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Session a_session(const std::string& random_part = "0123456789abcdef") {
  const TenantId tenant = *TenantId::parse("acme");
  Session session(make_session_id(tenant, random_part), tenant);
  session.status = SessionStatus::kReady;
  session.created_at = WallTime(std::chrono::milliseconds(1'767'600'000'000));
  return session;
}

SessionEvent an_event(std::uint64_t seq, std::uint64_t tenant_seq) {
  return {
      a_session().session, seq, tenant_seq, "call.joined", WallTime(std::chrono::milliseconds(0)),
      R"({"a":1})"};
}

TEST(SessionTest, SurvivesTheStoreWhole) {
  Session session = a_session();
  session.customer_name = "Ann \"quoted\" \n";
  session.start_time = session.created_at + std::chrono::seconds(5);
  session.duration = std::chrono::seconds(42);
  session.last_tool_call = ToolCallRecord{"placeOrder", R"({"x":1})", "{}", session.created_at};
  session.deliveries = {"call-1/call.joined"};
  session.last_seq = 17;

  const Result<Session> read = session_of_stored_text(to_stored_text(session));

  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(to_stored_text(*read), to_stored_text(session));
}

TEST(SessionTest, IsReadBackHoweverLongItHasBecome) {
  const TenantId tenant = *TenantId::parse("acme");
  Session session(make_session_id(tenant, "0123456789abcdef"), tenant);
  session.transcript = std::string(std::size_t{8} << 20, 'x');
  session.extracted_data = R"({"notes":")" + std::string(std::size_t{2} << 20, 'y') + R"("})";

  const Result<Session> read = session_of_stored_text(to_stored_text(session));

  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(to_stored_text(*read), to_stored_text(session));
}

TEST(SessionTest, IsReadFromAnOlderOrNewerVersion) {
  const Result<Session> read = session_of_stored_text(
      R"({"session":"acme_0123456789abcdef","tenant":"acme","status":"active","new":[1]})");

  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->status, SessionStatus::kActive);
}

TEST(SessionTest, IsRefusedWhenItIsNotOne) {
  for (const char* text : {"", "[]", "{}", R"({"session":"x","tenant":"acme","status":"active"})",
                           R"({"session":"acme_0123456789abcdef","tenant":"acme","status":"?"})"}) {
    EXPECT_THAT(session_of_stored_text(text), FailsWith(ErrorCode::kCorrupt)) << text;
  }
}

TEST(SessionTest, ShowsNoSecretsToThePublic) {
  Session session = a_session();
  session.token_sha256 = "the-hash";
  session.request_key = "the-key";

  const std::string shown = dump_json(to_public_json(session));

  EXPECT_THAT(shown, Not(HasSubstr("the-hash")));
  EXPECT_THAT(shown, Not(HasSubstr("the-key")));
  EXPECT_THAT(shown, HasSubstr(R"("namespace":"business:acme")"));
}

TEST(SessionTest, BelongsToItsTenantOnly) {
  EXPECT_TRUE(belongs_to(a_session().session, *TenantId::parse("acme")));
  EXPECT_FALSE(belongs_to(a_session().session, *TenantId::parse("acm")));
  EXPECT_FALSE(belongs_to(a_session().session, *TenantId::parse("acme-2")));
}

TEST(SessionEventTest, HasOneNumberForEachChannel) {
  EXPECT_EQ(render_for_session(an_event(3, 99)),
            R"({"seq":3,"type":"call.joined","session_id":"acme_0123456789abcdef",)"
            R"("at":"1970-01-01T00:00:00.000Z","data":{"a":1}})");
  EXPECT_THAT(render_for_staff(an_event(3, 99)), HasSubstr(R"({"seq":99,"session_seq":3,)"));
}

TEST(EventHubTest, PassesEventsToThoseWhoListen) {
  EventHub hub;
  std::vector<std::uint64_t> session_saw;
  std::vector<std::uint64_t> tenant_saw;
  auto session = hub.listen_to_session(
      a_session().session, [&](std::uint64_t seq, const std::string&, const SessionEvent&) {
        session_saw.push_back(seq);
      });
  auto tenant = hub.listen_to_tenant([&](std::uint64_t seq, const std::string&,
                                         const SessionEvent&) { tenant_saw.push_back(seq); });

  hub.publish(an_event(1, 10));
  session.reset();
  hub.publish(an_event(2, 11));

  EXPECT_THAT(session_saw, ElementsAre(1));
  EXPECT_THAT(tenant_saw, ElementsAre(10, 11));
}

TEST(EventHubTest, LetsAListenerLeaveWhileItListens) {
  EventHub hub;
  int calls = 0;
  EventHub::Subscription own;
  own = hub.listen_to_session(a_session().session,
                              [&](std::uint64_t, const std::string&, const SessionEvent&) {
                                ++calls;
                                own.reset();
                              });

  hub.publish(an_event(1, 1));
  hub.publish(an_event(2, 2));

  EXPECT_EQ(calls, 1);
}

TEST(SessionTableTest, CountsWhatLives) {
  SessionTable table;
  Session session = a_session();
  table.put(session);
  table.put(session);
  EXPECT_EQ(table.live(), 1U);

  session.status = SessionStatus::kCompleted;
  table.put(session);

  EXPECT_EQ(table.live(), 0U);
  EXPECT_NE(table.find(session.session), nullptr);
}

TEST(SessionTableTest, KnowsWhatItHoldsHoweverSessionsComeAndGo) {
  SessionTable table;
  EXPECT_EQ(table.bytes(), 0U);
  table.put(a_session());
  const std::size_t one = table.bytes();
  EXPECT_GT(one, sizeof(Session));

  Session longer = a_session();
  longer.transcript = std::string(10'000, 'x');
  longer.deliveries = {"call-1/" + std::string(100, 'y')};
  table.put(longer);
  EXPECT_GT(table.bytes(), one + 10'100);
  table.put(a_session());
  EXPECT_EQ(table.bytes(), one);

  for (std::size_t i = 0; i < 2 * SessionTable::kEndedKept; ++i) {
    Session session = a_session("0123456789ab" + std::to_string(10000 + i));
    session.status = SessionStatus::kCompleted;
    table.put(session);
    EXPECT_LE(table.bytes(), (SessionTable::kEndedKept + 1) * (one + 100));
  }
  longer.status = SessionStatus::kCompleted;
  const std::size_t before = table.bytes();
  table.put(longer);
  table.forget(longer.session);
  EXPECT_LT(table.bytes(), before);
  table.clear();
  EXPECT_EQ(table.bytes(), 0U);
}

TEST(SessionTableTest, FindsByCallAndByRequest) {
  SessionTable table;
  Session session = a_session();
  session.ultravox_call_id = "call-1";
  session.request_key = "POST /x 1";
  table.put(session);

  EXPECT_NE(table.find_by_call("call-1"), nullptr);
  EXPECT_NE(table.find_by_request("POST /x 1"), nullptr);
  EXPECT_EQ(table.find_by_call("call-2"), nullptr);
}

TEST(SessionTableTest, KeepsOnlyTheLastEndedSessions) {
  SessionTable table;
  for (std::size_t i = 0; i <= SessionTable::kEndedKept; ++i) {
    Session session = a_session("0123456789ab" + std::to_string(10000 + i));
    session.status = SessionStatus::kCompleted;
    table.put(session);
  }

  EXPECT_EQ(table.all().size(), SessionTable::kEndedKept);
  EXPECT_EQ(table.find(a_session("0123456789ab10000").session), nullptr);
}

}  // namespace
}  // namespace voicectl::runtime
