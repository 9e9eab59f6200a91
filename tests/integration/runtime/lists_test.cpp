// SPDX-License-Identifier: Apache-2.0
// What staff read: lists, page by page, and what they come to.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "tests/integration/runtime/runtime_fixture.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;

constexpr const char* kOrder = R"({"customer_name":"Ann","order_type":"Takeaway",)"
                               R"("items":[{"item_name":"margherita pizza","quantity":2}]})";

class ListsTest : public ::testing::Test {
 protected:
  void SetUp() override { acme_ = std::move(*world_.open("acme")); }
  void TearDown() override { world_.close(acme_); }

  RuntimeFixture world_;
  RuntimeFixture::Served acme_;
};

TEST_F(ListsTest, ListsTheSessionsOfASpanOfTime) {
  ASSERT_EQ(world_.create_session(acme_).status, 201);
  const std::string now = format_wall_time(world_.clock.now());
  const auto list = [this](const std::string& query) {
    return world_.send(acme_, "GET", "/api/sessions?" + query, "", {{"X-API-Key", "acme-staff"}});
  };

  EXPECT_THAT(list("created_after=" + now).body, HasSubstr("session_id"));
  EXPECT_THAT(list("created_before=" + now).body, HasSubstr(R"("sessions":[])"));
  EXPECT_EQ(list("created_after=yesterday").status, 400);
  EXPECT_EQ(list("created_before=2026-11-25T10:00:00%2B01:00").status, 200);
}

TEST_F(ListsTest, TellsWhatTheSessionsCameTo) {
  const HttpResponse created = world_.create_session(acme_);
  const std::string session = member(created.body, "session_id");
  const std::string order = member(world_.run_tool(acme_, session, kOrder).body, "order_id");
  const auto get = [&](const std::string& path, const std::string& key) {
    return world_.send(acme_, "GET", path, "", {{"X-API-Key", key}});
  };

  const HttpResponse usage = get("/api/usage", "acme-admin");
  const HttpResponse analytics = get("/api/analytics?period=week", "acme-staff");
  const HttpResponse records = get("/api/records?kind=order", "acme-staff");

  EXPECT_THAT(usage.body, HasSubstr(R"("sessions":1)"));
  EXPECT_THAT(usage.body, HasSubstr(R"("tool_calls":1)"));
  EXPECT_THAT(analytics.body, HasSubstr(R"("by_outcome":{"order.created":1})"));
  EXPECT_THAT(analytics.body, HasSubstr(R"("success_rate":null)"));
  EXPECT_THAT(records.body, HasSubstr(order));
  EXPECT_EQ(get("/api/usage", "acme-staff").status, 403);
  for (const char* path : {"/api/usage?month=11", "/api/analytics?period=year",
                           "/api/records?kind=x", "/api/records?limit=0", "/api/records?after=x"}) {
    EXPECT_EQ(get(path, "acme-admin").status, 400) << path;
  }
}

TEST_F(ListsTest, PagesRecords) {
  const std::string session = member(world_.create_session(acme_).body, "session_id");
  std::vector<std::string> placed;
  for (int i = 0; i < 5; ++i) {
    placed.push_back(member(world_.run_tool(acme_, session, kOrder).body, "order_id"));
  }

  std::vector<std::string> seen;
  std::string after;
  std::size_t pages = 0;
  do {
    const std::string query = after.empty() ? "" : "&after=" + after;
    const HttpResponse answer = world_.send(acme_, "GET", "/api/records?limit=2" + query, "",
                                            {{"X-API-Key", "acme-staff"}});
    ASSERT_EQ(answer.status, 200);
    const Json page = Json::parse(answer.body);
    for (const Json& record : page.at("records")) {
      seen.push_back(record["id"]);
    }
    after = member(answer.body, "next");
  } while (!after.empty() && ++pages < 10);

  EXPECT_EQ(pages, 2U);
  EXPECT_THAT(seen, ::testing::UnorderedElementsAreArray(placed));
}

}  // namespace
}  // namespace voicectl::runtime
