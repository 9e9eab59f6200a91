// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace voicectl::ultravox {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

UltravoxTool a_tool(std::string name) {
  UltravoxTool tool;
  tool.name = std::move(name);
  tool.description = "Places an order";
  tool.url = "https://mario-pizza.qastco.com/webhook/mario-pizza/tools/placeOrder";
  return tool;
}

Json rendered(const CallRequest& request) {
  return parse_json(render_call_request(request)).value();
}

UltravoxResult<Call> created(int status, std::string body, HttpHeaders headers = {}) {
  return read_created_call(HttpResponse{status, std::move(headers), std::move(body)});
}

TEST(CallRequestTest, RendersWhatACallNeeds) {
  CallRequest request;
  request.system_prompt = "You take orders.";
  request.voice = "Mark";
  request.language_hint = "en";
  request.greeting = "Welcome!";
  request.metadata = {{"tenant", "mario-pizza"}};
  request.max_duration = 600s;

  const Json body = rendered(request);

  EXPECT_EQ(body["systemPrompt"], "You take orders.");
  EXPECT_EQ(body["voice"], "Mark");
  EXPECT_EQ(body["languageHint"], "en");
  EXPECT_EQ(body["firstSpeakerSettings"], Json({{"agent", {{"text", "Welcome!"}}}}));
  EXPECT_EQ(body["metadata"], Json({{"tenant", "mario-pizza"}}));
  EXPECT_EQ(body["joinTimeout"], "30s");
  EXPECT_EQ(body["maxDuration"], "600s");
  EXPECT_EQ(body["medium"], Json({{"webRtc", Json::object()}}));
}

TEST(CallRequestTest, LeavesOutWhatTheServiceShallChoose) {
  const Json body = rendered(CallRequest{});

  for (const char* key : {"voice", "languageHint", "model", "callbacks"}) {
    EXPECT_FALSE(body.contains(key)) << key;
  }
}

TEST(CallRequestTest, RendersAToolWithItsParameters) {
  CallRequest request;
  UltravoxTool tool = a_tool("placeOrder");
  tool.timeout = 8s;
  tool.dynamic_parameters = {{"items", ParameterLocation::kBody,
                              JsonSchema(R"({"type":"array","items":{"type":"object"}})"), true}};
  tool.static_parameters = {{"tenant", ParameterLocation::kQuery, "mario-pizza"},
                            {"limits", ParameterLocation::kBody, R"({"items":20})"}};
  tool.automatic_parameters = {{"callId", ParameterLocation::kHeader, KnownValue::kCallId}};
  request.tools = {tool};

  const Json selected = rendered(request)["selectedTools"][0];
  const Json definition = selected["temporaryTool"];

  EXPECT_EQ(definition["modelToolName"], "placeOrder");
  EXPECT_EQ(definition["timeout"], "8s");
  EXPECT_EQ(definition["http"], Json({{"baseUrlPattern", tool.url}, {"httpMethod", "POST"}}));
  EXPECT_EQ(definition["dynamicParameters"][0],
            Json({{"name", "items"},
                  {"location", "PARAMETER_LOCATION_BODY"},
                  {"required", true},
                  {"schema", {{"type", "array"}, {"items", {{"type", "object"}}}}}}));
  EXPECT_EQ(definition["staticParameters"][0], Json({{"name", "tenant"},
                                                     {"location", "PARAMETER_LOCATION_QUERY"},
                                                     {"value", "mario-pizza"}}));
  EXPECT_EQ(definition["staticParameters"][1]["value"], Json({{"items", 20}}));
  EXPECT_EQ(definition["automaticParameters"][0], Json({{"name", "callId"},
                                                        {"location", "PARAMETER_LOCATION_HEADER"},
                                                        {"knownValue", "KNOWN_PARAM_CALL_ID"}}));
  EXPECT_FALSE(selected.contains("authTokens"));
}

