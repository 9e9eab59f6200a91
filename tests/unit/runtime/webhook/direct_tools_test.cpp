// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/direct_tools.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "runtime/ultravox/wire.h"

namespace voicectl::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ultravox::CallMessage;
using ultravox::MessageRole;

constexpr WallTime kNow{std::chrono::milliseconds(1'767'600'000'000)};
constexpr const char* kArguments = R"({"customer_name":"Ann","order_type":"Takeaway",)"
                                   R"("items":[{"item_name":"Margherita","quantity":2}]})";
constexpr const char* kPlaced =
    R"({"message":{"status":"success","order_id":"DOC-1","total_amount":19.98,"estimated_time":25}})";

Session a_session(std::string type = "restaurant") {
  Session session(*SessionId::parse("acme_0123456789abcdef"), *TenantId::parse("acme"));
  session.business_type = std::move(type);
  session.status = SessionStatus::kCompleted;
  session.ultravox_call_id = "call-1";
  return session;
}

ultravox::Call a_call(std::string tools = "direct") {
  ultravox::Call call;
  call.call_id = "call-1";
  call.metadata = {{"tools", std::move(tools)}};
  return call;
}

ErpnextSettings a_site() {
  ErpnextSettings site;
  site.url = "https://erp.example.com";
  site.site = "acme.erp.example.com";
  site.company = "Acme \"Inc\"";
  return site;
}

CallMessage asked(std::string invocation, std::string text, std::string tool = "placeOrder") {
  return {MessageRole::kToolCall, std::move(text), std::move(tool), std::move(invocation)};
}

CallMessage answered(std::string invocation, std::string text, std::string tool = "placeOrder") {
  return {MessageRole::kToolResult, std::move(text), std::move(tool), std::move(invocation)};
}

Change note(const std::vector<CallMessage>& messages, const Session& session = a_session()) {
  return note_direct_outcomes(session, a_call(), messages, SiteClocks{}, kNow);
}

std::vector<EventType> types_of(const Change& change) {
  std::vector<EventType> types;
  for (const NewEvent& event : change.events) {
    types.push_back(event.type);
  }
  return types;
}

TEST(DirectToolsTest, PointAtTheSitesMethodsWithCompanySiteAndSession) {
  const auto tools = make_direct_tools(BusinessType::kRestaurant, a_site(), a_session().session,
                                       Secret("key:canary"));

  ASSERT_THAT(tools, SizeIs(1));
  EXPECT_EQ(
      tools[0].url,
      "https://erp.example.com/api/method/business_workflows.api.restaurant_logic.place_order");
  ultravox::CallRequest request;
  request.tools = tools;
  ASSERT_TRUE(ultravox::check_request(request).has_value());
  const Json body = *parse_json(ultravox::render_call_request(request));
  const Json& selected = body.at("selectedTools").at(0);
  const Json& definition = selected.at("temporaryTool");
  EXPECT_EQ(definition.at("requirements"), Json::parse(R"({"httpSecurityOptions":{"options":[
                {"requirements":{"voicectl":{"httpAuth":{"scheme":"token"}}}}]}})"));
  EXPECT_EQ(selected.at("authTokens").at("voicectl"), "key:canary");
  EXPECT_EQ(definition.at("http").at("httpMethod"), "POST");
  const std::string fixed = definition.at("staticParameters").dump();
  EXPECT_THAT(fixed, HasSubstr(R"("name":"company","value":"Acme \"Inc\"")"));
  EXPECT_THAT(fixed, HasSubstr(R"("name":"X-Frappe-Site-Name","value":"acme.erp.example.com")"));
  EXPECT_THAT(fixed, HasSubstr(R"("value":"acme_0123456789abcdef")"));
}

TEST(DirectToolsTest, TheCredentialStandsInTheTokensAlone) {
  ultravox::CallRequest request;
  request.tools = make_direct_tools(BusinessType::kSupport, a_site(), a_session().session,
                                    Secret("key:canary"));

  Json body = *parse_json(ultravox::render_call_request(request));
  for (Json& tool : body.at("selectedTools")) {
    tool.erase("authTokens");
  }

  EXPECT_THAT(body.dump(), Not(HasSubstr("canary")));
}

