// SPDX-License-Identifier: Apache-2.0
// How much of a tenant's traffic is let in.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "tests/integration/runtime/byte_peer.h"
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

/// Two tenants of one process, whose stores share a helper thread.
class NeighboursTest : public TrafficTest {
 protected:
  using Peers = std::vector<std::unique_ptr<BytePeer>>;

  static std::string list_of(const std::string& tenant) {
    return "GET /api/sessions HTTP/1.1\r\nHost: x\r\nX-API-Key: " + tenant + "-staff\r\n\r\n";
  }
  /// So many connections that are served.
  Peers connect(const RuntimeFixture::Served& served, std::size_t count) {
    Peers peers;
    for (std::size_t i = 0; i < count; ++i) {
      peers.push_back(std::make_unique<BytePeer>(world_.reactor(), served.port));
      peers.back()->send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
      EXPECT_TRUE(world_.run_until([&peers] { return peers.back()->has_head(); }));
    }
    return peers;
  }
  static std::uint64_t answered(const RuntimeFixture::Served& served, int status) {
    const auto& requests = served.host->load().counters->requests;
    const auto found = requests.find({"/api/sessions", status});
    return found == requests.end() ? 0 : found->second;
  }
};

TEST_F(NeighboursTest, ATenantFarBeyondItsLimitsHoldsUpNoOther) {
  constexpr std::size_t kCallers = 120;
  constexpr std::size_t kRequestsOfEach = 10;
  constexpr std::uint64_t kQuietRequests = 20;
  // Answers that the flood may have before one of the others: some turns of the loop, with two
  // reads each. With all its reads in the queue of the helper thread it had two hundred.
  constexpr std::uint64_t kMostBefore = 20;
  open({{"concurrent_sessions", 3},
        {"requests_in_flight", 50},
        {"api_requests", 400},
        {"api_requests_per_key", 400}});
  world_.limits = R"({"concurrent_sessions":3})";
  RuntimeFixture::Served other = *world_.open("other");
  const Peers flood = connect(acme_, kCallers);
  const Peers quiet = connect(other, 1);

  for (const auto& caller : flood) {
    for (std::size_t i = 0; i < kRequestsOfEach; ++i) {
      caller->send(list_of("acme"));
    }
  }
  std::uint64_t most_before = 0;
  for (std::uint64_t i = 1; i <= kQuietRequests; ++i) {
    const std::uint64_t before = answered(acme_, 200);
    quiet[0]->send(list_of("other"));
    ASSERT_TRUE(world_.run_until([&] { return answered(other, 200) == i; }));
    most_before = std::max(most_before, answered(acme_, 200) - before);
  }
  EXPECT_TRUE(world_.run_until([this] {
    return answered(acme_, 200) + answered(acme_, 429) == kCallers * kRequestsOfEach;
  }));

  RecordProperty("most_before", static_cast<int>(most_before));
  EXPECT_LE(most_before, kMostBefore);
  EXPECT_EQ(answered(other, 429), 0U);
  // More than its share at once, and what comes in again within the time of the test.
  EXPECT_GE(answered(acme_, 429), kCallers * kRequestsOfEach - 800);
  EXPECT_GT(acme_.host->load().counters->refusals.at({"api", "in_flight"}), 0U);
  world_.close(other);
}

}  // namespace
}  // namespace voicectl::runtime