TEST(CallRequestTest, GivesTheTokenOfAToolBesideTheRequirementThatItMeets) {
  CallRequest request;
  request.tools = {a_tool("placeOrder")};
  request.tools[0].token = ToolToken{"X-Tool-Token", Secret("hush")};

  const Json selected = rendered(request)["selectedTools"][0];
  const Json requirements = selected["temporaryTool"]["requirements"]["httpSecurityOptions"]
                                    ["options"][0]["requirements"];

  ASSERT_EQ(requirements.size(), 1U);
  const std::string name = requirements.begin().key();
  EXPECT_EQ(requirements[name], Json({{"headerApiKey", {{"name", "X-Tool-Token"}}}}));
  EXPECT_EQ(selected["authTokens"], Json({{name, "hush"}}));
}

TEST(CallRequestTest, RendersCallbacksWithTheirSecrets) {
  CallRequest request;
  request.callbacks.ended = Callback{"https://a.example/ended", {Secret("one"), Secret("two")}};

  EXPECT_EQ(rendered(request)["callbacks"],
            Json({{"ended", {{"url", "https://a.example/ended"}, {"secrets", {"one", "two"}}}}}));
}

TEST(CallRequestTest, AsksForBothSampleRatesOfAServerWebSocket) {
  CallRequest request;
  request.medium = CallMedium::kServerWebSocket;

  EXPECT_EQ(rendered(request)["medium"]["serverWebSocket"],
            Json({{"inputSampleRate", 48000}, {"outputSampleRate", 48000}}));
}

TEST(CallRequestTest, RefusesBeforeSendingWhatTheServiceWouldRefuse) {
  const auto refusal = [](const auto& spoil) {
    CallRequest request;
    request.tools = {a_tool("placeOrder")};
    spoil(request);
    const Status status = check_request(request);
    return status.has_error() ? status.error().message() : "accepted";
  };

  EXPECT_EQ(refusal([](CallRequest&) {}), "accepted");
  EXPECT_THAT(refusal([](CallRequest& r) { r.tools[0].name = "place order"; }),
              HasSubstr("'place order' is no tool name"));
  EXPECT_THAT(refusal([](CallRequest& r) { r.tools[0].timeout = 41s; }),
              HasSubstr("the time-out of tool 'placeOrder' is 41s"));
  EXPECT_THAT(refusal([](CallRequest& r) { r.tools.push_back(a_tool("placeOrder")); }),
              HasSubstr("two tools are named 'placeOrder'"));
  EXPECT_THAT(
      refusal([](CallRequest& r) {
        r.tools[0].dynamic_parameters = {{"x", ParameterLocation::kBody, JsonSchema("{"), true}};
      }),
      HasSubstr("the schema of 'x'"));
  EXPECT_THAT(refusal([](CallRequest& r) { r.metadata["ultravox.x"] = "1"; }),
              HasSubstr("'ultravox.x'"));
  EXPECT_THAT(refusal([](CallRequest& r) { r.max_duration = 0s; }), StartsWith("cannot "));
  EXPECT_THAT(refusal([](CallRequest& r) {
                r.first_speaker = FirstSpeaker::kUser;
                r.greeting = "Hi";
              }),
              HasSubstr("greeting"));
}

