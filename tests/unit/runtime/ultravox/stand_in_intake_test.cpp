// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/random.h"
#include "runtime/ultravox/stand_in/call_intake.h"
#include "runtime/ultravox/stand_in/call_record.h"
#include "runtime/ultravox/stand_in/faults.h"
#include "runtime/ultravox/stand_in/tool_request.h"
#include "runtime/ultravox/stand_in/webhook_book.h"
#include "runtime/ultravox/wire.h"

namespace voicectl::ultravox {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

CallRequest a_request() {
  UltravoxTool tool;
  tool.name = "placeOrder";
  tool.url = "http://127.0.0.1/tools/{tenant}/placeOrder";
  tool.timeout = 8s;
  tool.dynamic_parameters = {
      {"customer_name"},
      {"items", ParameterLocation::kBody, JsonSchema(R"({"type":"array"})"), true},
      {"page", ParameterLocation::kQuery, JsonSchema(R"({"type":"integer"})"), false}};
  tool.static_parameters = {{"tenant", ParameterLocation::kPath, "mario pizza"},
                            {"X-Session", ParameterLocation::kHeader, "s-1"},
                            {"limit", ParameterLocation::kBody, "20"}};
  tool.automatic_parameters = {{"callId", ParameterLocation::kQuery, KnownValue::kCallId},
                               {"metadata", ParameterLocation::kBody, KnownValue::kCallMetadata}};
  tool.token = ToolToken{"X-Tool-Token", Secret("hush")};
  CallRequest request;
  request.system_prompt = "You take orders.";
  request.greeting = "Welcome!";
  request.metadata = {{"tenant", "mario-pizza"}};
  request.tools = {std::move(tool)};
  request.callbacks.ended = Callback{"http://127.0.0.1/ended", {Secret("one")}};
  return request;
}

CallRecord a_record(const CallRequest& request) {
  CallRecord record;
  record.call_id = "a-1";
  record.join_url = "ws://127.0.0.1:1/calls/a-1/server_web_socket";
  record.asked = std::make_shared<const Json>(parse_json(render_call_request(request)).value());
  record.request = parse_call_request(*record.asked).value();
  return record;
}

std::string refusal(std::string_view body) {
  const auto request = parse_call_request(parse_json(body).value());
  return request.has_error() ? request.error().message() : "accepted";
}

TEST(CallIntakeTest, ReadsWhatOurClientSends) {
  const CallRequest request = a_record(a_request()).request;

  EXPECT_EQ(request.system_prompt, "You take orders.");
  EXPECT_EQ(request.greeting, "Welcome!");
  EXPECT_EQ(request.metadata.at("tenant"), "mario-pizza");
  ASSERT_EQ(request.tools.size(), 1U);
  EXPECT_EQ(request.tools[0].name, "placeOrder");
  EXPECT_EQ(request.tools[0].timeout, Duration(8s));
  EXPECT_EQ(request.callbacks.ended->url, "http://127.0.0.1/ended");
  EXPECT_EQ(request.callbacks.ended->secrets, std::vector{Secret("one")});
  EXPECT_FALSE(request.callbacks.joined.has_value());
}

TEST(CallIntakeTest, AcceptsWhatOtherClientsSend) {
  EXPECT_EQ(refusal("{}"), "accepted");
  EXPECT_EQ(refusal(R"({"systemPrompt":null,"model":null,"voice":null,"selectedTools":[],
                        "maxDuration":"3600.000000s","novelty":{"a":[1]}})"),
            "accepted");
  EXPECT_EQ(refusal(R"({"firstSpeaker":"FIRST_SPEAKER_USER",
                        "medium":{"serverWebSocket":{"inputSampleRate":16000}}})"),
            "accepted");
  EXPECT_EQ(refusal(R"({"selectedTools":[{"toolName":"hangUp"},{"toolId":"x"}]})"), "accepted");
}

