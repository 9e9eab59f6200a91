// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/integration/runtime/ultravox/stand_in_fixture.h"

namespace voicectl::ultravox::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class CallTest : public StandInTest {
 protected:
  /// A call whose events go to the receiver and whose script takes long.
  Call a_slow_call() {
    options_.calls.pace = Pace::kNatural;
    start();
    register_webhook({"call.joined", "call.ended", "call.billed"});
    return create(CallRequest{});
  }

  UltravoxResult<void> end(const std::string& call_id) {
    std::optional<UltravoxResult<void>> ended;
    client_->end_call(call_id, [&](UltravoxResult<void> result) { ended = result; });
    EXPECT_TRUE(loop_.run_until([&] { return ended.has_value(); }));
    return *ended;
  }
};

TEST_F(CallTest, TellsACustomerOnTheWebSocketWhatIsSaid) {
  start();
  const Call call = create(a_request("placeOrder", {"customer_name"}));

  Customer customer(loop_, port_, *call.join_url);

  EXPECT_TRUE(customer.hears("transcript", "Goodbye!"));
  EXPECT_TRUE(customer.is_closed());
  const Json first = Json::parse(customer.heard().front());
  EXPECT_EQ(first, Json({{"type", "call_started"}, {"callId", call.call_id}}));
  std::vector<std::string> states;
  std::size_t last_ordinal = 0;
  for (const std::string& text : customer.heard()) {
    const Json message = Json::parse(text);
    if (message["type"] == "state") {
      states.push_back(message["state"]);
    }
    if (message["type"] == "transcript") {
      EXPECT_TRUE(message["final"].get<bool>());
      EXPECT_GE(message["ordinal"].get<std::size_t>(), last_ordinal);
      last_ordinal = message["ordinal"];
    }
  }
  EXPECT_THAT(states, ElementsAre("listening", "speaking", "listening", "speaking", "listening",
                                  "thinking", "speaking", "listening", "speaking"));
}

TEST_F(CallTest, EndsWhenTheCustomerClosesTheWebSocket) {
  const Call call = a_slow_call();
  Customer customer(loop_, port_, *call.join_url);
  ASSERT_TRUE(wait_for_event("call.joined"));

  customer.close();

  ASSERT_TRUE(wait_for_event("call.billed"));
  EXPECT_EQ(fetch(call.call_id).end_reason, EndReason::kHangup);
}

TEST_F(CallTest, EndsWithAnErrorWhenTheConnectionBreaks) {
  const Call call = a_slow_call();
  {
    Customer customer(loop_, port_, *call.join_url);
    ASSERT_TRUE(wait_for_event("call.joined"));
  }

  ASSERT_TRUE(wait_for_event("call.ended"));
  EXPECT_EQ(fetch(call.call_id).end_reason, EndReason::kConnectionError);
}

TEST_F(CallTest, TakesTextAndPingsOfTheCustomer) {
  const Call call = a_slow_call();
  Customer customer(loop_, port_, *call.join_url);

  customer.send(R"({"type":"ping","timestamp":7})");
  customer.send(R"({"type":"input_text_message","text":"Are you there?"})");
  customer.send("no JSON at all");
  customer.send(R"({"type":"hang_up"})");

  EXPECT_TRUE(customer.hears("pong", "7"));
  EXPECT_TRUE(customer.hears("transcript", "Are you there?"));
  EXPECT_TRUE(customer.is_closed());
  EXPECT_EQ(fetch(call.call_id).end_reason, EndReason::kHangup);
}

TEST_F(CallTest, LetsNobodyJoinTwice) {
  const Call call = a_slow_call();
  const Customer customer(loop_, port_, *call.join_url);
  ASSERT_TRUE(wait_for_event("call.joined"));

  EXPECT_EQ(ask("POST", "/dev/calls/" + call.call_id + "/join").status, 422);
  EXPECT_EQ(ask("GET", "/calls/" + call.call_id + "/server_web_socket").status, 404);
}

TEST_F(CallTest, HangsUpOverTheApi) {
  const Call call = a_slow_call();
  join(call.call_id);

  const auto ended = end(call.call_id);

  EXPECT_TRUE(ended.has_value());
  ASSERT_TRUE(wait_for_event("call.ended"));
  EXPECT_EQ(fetch(call.call_id).end_reason, EndReason::kHangup);
}

TEST_F(CallTest, TakesHangingUpTwiceAsDone) {
  const Call call = a_slow_call();
  join(call.call_id);
  ASSERT_TRUE(end(call.call_id).has_value());

  EXPECT_TRUE(end(call.call_id).has_value());
}

