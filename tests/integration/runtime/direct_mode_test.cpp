// SPDX-License-Identifier: Apache-2.0
// Tools that the voice service calls at ERPNext itself.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const HttpHeaders kStaff = {{"X-API-Key", "acme-staff"}};

class DirectModeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write_credentials("own-key:own-secret\nwebhook hook\ndirect tool-key:tool-canary\n");
    world_.backend = dump_json(Json{{"kind", "erpnext"},
                                    {"mode", "direct"},
                                    {"url", "https://erp.invalid"},
                                    {"company", "Acme"},
                                    {"credentials_file", folder_.path("credentials")}});
    acme_ = std::move(*world_.open("acme"));
    world_.ultravox.call_members =
        R"("ended":"2026-11-23T09:10:00Z","metadata":{"tools":"direct"})";
    const Json arguments = {{"customer_name", "Ann"},
                            {"order_type", "Takeaway"},
                            {"items", {{{"item_name", "Margherita"}, {"quantity", 2}}}}};
    const Json answer = {{"message", {{"order_id", "SO-7"}, {"total_amount", 19.98}}}};
    world_.ultravox.messages =
        dump_json(Json::array({{{"role", "MESSAGE_ROLE_USER"}, {"text", "Two, please."}},
                               {{"role", "MESSAGE_ROLE_TOOL_CALL"},
                                {"toolName", "placeOrder"},
                                {"invocationId", "i1"},
                                {"text", dump_json(arguments)}},
                               {{"role", "MESSAGE_ROLE_TOOL_RESULT"},
                                {"toolName", "placeOrder"},
                                {"invocationId", "i1"},
                                {"text", dump_json(answer)}}}));
  }
  void TearDown() override { world_.close(acme_); }

  void write_credentials(const std::string& text) {
    ASSERT_THAT(files_.replace_atomically(folder_.path("credentials"), text, kPrivateFile), IsOk());
  }
  std::size_t count_of(const WebSocketClient& client, const std::string& type) {
    return static_cast<std::size_t>(
        std::count_if(client.texts().begin(), client.texts().end(),
                      [&](const std::string& text) { return member(text, "type") == type; }));
  }

  RuntimeFixture world_;
  TempDir folder_;
  PosixFileSystem files_;
  RuntimeFixture::Served acme_;
};

TEST_F(DirectModeTest, GivesTheVoiceServiceTheSitesMethodsAndAKeyForThem) {
  ASSERT_EQ(world_.create_session(acme_).status, 201);

  ASSERT_THAT(world_.ultravox.calls, SizeIs(1));
  const Json call = *parse_json(world_.ultravox.calls[0]);
  const Json& tool = call.at("selectedTools").at(0);
  EXPECT_EQ(tool.at("temporaryTool").at("http").at("baseUrlPattern"),
            "https://erp.invalid/api/method/business_workflows.api.restaurant_logic.place_order");
  EXPECT_EQ(tool.at("authTokens").at("voicectl"), "tool-key:tool-canary");
  EXPECT_EQ(call.at("metadata").at("tools"), "direct");
  EXPECT_THAT(world_.ultravox.calls[0], Not(HasSubstr("own-secret")));
}

TEST_F(DirectModeTest, LearnsWhatTheToolsDidWhenTheCallHasEnded) {
  WebSocketClient staff(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff");
  const std::string session = member(world_.create_session(acme_).body, "session_id");

  ASSERT_EQ(world_.post_event(acme_, "call.ended", "call-1", session).status, 204);

  ASSERT_TRUE(world_.run_until([&] { return count_of(staff, "order.created") == 1; }));
  const HttpResponse shown = world_.send(acme_, "GET", "/api/sessions/" + session, "", kStaff);
  EXPECT_EQ(member(shown.body, "business_outcome"), "order.created");
  EXPECT_EQ(member(shown.body, "reference_document"), "SO-7");
  EXPECT_THAT(member(shown.body, "transcript"), HasSubstr("Two, please."));
  EXPECT_THAT(world_.send(acme_, "GET", "/api/records", "", kStaff).body, HasSubstr("SO-7"));
  EXPECT_THAT(world_.send(acme_, "GET", "/api/analytics", "", kStaff).body, HasSubstr("order"));
}

TEST_F(DirectModeTest, CountsWhatTheToolsDidOnceHoweverOftenTheCallIsRead) {
  WebSocketClient staff(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff");
  const std::string session = member(world_.create_session(acme_).body, "session_id");
  ASSERT_EQ(world_.send(acme_, "DELETE", "/api/sessions/" + session, "", kStaff).status, 200);
  ASSERT_EQ(world_.post_event(acme_, "call.ended", "call-1", session).status, 204);
  ASSERT_EQ(world_.post_event(acme_, "call.ended", "call-1", session).status, 204);

  ASSERT_TRUE(world_.run_until([&] { return count_of(staff, "order.created") >= 1; }));
  // What is owed to the site itself waits for ever: it is not there.
  EXPECT_TRUE(world_.run_until([&] { return !acme_.host->outbox().waits_for("ultravox."); }));
  EXPECT_EQ(count_of(staff, "order.created"), 1U);
}

TEST_F(DirectModeTest, RefusesASessionWhoseToolsCouldNotAuthorise) {
  write_credentials("own-key:own-secret\ndirect nonsense\n");

  const HttpResponse refused = world_.create_session(acme_);

  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("backend_unavailable"));
  EXPECT_THAT(refused.body, Not(HasSubstr("credentials")));
  EXPECT_THAT(world_.ultravox.calls, IsEmpty());
  EXPECT_EQ(acme_.host->load().sessions, 0U);
  write_credentials("own-key:own-secret\n");
  EXPECT_EQ(world_.create_session(acme_).status, 201);
  EXPECT_THAT(world_.ultravox.calls.at(0), HasSubstr("own-secret"));
}

}  // namespace
}  // namespace voicectl::runtime