TEST(CallIntakeTest, RefusesWhatTheServiceWouldRefuse) {
  EXPECT_THAT(refusal("[]"), HasSubstr("JSON object"));
  EXPECT_THAT(refusal(R"({"systemPrompt":5})"), HasSubstr("'systemPrompt' must be text"));
  EXPECT_THAT(refusal(R"({"joinTimeout":"soon"})"), HasSubstr("'soon'"));
  EXPECT_THAT(refusal(R"({"metadata":{"n":1}})"), HasSubstr("'n' must be text"));
  EXPECT_THAT(refusal(R"({"medium":{"webRtc":{},"twilio":{}}})"), HasSubstr("one thing only"));
  EXPECT_THAT(refusal(R"({"medium":{"serverWebSocket":{}}})"), HasSubstr("inputSampleRate"));
  EXPECT_THAT(refusal(R"({"firstSpeakerSettings":{}})"), HasSubstr("exactly one"));
  EXPECT_THAT(refusal(R"({"callbacks":{"ended":{}}})"), HasSubstr("'ended' needs a url"));
  EXPECT_THAT(refusal(R"({"selectedTools":[{}]})"), HasSubstr("exactly one of toolId"));
  EXPECT_THAT(refusal(R"({"selectedTools":[{"temporaryTool":{"modelToolName":"a b",
                          "http":{"baseUrlPattern":"http://x","httpMethod":"GET"}}}]})"),
              HasSubstr("'a b' is no tool name"));
  EXPECT_THAT(refusal(R"({"selectedTools":[{"temporaryTool":{"modelToolName":"a",
                          "http":{"baseUrlPattern":"file:///etc/passwd"}}}]})"),
              HasSubstr("http or https"));
}

TEST(CallIntakeTest, RefusesAToolWhoseTokenIsMissing) {
  EXPECT_THAT(refusal(R"({"selectedTools":[{"temporaryTool":{"modelToolName":"a",
      "http":{"baseUrlPattern":"http://x"},"requirements":{"httpSecurityOptions":{"options":[
      {"requirements":{"k":{"headerApiKey":{"name":"X"}}}}]}}}}]})"),
              HasSubstr("authTokens"));
}

TEST(ToolRequestTest, PutsEachParameterWhereItTravels) {
  const CallRecord record = a_record(a_request());
  const Json arguments = {
      {"customer_name", "Ann"}, {"items", {{{"quantity", 2}}}}, {"page", 3}, {"invented", true}};

  const HttpCall call = make_tool_call(record.request.tools[0], arguments, record);

  EXPECT_EQ(call.method, "POST");
  EXPECT_EQ(call.url, "http://127.0.0.1/tools/mario%20pizza/placeOrder?page=3&callId=a-1");
  EXPECT_THAT(call.headers, Contains(Pair("X-Session", "s-1")));
  EXPECT_THAT(call.headers, Contains(Pair("X-Tool-Token", "hush")));
  EXPECT_EQ(call.timeout, Duration(8s));
  EXPECT_EQ(parse_json(call.body).value(), Json({{"customer_name", "Ann"},
                                                 {"items", {{{"quantity", 2}}}},
                                                 {"limit", 20},
                                                 {"metadata", {{"tenant", "mario-pizza"}}}}));
}

TEST(ToolAnswerTest, TakesItsKindFromStatusAndBody) {
  const auto kind = [](int status, std::string body) {
    return read_tool_answer(HttpResponse{status, {}, std::move(body)}).outcome.kind;
  };

  EXPECT_EQ(kind(200, R"({"order_id":"1"})"), "success");
  EXPECT_EQ(kind(200, R"({"status":"partial"})"), "partial");
  EXPECT_EQ(kind(200, R"({"success":false,"status":"partial"})"), "partial");
  EXPECT_EQ(kind(200, R"({"success":true,"status":"booked"})"), "booked");
  EXPECT_EQ(kind(200, R"({"success":false})"), "error");
  EXPECT_EQ(kind(200, R"({"success":false,"error":"refused","status":"open"})"), "error");
  EXPECT_EQ(kind(200, R"({"error":"closed"})"), "error");
  EXPECT_EQ(kind(200, R"({"status":"failed"})"), "error");
  EXPECT_EQ(kind(200, "done"), "success");
  EXPECT_EQ(kind(500, R"({"status":"success"})"), "error");
  EXPECT_EQ(read_tool_answer(Error(ErrorCode::kTimeout, "cannot wait")).outcome.kind, "error");
}

TEST(ToolAnswerTest, MayHangUpAndChangeTheState) {
  const ToolAnswer answer = read_tool_answer(HttpResponse{
      200,
      {{"x-ultravox-response-type", "hang-up"}, {"X-Ultravox-Update-Call-State", R"({"step":2})"}},
      "{}"});

  EXPECT_EQ(answer.then, AfterTool::kHangUp);
  EXPECT_EQ(answer.state_update, R"({"step":2})");
}