TEST_F(CallTest, EndsUnjoinedWhenNobodyComes) {
  start();
  register_webhook({"call.ended", "call.billed"});
  CallRequest request;
  request.join_timeout = 30ms;

  const Call call = create(request);

  ASSERT_TRUE(wait_for_event("call.billed"));
  const Call ended = fetch(call.call_id);
  EXPECT_EQ(ended.end_reason, EndReason::kUnjoined);
  EXPECT_FALSE(ended.joined.has_value());
  EXPECT_EQ(ended.billed_duration, Duration(0s));
}

TEST_F(CallTest, EndsAtItsLongestDuration) {
  options_.calls.pace = Pace::kNatural;
  start();
  register_webhook({"call.ended"});
  CallRequest request;
  request.max_duration = 30ms;

  const Call call = create(request);
  join(call.call_id);

  ASSERT_TRUE(wait_for_event("call.ended"));
  EXPECT_EQ(fetch(call.call_id).end_reason, EndReason::kTimeout);
}

TEST_F(CallTest, PlaysByItselfIfItWasToldTo) {
  options_.calls.auto_join = 10ms;
  start();
  register_webhook({"call.ended"});

  const Call call = create(CallRequest{});

  ASSERT_TRUE(wait_for_event("call.ended"));
  EXPECT_EQ(fetch(call.call_id).end_reason, EndReason::kAgentHangup);
}

TEST_F(CallTest, CanBeDeletedOnceItHasEnded) {
  const Call call = a_slow_call();
  join(call.call_id);
  const std::string path = "/api/calls/" + call.call_id;

  const HttpResponse refused = ask("DELETE", path);
  ASSERT_TRUE(end(call.call_id).has_value());
  const HttpResponse deleted = ask("DELETE", path);

  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.body, HasSubstr("it is going on"));
  EXPECT_EQ(deleted.status, 204);
  EXPECT_EQ(ask("GET", path).status, 404);
}

TEST_F(CallTest, IsListedNewestFirstInPages) {
  start();
  const std::string first = create(CallRequest{}).call_id;
  const std::string second = create(CallRequest{}).call_id;

  const Json page = Json::parse(ask("GET", "/api/calls?pageSize=1").body);
  const std::string next = page["next"];
  const Json rest = Json::parse(ask("GET", next.substr(base_.size())).body);

  EXPECT_EQ(page["total"], 2);
  EXPECT_EQ(page["results"][0]["callId"], second);
  EXPECT_EQ(rest["results"][0]["callId"], first);
  EXPECT_TRUE(rest["next"].is_null());
  EXPECT_THAT(rest["previous"].get<std::string>(), StartsWith(base_));
}

TEST_F(CallTest, RetriesAnEventUntilItIsAcknowledged) {
  start();
  register_webhook({"call.started"});
  receiver_.answer_with(
      {HttpResponse{503, {}, ""}, HttpResponse{500, {}, ""}, HttpResponse{204, {}, ""}});

  create(CallRequest{});
  ASSERT_TRUE(loop_.run_until([&] { return receiver_.requests.size() == 3; }));
  loop_.run_until([] { return false; }, 100ms);

  EXPECT_EQ(receiver_.requests.size(), 3U);
  for (const HttpRequest& event : receiver_.requests) {
    EXPECT_EQ(event.header(kSignatureHeader),
              sign_event(Secret(std::string(kSecret)), event.body,
                         event.header(kTimestampHeader).value_or("")));
  }
}

TEST_F(CallTest, GivesAnEventUpAfterTenRetries) {
  options_.calls.retry_first = 1us;
  start();
  register_webhook({"call.started"});
  receiver_.answer_with({HttpResponse{503, {}, ""}});

  create(CallRequest{});
  ASSERT_TRUE(loop_.run_until([&] { return receiver_.requests.size() == 11; }));
  loop_.run_until([] { return false; }, 100ms);

  EXPECT_EQ(receiver_.requests.size(), 11U);
}

TEST_F(CallTest, ShowsAndRemovesWebhooks) {
  start();
  register_webhook({"call.ended"});

  const Json page = Json::parse(ask("GET", "/api/webhooks").body);
  const std::string path = "/api/webhooks/" + page["results"][0]["webhookId"].get<std::string>();

  EXPECT_EQ(Json::parse(ask("GET", path).body)["events"], Json({"call.ended"}));
  EXPECT_EQ(ask("DELETE", path).status, 204);
  EXPECT_EQ(ask("GET", path).status, 404);
}

}  // namespace
}  // namespace voicectl::ultravox::test
