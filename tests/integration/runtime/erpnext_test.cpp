// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "tests/integration/runtime/erpnext_server.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* kOrder = R"({"customer_name":"Ann","order_type":"Takeaway",)"
                               R"("items":[{"item_name":"Margherita","quantity":2}]})";
constexpr const char* kOrders = "Voice Restaurant Order";
constexpr const char* kReady =
    R"({"name":"DOC-00001","status":"Ready","modified":"2026-12-01 09:00:00.000009"})";
const HttpHeaders kStaff = {{"X-API-Key", "acme-staff"}};

class ErpnextTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const TempDir& folder = folder_;
    ASSERT_THAT(files_.replace_atomically(folder.path("credentials"),
                                          "key:secret\nwebhook new-secret\nwebhook old-secret\n",
                                          kPrivateFile),
                IsOk());
    world_.backend = dump_json(Json{{"kind", "erpnext"},
                                    {"url", erpnext_.url},
                                    {"company", "Acme"},
                                    {"credentials_file", folder.path("credentials")},
                                    {"answer_within_ms", 300}});
    open();
    session_ = member(world_.create_session(acme_).body, "session_id");
  }

  void TearDown() override {
    if (acme_.host) {
      world_.close(acme_);
    }
  }

  void open(FencingToken token = {1}) {
    Result<RuntimeFixture::Served> served = world_.open("acme", token);
    ASSERT_THAT(served, IsOk());
    acme_ = std::move(*served);
  }

  HttpResponse post_update(const std::string& body, const std::string& secret) {
    return world_.send(acme_, "POST", "/webhook/acme/order-update", body,
                       {{"X-Frappe-Webhook-Signature", hmac_sha256_base64(secret, body)}});
  }

  std::vector<OutboxEntry> dead_entries() {
    std::optional<std::vector<OutboxEntry>> dead;
    acme_.host->store().list_outbox({OutboxEntry::State::kDead, 0, 10},
                                    [&dead](const Result<std::vector<OutboxEntry>>& listed) {
                                      dead =
                                          listed.has_value() ? *listed : std::vector<OutboxEntry>();
                                    });
    EXPECT_TRUE(world_.run_until([&dead] { return dead.has_value(); }));
    return dead.value_or(std::vector<OutboxEntry>());
  }

  std::size_t count_of(const WebSocketClient& client, const std::string& type) {
    return static_cast<std::size_t>(
        std::count_if(client.texts().begin(), client.texts().end(),
                      [&](const std::string& text) { return member(text, "type") == type; }));
  }

  static std::vector<std::string> types_of(const WebSocketClient& client) {
    std::vector<std::string> types;
    for (const std::string& text : client.texts()) {
      types.push_back(member(text, "type"));
    }
    return types;
  }

  RuntimeFixture world_;
  TempDir folder_;
  PosixFileSystem files_;
  ErpnextServer erpnext_{world_.reactor()};
  RuntimeFixture::Served acme_;
  std::string session_;
};

TEST_F(ErpnextTest, PlacesAnOrderWhileTheCallerWaits) {
  const HttpResponse answer = world_.run_tool(acme_, session_, kOrder, "r1");

  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(member(answer.body, "order_id"), "DOC-00001");
  ASSERT_THAT(erpnext_.site.documents(kOrders), SizeIs(1));
  EXPECT_EQ(erpnext_.site.documents(kOrders)[0].at("company"), "Acme");
}

TEST_F(ErpnextTest, GivesARepeatedRequestItsFirstAnswerAlsoAfterAKill) {
  const HttpResponse first = world_.run_tool(acme_, session_, kOrder, "r1");
  RuntimeFixture::kill(acme_);
  open({2});

  const HttpResponse again = world_.run_tool(acme_, session_, kOrder, "r1");

  EXPECT_EQ(again.body, first.body);
  EXPECT_THAT(erpnext_.site.documents(kOrders), SizeIs(1));
}

