// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/ultravox/timestamp.h"
#include "tests/integration/runtime/ultravox/stand_in_fixture.h"

namespace voicectl::ultravox::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ConversationTest : public StandInTest {
 protected:
  ConversationTest() {
    start();
    register_webhook({"call.started", "call.joined", "call.ended", "call.billed"});
  }

  /// Plays a whole call and gives its id.
  std::string play(const CallRequest& request) {
    const Call call = create(request);
    join(call.call_id);
    EXPECT_TRUE(wait_for_event("call.billed"));
    return call.call_id;
  }

  std::vector<CallMessage> messages(const std::string& call_id) {
    std::optional<UltravoxResult<std::vector<CallMessage>>> got;
    client_->list_messages(call_id, [&](auto result) { got = std::move(result); });
    EXPECT_TRUE(loop_.run_until([&] { return got.has_value(); }));
    return got->has_value() ? **got : std::vector<CallMessage>();
  }

  std::string transcript(const std::string& call_id) {
    std::string out;
    for (const CallMessage& message : messages(call_id)) {
      out += message.text + "\n";
    }
    return out;
  }

  Json tool_arguments(std::size_t index, const std::string& tool) {
    const auto calls = receiver_.at("/tools/" + tool);
    EXPECT_GT(calls.size(), index);
    return calls.size() > index ? parse_json(calls[index].body).value() : Json::object();
  }
};

TEST_F(ConversationTest, OrdersTwoPizzasAndAGarlicBread) {
  const std::string call_id =
      play(a_request("placeOrder", {"customer_name", "phone", "items", "order_type"}));

  EXPECT_THAT(receiver_.story(), ElementsAre("call.started", "call.joined", "/tools/placeOrder",
                                             "call.ended", "call.billed"));
  EXPECT_EQ(tool_arguments(0, "placeOrder"),
            Json({{"customer_name", "Ann"},
                  {"phone", "555-0100"},
                  {"order_type", "Takeaway"},
                  {"items",
                   {{{"item_name", "Margherita Pizza"},
                     {"quantity", 2},
                     {"special_instructions", "Well done, please"}},
                    {{"item_name", "Garlic Bread"}, {"quantity", 1}}}}}));
  EXPECT_EQ(fetch(call_id).end_reason, EndReason::kAgentHangup);
  EXPECT_THAT(transcript(call_id), HasSubstr("Its number is O-1."));
}

TEST_F(ConversationTest, SendsTheTokenAndTheFixedParametersOfATool) {
  play(a_request("placeOrder", {"customer_name"}));

  const auto calls = receiver_.at("/tools/placeOrder");
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].method, "POST");
  EXPECT_EQ(calls[0].header("X-Tool-Token"), "tool-token");
  EXPECT_EQ(calls[0].header("X-Session"), "s-1");
  EXPECT_EQ(calls[0].header("Content-Type"), "application/json");
}

TEST_F(ConversationTest, TakesTheFirstOtherTimeForATakenAppointment) {
  const HttpResponse acknowledged{204, {}, ""};
  receiver_.answer_with(
      {acknowledged, acknowledged,
       json_response(200, R"({"success":false,"status":"partial","message":"That time is taken.",
                              "alternative_slots":["2026-11-26 11:30"]})"),
       json_response(200, R"({"success":true,"status":"booked","appointment_id":"A-7"})"),
       acknowledged});

  const std::string call_id =
      play(a_request("bookAppointment",
                     {"customer_name", "appointment_date", "appointment_time", "service_type"}));

  EXPECT_THAT(receiver_.story(),
              ElementsAre("call.started", "call.joined", "/tools/bookAppointment",
                          "/tools/bookAppointment", "call.ended", "call.billed"));
  EXPECT_EQ(tool_arguments(0, "bookAppointment")["appointment_time"], "10:00");
  EXPECT_EQ(tool_arguments(0, "bookAppointment")["service_type"], "General Consultation");
  EXPECT_EQ(tool_arguments(1, "bookAppointment")["appointment_date"], "2026-11-26");
  EXPECT_EQ(tool_arguments(1, "bookAppointment")["appointment_time"], "11:30");
  EXPECT_THAT(transcript(call_id),
              HasSubstr("That time is taken. I could offer you 2026-11-26 at 11:30."));
  EXPECT_THAT(transcript(call_id), HasSubstr("Its number is A-7."));
}

