// SPDX-License-Identifier: Apache-2.0
// How much of a tenant's traffic is let in.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;

constexpr const char* kCustomer = R"({"customer_name":"Ann"})";
constexpr const char* kOrder = R"({"customer_name":"Ann","order_type":"Takeaway",)"
                               R"("items":[{"item_name":"margherita pizza","quantity":2}]})";

class TrafficTest : public ::testing::Test {
 protected:
  void TearDown() override { world_.close(acme_); }

  void open(const Json& limits) {
    world_.limits = dump_json(limits);
    acme_ = std::move(*world_.open("acme"));
  }
  static auto count(const std::vector<HttpResponse>& answers, int status) {
    return std::count_if(answers.begin(), answers.end(),
                         [&](const HttpResponse& answer) { return answer.status == status; });
  }

  RuntimeFixture world_;
  RuntimeFixture::Served acme_;
};

TEST_F(TrafficTest, OfTwoHundredCreationsAtOnceExactlyOneGetsTheLastPlace) {
  open({{"concurrent_sessions", 3}, {"requests_in_flight", 1000}});
  world_.create_session(acme_);
  world_.create_session(acme_);

  const std::vector<HttpResponse> answers = world_.send_at_once(
      acme_, 200, "POST", "/api/sessions", kCustomer, {{"X-API-Key", "acme-widget"}});

  EXPECT_EQ(count(answers, 201), 1);
  EXPECT_EQ(count(answers, 429), 199);
  EXPECT_EQ(acme_.host->load().sessions, 3U);
}

TEST_F(TrafficTest, OfTwoHundredCreationsAtOnceExactlyOneGetsTheMonthsLast) {
  open({{"concurrent_sessions", 1000}, {"sessions_per_month", 2}});
  world_.create_session(acme_);

  const std::vector<HttpResponse> answers = world_.send_at_once(
      acme_, 200, "POST", "/api/sessions", kCustomer, {{"X-API-Key", "acme-widget"}});

  EXPECT_EQ(count(answers, 201), 1);
  EXPECT_EQ(acme_.host->load().sessions, 2U);
}

TEST_F(TrafficTest, AKeyThatAsksTooMuchIsToldWhenToComeAgain) {
  open({{"concurrent_sessions", 3}, {"api_requests", 100}, {"api_requests_per_key", 1}});
  const HttpHeaders staff = {{"X-API-Key", "acme-staff"}};
  EXPECT_EQ(world_.send(acme_, "GET", "/api/sessions", "", staff).status, 200);

  const HttpResponse second = world_.send(acme_, "GET", "/api/sessions", "", staff);

  EXPECT_EQ(second.status, 429);
  EXPECT_THAT(second.body, HasSubstr("rate_limited"));
  const int wait = std::stoi(std::string(find_header(second.headers, "Retry-After").value_or("0")));
  EXPECT_GE(wait, 1);
  EXPECT_LE(wait, 10);
  EXPECT_EQ(world_.send(acme_, "GET", "/api/sessions", "", {{"X-API-Key", "acme-admin"}}).status,
            200);
  EXPECT_EQ(acme_.host->load().counters->refusals.at({"api", "key"}), 1U);
}

TEST_F(TrafficTest, AToolCallTooManyIsAnsweredInWordsToSpeak) {
  open({{"concurrent_sessions", 3}, {"webhooks", 1}});
  const std::string session = member(world_.create_session(acme_).body, "session_id");
  EXPECT_EQ(world_.run_tool(acme_, session, kOrder).status, 200);

  const HttpResponse second = world_.run_tool(acme_, session, kOrder);

  EXPECT_EQ(second.status, 429);
  EXPECT_THAT(second.body, HasSubstr(R"("success":false)"));
  EXPECT_NE(member(second.body, "message"), "");
  EXPECT_TRUE(find_header(second.headers, "Retry-After").has_value());
  EXPECT_EQ(world_.post_event(acme_, "call.joined", "call-1", session).status, 429);
  EXPECT_EQ(acme_.host->load().counters->refusals.at({"webhook", "tenant"}), 2U);
}

TEST_F(TrafficTest, StrangersCannotUseUpTheShareOfThoseWhoAreKnown) {
  open({{"concurrent_sessions", 3}, {"api_requests", 100}, {"api_requests_per_key", 2}});
  std::vector<int> statuses;
  for (int i = 0; i < 3; ++i) {
    statuses.push_back(
        world_.send(acme_, "GET", "/api/sessions", "", {{"X-API-Key", "nobody"}}).status);
  }

  EXPECT_EQ(statuses, (std::vector<int>{401, 401, 429}));
  EXPECT_EQ(world_.send(acme_, "GET", "/api/sessions", "", {{"X-API-Key", "acme-staff"}}).status,
            200);
  EXPECT_EQ(world_.send(acme_, "GET", "/health").status, 200);
}

TEST_F(TrafficTest, OnlySoManyRequestsAreAnsweredAtATimeAndThePlaceIsGivenBack) {
  open({{"concurrent_sessions", 100}, {"requests_in_flight", 5}});

  world_.ultravox.holds_calls = true;
  HttpCall creation;
  creation.method = "POST";
  creation.url = "/api/sessions";
  creation.headers = {{"X-API-Key", "acme-widget"}};
  creation.body = kCustomer;
  std::vector<HttpResponse> answers;

  world_.begin(acme_, 50, creation, answers);

  // Five are being answered for as long as Ultravox is silent, and all others are turned away.
  ASSERT_TRUE(
      world_.run_until([&] { return answers.size() >= 45 && world_.ultravox.held() == 5; }));
  EXPECT_EQ(count(answers, 429), 45);
  EXPECT_EQ(acme_.host->load().counters->refusals.at({"api", "in_flight"}), 45U);
  world_.ultravox.speak();
  ASSERT_TRUE(world_.run_until([&] { return answers.size() == 50; }));
  EXPECT_EQ(count(answers, 201), 5);
  EXPECT_EQ(acme_.host->load().counters->in_flight, (std::array<std::size_t, kTraffics>{}));
  EXPECT_EQ(world_.create_session(acme_).status, 201);
}

}  // namespace
}  // namespace voicectl::runtime