TEST(CreatedCallTest, IsACallWithWhereToJoin) {
  const auto call = created(201, R"({"callId":"a-1","joinUrl":"wss://v/calls/a-1","ended":null})");

  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(call->call_id, "a-1");
  EXPECT_EQ(call->join_url, "wss://v/calls/a-1");
}

TEST(CreatedCallTest, IsNotAnyOtherSuccess) {
  const auto call = created(200, R"({"callId":"a-1","joinUrl":"wss://v/calls/a-1"})");

  ASSERT_TRUE(call.has_error());
  EXPECT_EQ(call.error().error.code(), ErrorCode::kCorrupt);
}

TEST(CreatedCallTest, NeedsCallIdAndJoinUrl) {
  for (const char* body :
       {"", "<html>", "[]", "{}", R"({"callId":"a-1"})", R"({"callId":"a-1","joinUrl":null})",
        R"({"joinUrl":"wss://v/a"})", R"({"callId":"a/1","joinUrl":"wss://v/a"})"}) {
    const auto call = created(201, body);
    ASSERT_TRUE(call.has_error()) << body;
    EXPECT_EQ(call.error().error.code(), ErrorCode::kCorrupt) << body;
  }
}

TEST(CreatedCallTest, TellsWhyItWasRefusedAndWhatToDo) {
  const auto call = created(403, R"({"detail":"Invalid API key"})");

  ASSERT_TRUE(call.has_error());
  EXPECT_EQ(call.error().error.code(), ErrorCode::kPermissionDenied);
  EXPECT_EQ(call.error().status, 403);
  EXPECT_EQ(call.error().error.message(),
            "cannot create a call: Ultravox answered 403: Invalid API key; check the API key");
}

TEST(CreatedCallTest, MapsEachStatusToWhatACallerCanDo) {
  const auto code = [](int status) { return created(status, "").error().error.code(); };

  EXPECT_EQ(code(400), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(401), ErrorCode::kPermissionDenied);
  EXPECT_EQ(code(402), ErrorCode::kResourceExhausted);
  EXPECT_EQ(code(404), ErrorCode::kNotFound);
  EXPECT_EQ(code(422), ErrorCode::kConflict);
  EXPECT_EQ(code(429), ErrorCode::kResourceExhausted);
  EXPECT_EQ(code(500), ErrorCode::kUnavailable);
  EXPECT_EQ(code(503), ErrorCode::kUnavailable);
  EXPECT_EQ(code(302), ErrorCode::kCorrupt);
}

TEST(CreatedCallTest, CarriesHowLongToWait) {
  EXPECT_EQ(created(429, "", {{"retry-after", "7"}}).error().retry_after, 7s);
  EXPECT_EQ(created(503, "", {{"Retry-After", "0"}}).error().retry_after, 0s);
}

TEST(CreatedCallTest, WaitsNoLongerThanADayAndIgnoresNonsense) {
  EXPECT_EQ(created(429, "", {{"Retry-After", "99999999"}}).error().retry_after, 86400s);
  EXPECT_EQ(created(429, "", {{"Retry-After", "-1"}}).error().retry_after, std::nullopt);
  EXPECT_EQ(created(429, "", {{"Retry-After", "soon"}}).error().retry_after, std::nullopt);
  EXPECT_EQ(created(429, "").error().retry_after, std::nullopt);
}

TEST(MessagesTest, ReadsAPage) {
  const auto page = read_messages(
      HttpResponse{200,
                   {},
                   R"({"next":"http://x/calls/a/messages?cursor=2","previous":null,"results":[
      {"role":"MESSAGE_ROLE_AGENT","text":"Hello"},
      {"role":"MESSAGE_ROLE_TOOL_CALL","toolName":"placeOrder","invocationId":"i1","text":"{}"},
      {"role":"MESSAGE_ROLE_NEW","text":null}]})"});

  ASSERT_TRUE(page.has_value());
  ASSERT_EQ(page->messages.size(), 3U);
  EXPECT_EQ(page->messages[0].role, MessageRole::kAgent);
  EXPECT_EQ(page->messages[0].text, "Hello");
  EXPECT_EQ(page->messages[1].tool_name, "placeOrder");
  EXPECT_EQ(page->messages[2].role, MessageRole::kUnknown);
  EXPECT_EQ(page->next, "http://x/calls/a/messages?cursor=2");
}

TEST(MessagesTest, NeedResults) {
  EXPECT_EQ(read_messages(HttpResponse{200, {}, "{}"}).error().error.code(), ErrorCode::kCorrupt);
}

TEST(CallIdTest, CannotLeaveItsPlaceInAPath) {
  EXPECT_TRUE(check_call_id("3c90c3cc-0d44-4b50-8888-8dd25736052a").has_value());
  for (const char* id : {"", "..", "a/b", "a?b", "a b", "a%2fb"}) {
    EXPECT_TRUE(check_call_id(id).has_error()) << id;
  }
}

TEST(CallRequestTest, KeepsSecretsOutOfRefusals) {
  CallRequest request;
  request.tools = {a_tool("bad name")};
  request.tools[0].token = ToolToken{"X-Tool-Token", Secret("hush")};

  EXPECT_THAT(check_request(request).error().text(), Not(HasSubstr("hush")));
}

}  // namespace
}  // namespace voicectl::ultravox