TEST_F(ErpnextTest, PromisesInTimeAndTellsTheResultWhenItComes) {
  WebSocketClient staff(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff");
  erpnext_.is_mute = true;

  const HttpResponse answer = world_.run_tool(acme_, session_, kOrder, "r1");
  EXPECT_EQ(member(answer.body, "status"), "pending");
  erpnext_.speak();

  EXPECT_TRUE(world_.run_until([&] { return count_of(staff, "order.created") == 1; }));
  EXPECT_EQ(count_of(staff, "tool.pending"), 1U);
  EXPECT_THAT(erpnext_.site.documents(kOrders), SizeIs(1));
}

TEST_F(ErpnextTest, FinishesAfterAKillWhatWasUnderWay) {
  erpnext_.is_mute = true;
  ASSERT_EQ(member(world_.run_tool(acme_, session_, kOrder, "r1").body, "status"), "pending");
  RuntimeFixture::kill(acme_);
  erpnext_.is_mute = false;

  open({2});
  WebSocketClient staff(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff&after=0");

  EXPECT_TRUE(world_.run_until([&] { return count_of(staff, "order.created") == 1; }));
  EXPECT_THAT(erpnext_.site.documents(kOrders), SizeIs(1));
}

TEST_F(ErpnextTest, KeepsTheSessionsRecordInErpnext) {
  ASSERT_EQ(world_.post_event(acme_, "call.joined", "call-1", session_).status, 204);
  ASSERT_EQ(world_.post_event(acme_, "call.ended", "call-1", session_).status, 204);

  EXPECT_TRUE(world_.run_until([this] {
    const auto& documents = erpnext_.site.documents("Voice Session");
    return documents.size() == 1 && documents[0].contains("transcript");
  }));
  const Json& document = erpnext_.site.documents("Voice Session")[0];
  EXPECT_EQ(document.at("session_id"), session_);
  EXPECT_EQ(document.at("status"), "completed");
  EXPECT_EQ(document.at("company"), "Acme");
}

TEST_F(ErpnextTest, ASiteWithoutAFieldOfTheSessionIsNamedAndNotAskedForEver) {
  ErpnextStandIn::Options lacking = ErpnextStandIn::usual_site();
  lacking.doctypes["Voice Session"].erase("summary");
  erpnext_.site = ErpnextStandIn(lacking);
  ASSERT_EQ(world_.post_event(acme_, "call.joined", "call-1", session_).status, 204);
  ASSERT_EQ(world_.post_event(acme_, "call.ended", "call-1", session_).status, 204);

  std::vector<OutboxEntry> dead;
  EXPECT_TRUE(world_.run_until([&] { return !(dead = dead_entries()).empty(); }));

  ASSERT_THAT(dead, SizeIs(1));
  EXPECT_EQ(dead[0].session, session_);
  EXPECT_THAT(dead[0].last_error, HasSubstr("cannot keep 'summary' of a session"));
  EXPECT_THAT(dead[0].last_error, HasSubstr("no such field"));
  // An administrator adds it, and an operator retries.
  erpnext_.site = ErpnextStandIn(ErpnextStandIn::usual_site());
  acme_.host->outbox().retry(dead[0].id, [](const Result<OutboxEntry>&) {});
  EXPECT_TRUE(world_.run_until([this] {
    const auto& documents = erpnext_.site.documents("Voice Session");
    return !documents.empty() && documents[0].contains("summary");
  }));
}

TEST_F(ErpnextTest, PassesErpnextsNewsOnToCustomerAndStaffOnce) {
  ASSERT_EQ(world_.run_tool(acme_, session_, kOrder, "r1").status, 200);
  WebSocketClient staff(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff");
  const std::string body =
      R"({"name":"DOC-00001","status":"Ready","modified":"2026-12-01 09:00:00.000009"})";

  for (const char* secret : {"new-secret", "old-secret", "new-secret"}) {
    EXPECT_EQ(post_update(body, secret).status, 204);
  }
  EXPECT_EQ(post_update(body, "forged").status, 401);

  EXPECT_TRUE(world_.run_until([&] { return count_of(staff, "order.updated") >= 1; }));
  EXPECT_EQ(count_of(staff, "order.updated"), 1U);
}

TEST_F(ErpnextTest, TakesTheSameNewsOnceWhenTheyComeFiftyTimesTogether) {
  ASSERT_EQ(world_.run_tool(acme_, session_, kOrder, "r1").status, 200);
  WebSocketClient staff(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff");
  const std::string body =
      R"({"name":"DOC-00001","status":"Ready","modified":"2026-12-01 09:00:00.000009"})";
  HttpClient client(world_.reactor());
  int acknowledged = 0;

  for (int i = 0; i < 50; ++i) {
    HttpCall call;
    call.method = "POST";
    call.url = fmt::format("http://127.0.0.1:{}/webhook/acme/order-update", acme_.port);
    call.headers = {{"X-Frappe-Webhook-Signature", hmac_sha256_base64("new-secret", body)}};
    call.body = body;
    client.send(std::move(call), [&acknowledged](const Result<HttpResponse>& response) {
      acknowledged += response.has_value() && response->status == 204 ? 1 : 0;
    });
  }

  EXPECT_TRUE(world_.run_until([&] { return acknowledged == 50; }));
  EXPECT_TRUE(world_.run_until([&] { return count_of(staff, "order.updated") >= 1; }));
  EXPECT_EQ(count_of(staff, "order.updated"), 1U);
}

TEST_F(ErpnextTest, KeepsNewsOfAnOrderThatItDoesNotKnow) {
  EXPECT_EQ(post_update(R"({"name":"SO-1","status":"Ready"})", "new-secret").status, 204);

  // Nothing is under way that could bring it: it is somebody else's order.
  EXPECT_EQ(acme_.host->outbox().pending(), 0U);
}

TEST_F(ErpnextTest, NewsThatComeBeforeTheOrdersOwnAnswerAreAppliedBehindIt) {
  WebSocketClient staff(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff");
  erpnext_.is_mute = true;
  ASSERT_EQ(member(world_.run_tool(acme_, session_, kOrder, "r1").body, "status"), "pending");
  ASSERT_EQ(post_update(kReady, "new-secret").status, 204);
  ASSERT_EQ(post_update(kReady, "new-secret").status, 204);
  ASSERT_EQ(count_of(staff, "order.updated"), 0U);

  erpnext_.speak();

  EXPECT_TRUE(world_.run_until([&] { return count_of(staff, "order.updated") >= 1; }));
  EXPECT_TRUE(world_.run_until([&] { return acme_.host->outbox().pending() == 0; }));
  EXPECT_EQ(count_of(staff, "order.updated"), 1U);
  const std::vector<std::string> types = types_of(staff);
  EXPECT_LT(std::find(types.begin(), types.end(), "order.created"),
            std::find(types.begin(), types.end(), "order.updated"));
}

TEST_F(ErpnextTest, NewsThatCameTooEarlySurviveAKill) {
  erpnext_.is_mute = true;
  ASSERT_EQ(member(world_.run_tool(acme_, session_, kOrder, "r1").body, "status"), "pending");
  ASSERT_EQ(post_update(kReady, "new-secret").status, 204);
  RuntimeFixture::kill(acme_);
  erpnext_.is_mute = false;

  open({2});
  WebSocketClient staff(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff&after=0");

  EXPECT_TRUE(world_.run_until([&] { return count_of(staff, "order.updated") == 1; }));
}

TEST_F(ErpnextTest, OlderNewsThatWaitedDoNotUndoNewerOnes) {
  WebSocketClient staff(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff");
  erpnext_.is_mute = true;
  ASSERT_EQ(member(world_.run_tool(acme_, session_, kOrder, "r1").body, "status"), "pending");
  const std::string newer =
      R"({"name":"DOC-00001","status":"Served","modified":"2026-12-01 09:00:00.000010"})";
  ASSERT_EQ(post_update(newer, "new-secret").status, 204);
  ASSERT_EQ(post_update(kReady, "new-secret").status, 204);

  erpnext_.speak();

  EXPECT_TRUE(world_.run_until([&] { return acme_.host->outbox().pending() == 0; }));
  EXPECT_TRUE(world_.run_until([&] { return count_of(staff, "order.updated") >= 1; }));
  const HttpResponse records = world_.send(acme_, "GET", "/api/records", "", kStaff);
  EXPECT_THAT(records.body, HasSubstr("Served"));
}

TEST_F(ErpnextTest, TellsTheAgentOnThePhoneWhatCameOfAPromise) {
  erpnext_.is_mute = true;
  ASSERT_EQ(member(world_.run_tool(acme_, session_, kOrder, "r1").body, "status"), "pending");

  erpnext_.speak();

  EXPECT_TRUE(world_.run_until([&] { return world_.ultravox.told.size() == 1; }));
  EXPECT_THAT(member(world_.ultravox.told[0], "text"),
              ::testing::AllOf(::testing::StartsWith("<instruction-"),
                               HasSubstr("Your order is placed"), HasSubstr("DOC-00001")));
  EXPECT_EQ(acme_.host->effects().promises, 1U);
}

TEST_F(ErpnextTest, SaysNothingInACallThatIsOver) {
  erpnext_.is_mute = true;
  ASSERT_EQ(member(world_.run_tool(acme_, session_, kOrder, "r1").body, "status"), "pending");
  ASSERT_EQ(world_.post_event(acme_, "call.ended", "call-1", session_).status, 204);

  erpnext_.speak();

  EXPECT_TRUE(world_.run_until([&] { return acme_.host->outbox().pending() == 0; }));
  EXPECT_THAT(world_.ultravox.told, ::testing::IsEmpty());
}

TEST_F(ErpnextTest, ABackendInANetworkThatIsNotAllowedIsNeverAsked) {
  world_.close(acme_);
  world_.backend_networks = {"10.0.0.0/8"};
  open({2});

  const HttpResponse answer = world_.run_tool(acme_, session_, kOrder, "r1");

  EXPECT_EQ(member(answer.body, "status"), "pending");
  EXPECT_THAT(erpnext_.site.requests, ::testing::IsEmpty());
}

}  // namespace
}  // namespace voicectl::runtime