TEST(DirectToolsTest, NoteAnOrderAsIfItHadBeenServed) {
  const Change change = note({asked("i1", kArguments), answered("i1", kPlaced)});

  EXPECT_THAT(types_of(change), ElementsAre(EventType::kToolCalled, EventType::kOrderCreated));
  ASSERT_THAT(change.records, SizeIs(1));
  EXPECT_EQ(change.records[0].external_id, "DOC-1");
  EXPECT_THAT(change.records[0].data, HasSubstr(R"("total_amount":"19.98")"));
  EXPECT_EQ(change.session->business_outcome, "order.created");
  EXPECT_EQ(change.session->reference_document, "DOC-1");
  EXPECT_EQ(change.session->tool_calls, 1U);
}

TEST(DirectToolsTest, NoteEachCallOnce) {
  const ultravox::Call call = a_call();
  ASSERT_TRUE(lacks_direct_outcomes(a_session(), call));

  const Change change = note({asked("i1", kArguments), answered("i1", kPlaced)});

  EXPECT_FALSE(lacks_direct_outcomes(*change.session, call));
}

TEST(DirectToolsTest, LeaveCallsAloneWhoseToolsWereServedHere) {
  EXPECT_FALSE(lacks_direct_outcomes(a_session(), a_call("")));
  ultravox::Call call = a_call();
  call.metadata.clear();
  EXPECT_FALSE(lacks_direct_outcomes(a_session(), call));
}

TEST(DirectToolsTest, TakeAnExceptionForTheSitesNo) {
  const Json message = {{"message", "Item <b>Moon</b> is not on the menu"}};
  const Json refusal = {{"exc_type", "ValidationError"},
                        {"_server_messages", Json::array({message.dump()}).dump()}};

  const Change change = note({asked("i1", kArguments), answered("i1", refusal.dump())});

  EXPECT_THAT(types_of(change), ElementsAre(EventType::kToolCalled));
  EXPECT_THAT(change.events[0].data, HasSubstr("Item Moon is not on the menu"));
  EXPECT_THAT(change.records, IsEmpty());
  EXPECT_EQ(change.session->business_outcome, "");
}

TEST(DirectToolsTest, SurviveWhateverTheMessagesSay) {
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("[]"), std::string("{}"),
        std::string("<html>"), std::string(R"({"message":null})"), std::string(R"({"message":7})"),
        std::string(R"({"message":{"order_id":{}}})"), std::string(R"({"errors":[]})"),
        std::string(R"({"exc_type":7})"), std::string(100'000, '[')}) {
    const Change change = note({asked("i1", text), answered("i1", text)});

    EXPECT_THAT(types_of(change), ElementsAre(EventType::kToolCalled)) << text.substr(0, 40);
    EXPECT_THAT(change.records, IsEmpty());
  }
}

TEST(DirectToolsTest, LeaveOutWhatWasNotAnsweredOrIsNoToolOfTheBusiness) {
  const Change change =
      note({asked("i1", kArguments), answered("i0", kPlaced), asked("i2", "{}", "hangUp"),
            answered("i2", "{}", "hangUp"), asked("i3", "{}", "bookAppointment"),
            answered("i3", kPlaced, "bookAppointment")});

  EXPECT_THAT(change.events, IsEmpty());
  EXPECT_EQ(change.session->tool_calls, 0U);
}

TEST(DirectToolsTest, TakeTheFirstAnswerOfACall) {
  const Change change = note({asked("i1", kArguments), answered("i1", kPlaced),
                              asked("i1", kArguments), answered("i1", kPlaced)});

  EXPECT_THAT(change.records, SizeIs(1));
}

TEST(DirectToolsTest, NoteABoundedNumberOfCalls) {
  std::vector<CallMessage> messages;
  for (int i = 0; i < 5000; ++i) {
    messages.push_back(asked(std::to_string(i), kArguments));
    messages.push_back(answered(std::to_string(i), kPlaced));
  }

  EXPECT_LE(note(messages).session->tool_calls, 200U);
}

}  // namespace
}  // namespace voicectl::runtime