TEST(CallRecordTest, RendersEveryMemberThatACallAlwaysHas) {
  const Json call = parse_json(render_call(a_record(a_request()))).value();

  for (const char* key : {"callId",
                          "clientVersion",
                          "created",
                          "joined",
                          "ended",
                          "endReason",
                          "billedDuration",
                          "billedSideInputTokens",
                          "billedSideOutputTokens",
                          "billingStatus",
                          "firstSpeaker",
                          "firstSpeakerSettings",
                          "initialOutputMedium",
                          "joinUrl",
                          "shortSummary",
                          "summary",
                          "agent",
                          "agentId",
                          "experimentalSettings",
                          "metadata",
                          "initialState",
                          "requestContext",
                          "sipDetails"}) {
    EXPECT_TRUE(call.contains(key)) << key;
  }
  EXPECT_EQ(call["systemPrompt"], "You take orders.");
  EXPECT_EQ(call["firstSpeakerSettings"]["agent"]["text"], "Welcome!");
}

TEST(CallRecordTest, NeverShowsTheSecretsThatItWasGiven) {
  const std::string text = render_call(a_record(a_request()));

  EXPECT_EQ(text.find("hush"), std::string::npos);
  EXPECT_EQ(text.find(R"("one")"), std::string::npos);
}

TEST(CallRecordTest, BillsWholeSecondsOfAJoinedCallAndNothingElse) {
  CallRecord record = a_record(a_request());
  record.ended = record.created + 40s;
  record.billed = true;
  const Call unjoined = parse_call(parse_json(render_call(record)).value()).value();
  record.joined = record.created + 10s;
  record.ended = record.created + 70500ms;
  const Call joined = parse_call(parse_json(render_call(record)).value()).value();

  EXPECT_EQ(unjoined.billed_duration, Duration(0s));
  EXPECT_EQ(joined.billed_duration, Duration(61s));
}

TEST(FaultsTest, LastAsLongAsTheyWereAskedFor) {
  Faults faults;
  ASSERT_TRUE(faults.set({{"create", "429"}, {"retry_after", 2}, {"times", 1}}).has_value());

  const auto first = faults.take_for_create();
  const auto second = faults.take_for_create();

  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->answer->status, 429);
  EXPECT_EQ(find_header(first->answer->headers, "Retry-After"), "2");
  EXPECT_FALSE(second.has_value());
}

TEST(FaultsTest, MayGiveNoAnswerUntilTheyAreSwitchedOff) {
  Faults faults;
  ASSERT_TRUE(faults.set({{"create", "timeout"}}).has_value());
  EXPECT_FALSE(faults.take_for_create()->answer.has_value());
  EXPECT_FALSE(faults.take_for_create()->answer.has_value());

  ASSERT_TRUE(faults.set({{"create", "off"}}).has_value());
  EXPECT_FALSE(faults.take_for_create().has_value());
}

TEST(FaultsTest, RefuseWhatIsNoFault) {
  Faults faults;
  for (const char* body : {"{}", R"({"create":"200"})", R"({"create":"4xx"})", "[]"}) {
    EXPECT_TRUE(faults.set(parse_json(body).value()).has_error()) << body;
  }
}

TEST(WebhookBookTest, KnowsWhoWantsToHearOfAnEvent) {
  WebhookBook book;
  SeededRandom random(1);
  const auto added = book.add({{"url", "http://127.0.0.1/w"},
                               {"events", {"call.ended", "call.billed"}},
                               {"secrets", {"s"}}},
                              WallTime{}, random);

  ASSERT_TRUE(added.has_value());
  EXPECT_EQ(book.targets("call.ended").size(), 1U);
  EXPECT_TRUE(book.targets("call.joined").empty());
  EXPECT_TRUE(book.remove(added->webhook_id));
  EXPECT_TRUE(book.targets("call.ended").empty());
}

TEST(WebhookBookTest, MakesASecretWhereNoneIsGiven) {
  WebhookBook book;
  SeededRandom random(1);

  const auto added =
      book.add({{"url", "http://127.0.0.1/w"}, {"events", {"call.ended"}}}, WallTime{}, random);

  ASSERT_TRUE(added.has_value());
  ASSERT_EQ(added->target.secrets.size(), 1U);
  EXPECT_EQ(added->target.secrets[0].reveal().size(), 32U);
}

TEST(WebhookBookTest, RefusesWhatIsNoWebhook) {
  WebhookBook book;
  SeededRandom random(1);
  for (const char* body :
       {"{}", R"({"url":"http://x","events":[]})", R"({"url":"http://x","events":["call.paused"]})",
        R"({"url":"ftp://x","events":["call.ended"]})"}) {
    EXPECT_TRUE(book.add(parse_json(body).value(), WallTime{}, random).has_error()) << body;
  }
}

TEST(UuidTest, HasItsVersionAndVariant) {
  SeededRandom random(7);

  const std::string uuid = make_uuid(random);

  ASSERT_EQ(uuid.size(), 36U);
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos);
  EXPECT_TRUE(check_call_id(uuid).has_value());
}

}  // namespace
}  // namespace voicectl::ultravox
