// SPDX-License-Identifier: Apache-2.0
// Floods: webhooks with wrong signatures, events that come many times, WebSockets and pings.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "runtime/ultravox/events.h"
#include "runtime/webhook/tools.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;

class FloodTest : public ::testing::Test {
 protected:
  void TearDown() override {
    if (acme_.host) {
      world_.close(acme_);
    }
  }
  void open(const std::string& limits = R"({"concurrent_sessions":20})") {
    world_.limits = limits;
    acme_ = std::move(*world_.open("acme"));
    session_ = member(world_.create_session(acme_).body, "session_id");
  }
  static auto count(const std::vector<HttpResponse>& answers, int status) {
    return std::count_if(answers.begin(), answers.end(),
                         [&](const HttpResponse& answer) { return answer.status == status; });
  }
  HttpResponse forge(const std::string& source) {
    return world_.send(
        acme_, "POST", "/webhook/acme/ultravox", R"({"event":"call.ended"})",
        {{std::string(ultravox::kTimestampHeader), format_wall_time(world_.clock.now())},
         {std::string(ultravox::kSignatureHeader), std::string(64, '0')},
         {"X-Forwarded-For", source}});
  }
  std::size_t count_of(const WebSocketClient& client, const std::string& type) {
    return static_cast<std::size_t>(
        std::count_if(client.texts().begin(), client.texts().end(),
                      [&](const std::string& text) { return member(text, "type") == type; }));
  }

  RuntimeFixture world_;
  RuntimeFixture::Served acme_;
  std::string session_;
};

TEST_F(FloodTest, ForgedWebhooksAreTurnedAwayBeforeTheyAreComputed) {
  open();
  std::vector<HttpResponse> answers;
  for (int i = 0; i < 40; ++i) {
    answers.push_back(forge("203.0.113.7"));
  }

  // The budget comes back by one in half a second.
  EXPECT_GE(count(answers, 401), 20);
  EXPECT_LE(count(answers, 401), 30);
  EXPECT_EQ(count(answers, 401) + count(answers, 429), 40);
  EXPECT_TRUE(find_header(answers.back().headers, "Retry-After").has_value());
  EXPECT_THAT(answers.back().body, HasSubstr("wrong signatures"));
  EXPECT_GE(acme_.host->load().counters->refusals.at({"webhook", "forgery"}), 10U);
}

TEST_F(FloodTest, ForgedWebhooksTakeNothingFromThoseThatAreRight) {
  open(R"({"concurrent_sessions":20,"webhooks":5})");
  ASSERT_EQ(world_.post_event(acme_, "call.started", "call-1", session_).status, 204);
  for (int i = 0; i < 300; ++i) {
    forge("198.51.100." + std::to_string(i));
  }

  // It comes beside the edge, as the first one did, and proved itself with that.
  EXPECT_EQ(world_.post_event(acme_, "call.joined", "call-1", session_).status, 204);
  EXPECT_EQ(world_
                .run_tool(acme_, session_,
                          R"({"customer_name":"Ann","order_type":"Takeaway",)"
                          R"("items":[{"item_name":"margherita pizza","quantity":1}]})")
                .status,
            200);
}

TEST_F(FloodTest, ForgedToolTokensAreTurnedAwayToo) {
  open();
  std::vector<HttpResponse> answers;
  for (int i = 0; i < 30; ++i) {
    answers.push_back(world_.send(acme_, "POST", "/webhook/acme/tools/placeOrder", "{}",
                                  {{std::string(kSessionHeader), session_},
                                   {std::string(kToolTokenHeader), std::string(64, '0')},
                                   {"X-Forwarded-For", "203.0.113.9"}}));
  }

  EXPECT_GE(count(answers, 401), 20);
  EXPECT_GE(count(answers, 429), 1);
  EXPECT_THAT(answers.back().body, HasSubstr(R"("success":false)"));
}