TEST_F(ConversationTest, OpensATicketForThePrinter) {
  play(a_request("createSupportTicket", {"customer_name", "issue_description", "category"}));

  EXPECT_THAT(receiver_.story(),
              ElementsAre("call.started", "call.joined", "/tools/createSupportTicket", "call.ended",
                          "call.billed"));
  EXPECT_THAT(tool_arguments(0, "createSupportTicket")["issue_description"].get<std::string>(),
              HasSubstr("printer is not working"));
}

TEST_F(ConversationTest, SignsEveryEventSoThatTheReceiverCanTell) {
  play(a_request("placeOrder", {"customer_name"}));

  const auto events = receiver_.at("/events");
  ASSERT_EQ(events.size(), 4U);
  for (const HttpRequest& event : events) {
    const std::string timestamp(event.header(kTimestampHeader).value_or(""));
    EXPECT_TRUE(parse_timestamp(timestamp).has_value()) << timestamp;
    EXPECT_EQ(event.header(kSignatureHeader),
              sign_event(Secret(std::string(kSecret)), event.body, timestamp));
  }
}

TEST_F(ConversationTest, CallsBackWithTheSecretsOfTheCall) {
  CallRequest request = a_request("placeOrder", {"customer_name"});
  request.callbacks.joined = Callback{receiver_.url("/joined"), {Secret("one"), Secret("two")}};
  request.callbacks.ended = Callback{receiver_.url("/ended"), {Secret("one")}};

  play(request);
  ASSERT_TRUE(loop_.run_until([&] { return !receiver_.at("/ended").empty(); }));

  const auto joined = receiver_.at("/joined");
  ASSERT_EQ(joined.size(), 1U);
  const std::string timestamp(joined[0].header(kTimestampHeader).value_or(""));
  EXPECT_EQ(joined[0].header(kSignatureHeader),
            sign_event(Secret("one"), joined[0].body, timestamp) + "," +
                sign_event(Secret("two"), joined[0].body, timestamp));
  EXPECT_EQ(parse_event(receiver_.at("/ended")[0].body)->call.end_reason, EndReason::kAgentHangup);
}

TEST_F(ConversationTest, ApologisesWhenAToolDoesNotAnswerInTime) {
  CallRequest request = a_request("placeOrder", {"customer_name"});
  request.tools[0].timeout = 50ms;
  receiver_.ignore("/tools/placeOrder");

  const std::string call_id = play(request);

  EXPECT_THAT(transcript(call_id), HasSubstr("I am sorry, I cannot place the order"));
  EXPECT_EQ(fetch(call_id).end_reason, EndReason::kAgentHangup);
}

TEST_F(ConversationTest, EndsWhenAToolSaysHangUp) {
  const HttpResponse acknowledged{204, {}, ""};
  HttpResponse goodbye = json_response(200, "{}");
  goodbye.headers.emplace_back("X-Ultravox-Response-Type", "hang-up");
  receiver_.answer_with({acknowledged, acknowledged, goodbye, acknowledged});

  const std::string call_id = play(a_request("placeOrder", {"customer_name"}));

  EXPECT_EQ(messages(call_id).back().role, MessageRole::kToolResult);
  EXPECT_EQ(fetch(call_id).end_reason, EndReason::kAgentHangup);
}

TEST_F(ConversationTest, OnlyTalksInACallWithoutTools) {
  const std::string call_id = play(CallRequest{});

  EXPECT_THAT(receiver_.story(),
              ElementsAre("call.started", "call.joined", "call.ended", "call.billed"));
  EXPECT_EQ(messages(call_id).front().role, MessageRole::kAgent);
}

TEST_F(ConversationTest, BeginsWithTheGreetingOfTheCall) {
  CallRequest request;
  request.greeting = "Welcome to Mario's!";

  EXPECT_EQ(messages(play(request)).front().text, "Welcome to Mario's!");
}

}  // namespace
}  // namespace voicectl::ultravox::test
