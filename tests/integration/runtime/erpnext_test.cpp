// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "runtime/backend/erpnext/stand_in/erpnext_stand_in.h"
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

/// The stand-in over real HTTP; it can leave requests without an answer.
class ErpnextServer {
 public:
  explicit ErpnextServer(AsioReactor& reactor)
      : server_(reactor,
                {[this](HttpRequest request, std::shared_ptr<Responder> responder) {
                   HttpResponse response = site.answer(request);
                   if (is_mute) {
                     unanswered_.emplace_back(responder, std::move(response));
                   } else {
                     responder->send(std::move(response));
                   }
                 },
                 {},
                 {}}) {
    FreePort port = bind_free_port();
    url = fmt::format("http://127.0.0.1:{}", port.number);
    server_.serve(std::move(port.listener));
  }

  /// Sends the answers that were held back.
  void speak() {
    is_mute = false;
    for (auto& [responder, response] : unanswered_) {
      responder->send(std::move(response));
    }
    unanswered_.clear();
  }

  ErpnextStandIn site{ErpnextStandIn::usual_site()};
  std::string url;
  bool is_mute = false;

 private:
  std::vector<std::pair<std::shared_ptr<Responder>, HttpResponse>> unanswered_;
  HttpServer server_;
};

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

  std::size_t count_of(const WebSocketClient& client, const std::string& type) {
    return static_cast<std::size_t>(
        std::count_if(client.texts().begin(), client.texts().end(),
                      [&](const std::string& text) { return member(text, "type") == type; }));
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
}

}  // namespace
}  // namespace voicectl::runtime
