// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/events.h"

#include <gtest/gtest.h>

#include <string>

namespace voicectl::ultravox {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kCallId = "3c90c3cc-0d44-4b50-8888-8dd25736052a";

TEST(EventsTest, ReadsTheEndOfACall) {
  const auto event = parse_event(
      R"({"event":"call.ended","call":{"callId":"3c90c3cc-0d44-4b50-8888-8dd25736052a",
      "created":"2025-01-02T03:04:05Z","joined":"2025-01-02T03:04:06Z",
      "ended":"2025-01-02T03:05:05.5Z","endReason":"agent_hangup","billedDuration":"60s",
      "shortSummary":"Two pizzas","metadata":{"tenant":"mario-pizza"}}})");

  ASSERT_TRUE(event.has_value()) << event.error().text();
  EXPECT_EQ(event->kind, EventKind::kCallEnded);
  EXPECT_EQ(event->call.call_id, kCallId);
  EXPECT_EQ(event->call.end_reason, EndReason::kAgentHangup);
  EXPECT_EQ(format_wall_time(*event->call.ended), "2025-01-02T03:05:05.500Z");
  EXPECT_EQ(event->call.billed_duration, Duration(60s));
  EXPECT_EQ(event->call.short_summary, "Two pizzas");
  EXPECT_EQ(event->call.metadata.at("tenant"), "mario-pizza");
}

TEST(EventsTest, AcceptsNullsAndStrangersInACall) {
  const auto event = parse_event(
      R"({"event":"call.started","id":7,"call":{"callId":"a-1","joined":null,"endReason":null,
      "billedDuration":null,"metadata":null,"ended":"soon","shortSummary":5,"novelty":[1]}})");

  ASSERT_TRUE(event.has_value()) << event.error().text();
  EXPECT_EQ(event->kind, EventKind::kCallStarted);
  EXPECT_FALSE(event->call.joined.has_value());
  EXPECT_FALSE(event->call.ended.has_value());
  EXPECT_FALSE(event->call.end_reason.has_value());
  EXPECT_EQ(event->call.short_summary, "");
}

TEST(EventsTest, KeepsTheNameOfAKindThatItDoesNotKnow) {
  const auto event = parse_event(R"({"event":"call.paused","call":{"callId":"a-1"}})");

  ASSERT_TRUE(event.has_value()) << event.error().text();
  EXPECT_EQ(event->kind, EventKind::kUnknown);
  EXPECT_EQ(event->name, "call.paused");
}

TEST(EventsTest, KeepsAnEndReasonThatItDoesNotKnow) {
  const auto event =
      parse_event(R"({"event":"call.ended","call":{"callId":"a-1","endReason":"eclipse"}})");

  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->call.end_reason, EndReason::kUnknown);
}

TEST(EventsTest, RefusesWhatIsNoEvent) {
  for (const char* body :
       {"", "[]", "7", "{}", R"({"event":"call.ended"})", R"({"event":"call.ended","call":[]})",
        R"({"event":"call.ended","call":{}})", R"({"call":{"callId":"a-1"}})",
        R"({"event":5,"call":{"callId":"a-1"}})",
        R"({"event":"call.ended","call":{"callId":"../calls"}})"}) {
    const auto event = parse_event(body);
    ASSERT_TRUE(event.has_error()) << body;
    EXPECT_EQ(event.error().code(), ErrorCode::kInvalidArgument) << body;
  }
}

TEST(EventsTest, RendersWhatItReads) {
  const auto event = parse_event(render_event("call.joined", R"({"callId":"a-1"})"));

  ASSERT_TRUE(event.has_value()) << event.error().text();
  EXPECT_EQ(event->kind, EventKind::kCallJoined);
}

TEST(EventsTest, SignsTheBodyFollowedByTheTimestamp) {
  const std::string body =
      R"({"event":"call.ended","call":{"callId":"3c90c3cc-0d44-4b50-8888-8dd25736052a"}})";

  EXPECT_EQ(sign_event(Secret("test-webhook-secret"), body, "2025-01-02T03:04:05.678901+00:00"),
            "01fd8afba37d140fb126bc172b4bee0d6ad7f57c82306dfbcd6092b1872b085f");
}

}  // namespace
}  // namespace voicectl::ultravox