TEST_F(FloodTest, TheSameEventFiftyTimesTogetherHasOneEffect) {
  open(R"({"concurrent_sessions":20,"webhooks":1000,"requests_in_flight":1000})");
  WebSocketClient staff(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff");
  const std::string body = R"({"event":"call.ended","call":{"callId":"call-1",)"
                           R"("endReason":"hangup","metadata":{"session_id":")" +
                           session_ + R"("}}})";
  const std::string timestamp = format_wall_time(world_.clock.now());

  const std::vector<HttpResponse> answers = world_.send_at_once(
      acme_, 50, "POST", "/webhook/acme/ultravox", body,
      {{std::string(ultravox::kTimestampHeader), timestamp},
       {std::string(ultravox::kSignatureHeader),
        ultravox::sign_event(RuntimeFixture::webhook_secret("acme"), body, timestamp)}});

  EXPECT_EQ(count(answers, 204), 50);
  EXPECT_TRUE(world_.run_until([&] { return count_of(staff, "session.completed") >= 1; }));
  // A replay within the window, and one after the same process began anew.
  EXPECT_EQ(world_.post_event(acme_, "call.ended", "call-1", session_).status, 204);
  EXPECT_EQ(count_of(staff, "session.completed"), 1U);
  EXPECT_EQ(count_of(staff, "call.ended"), 1U);
}

TEST_F(FloodTest, AReplayOutsideTheWindowIsRefused) {
  open();
  const std::string body = R"({"event":"call.ended","call":{"callId":"call-1"}})";
  const std::string timestamp = format_wall_time(world_.clock.now() - std::chrono::seconds(61));

  EXPECT_EQ(
      world_
          .send(acme_, "POST", "/webhook/acme/ultravox", body,
                {{std::string(ultravox::kTimestampHeader), timestamp},
                 {std::string(ultravox::kSignatureHeader),
                  ultravox::sign_event(RuntimeFixture::webhook_secret("acme"), body, timestamp)}})
          .status,
      401);
}

TEST_F(FloodTest, OnlySoManyWebSocketsFollowOneSession) {
  open();
  std::vector<std::unique_ptr<WebSocketClient>> clients;
  const auto follow = [&](const std::string& path) {
    clients.push_back(std::make_unique<WebSocketClient>(world_.reactor(), acme_.port, path));
    EXPECT_TRUE(world_.run_until([&] { return !clients.back()->status_line().empty(); }));
    return clients.back()->status_line();
  };
  const std::string path = "/ws/sessions/" + session_ + "?token=acme-staff";
  for (int i = 0; i < 10; ++i) {
    ASSERT_THAT(follow(path), HasSubstr("101"));
  }

  EXPECT_THAT(follow(path), HasSubstr("429"));
  EXPECT_THAT(follow("/ws/staff?token=acme-staff"), HasSubstr("101"));
  clients.front().reset();
  EXPECT_TRUE(world_.run_until([&] { return acme_.host->load().websockets == 10; }));
  EXPECT_THAT(follow(path), HasSubstr("101"));
  EXPECT_GE(acme_.host->load().counters->refusals.at({"api", "websockets"}), 1U);
}

TEST_F(FloodTest, OnlySoManyWebSocketsFollowATenant) {
  open(R"({"concurrent_sessions":20,"websockets":3})");
  std::vector<std::unique_ptr<WebSocketClient>> clients;
  std::vector<std::string> lines;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<WebSocketClient>(world_.reactor(), acme_.port,
                                                        "/ws/staff?token=acme-staff"));
    ASSERT_TRUE(world_.run_until([&] { return !clients.back()->status_line().empty(); }));
    lines.push_back(clients.back()->status_line());
  }

  EXPECT_THAT(lines[2], HasSubstr("101"));
  EXPECT_THAT(lines[3], HasSubstr("429"));
}

TEST_F(FloodTest, ASocketThatSendsTooManyFramesIsClosedWithAReason) {
  open();
  struct Flood {
    std::string opening;
    std::string frame;
    std::string reason;
  };
  const std::string fragment("\x01\x80\0\0\0\0", 6);
  const std::string more("\x00\x80\0\0\0\0", 6);
  for (const auto& [opening, frame, reason] :
       {Flood{"", std::string("\x89\x80\0\0\0\0", 6), "too many pings or empty frames"},
        Flood{"", std::string("\x8a\x80\0\0\0\0", 6), "too many pings or empty frames"},
        Flood{fragment, more, "too many pings or empty frames"},
        Flood{"", std::string("\x81\x81\0\0\0\0x", 7), "too many messages"}}) {
    WebSocketClient client(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff");
    ASSERT_TRUE(world_.run_until([&] { return !client.status_line().empty(); }));
    std::string flood = opening;
    for (int i = 0; i < 90; ++i) {
      flood += frame;
    }

    client.send(flood);

    ASSERT_TRUE(world_.run_until([&] { return client.close_code() != 0; })) << reason;
    EXPECT_EQ(client.close_code(), 1008);
    EXPECT_EQ(client.close_reason(), reason);
  }
}

}  // namespace
}  // namespace voicectl::runtime
