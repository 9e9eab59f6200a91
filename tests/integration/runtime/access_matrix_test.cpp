// SPDX-License-Identifier: Apache-2.0
// Every route, asked by everybody who may not: not one success, and no hint of what is there.
#include <fmt/core.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/crypto.h"
#include "runtime/tenant/auth.h"
#include "runtime/tenant/routes.h"
#include "runtime/webhook/tools.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kOrder = R"({"customer_name":"Ann","order_type":"Takeaway",)"
                               R"("items":[{"item_name":"margherita pizza","quantity":2}]})";

/// Whom a route lets in besides those whom every row keeps out. A route without a row fails.
struct Row {
  Operation operation;
  /// The highest scope of a key of the tenant itself that is too low; empty: keys do not matter.
  std::string_view too_low;
  enum class Door { kOpen, kKey, kToken, kProof } door;
};
constexpr Row kRows[] = {
    {Operation::kShowHealth, "", Row::Door::kOpen},
    {Operation::kCreateSession, "", Row::Door::kKey},
    {Operation::kListSessions, "widget", Row::Door::kKey},
    {Operation::kShowSession, "widget", Row::Door::kToken},
    {Operation::kEndSession, "widget", Row::Door::kKey},
    {Operation::kShowUsage, "staff", Row::Door::kKey},
    {Operation::kShowAnalytics, "widget", Row::Door::kKey},
    {Operation::kListRecords, "widget", Row::Door::kKey},
    {Operation::kFollowSession, "widget", Row::Door::kToken},
    {Operation::kFollowTenant, "widget", Row::Door::kKey},
    {Operation::kTakeCallEvent, "admin", Row::Door::kProof},
    {Operation::kTakeRecordUpdate, "admin", Row::Door::kProof},
    {Operation::kRunTool, "admin", Row::Door::kProof},
};

const Row* find_row(const Route& route) {
  for (const Row& row : kRows) {
    if (row.operation == route.operation) {
      return &row;
    }
  }
  return nullptr;
}

std::string path_of(const Route& route, const std::string& tenant, const std::string& session) {
  std::string path(route.pattern);
  const std::pair<std::string, std::string> places[] = {
      {"{tenant}", tenant}, {"{session}", session}, {"{tool}", "placeOrder"}};
  for (const auto& [place, value] : places) {
    if (const std::size_t at = path.find(place); at != std::string::npos) {
      path.replace(at, place.size(), value);
    }
  }
  return path;
}

class AccessMatrixTest : public ::testing::Test {
 protected:
  void SetUp() override {
    acme_ = std::move(*world_.open("acme"));
    other_ = std::move(*world_.open("other"));
    const HttpResponse ended = world_.create_session(acme_);
    world_.send(acme_, "DELETE", "/api/sessions/" + member(ended.body, "session_id"), "",
                {{"X-API-Key", "acme-admin"}});
    ended_session_ = member(ended.body, "session_id");
    ended_token_ = member(ended.body, "token");
    world_.clock.advance(kTokenAfterEnd);
    session_ = member(world_.create_session(acme_).body, "session_id");
    const HttpResponse foreign = world_.create_session(other_);
    foreign_session_ = member(foreign.body, "session_id");
    foreign_token_ = member(foreign.body, "token");
    std::vector<Json> keys = {key("admin"), key("staff"), key("widget"), key("expired")};
    keys.back()["scope"] = "admin";
    keys.back()["expires_at_ms"] = world_.clock.now().time_since_epoch().count();
    world_.write_keys("acme", keys);
    ASSERT_THAT(acme_.host->reload_keys(), IsOk());
  }
  void TearDown() override {
    world_.close(acme_);
    world_.close(other_);
  }

  static Json key(const std::string& id) {
    return {{"id", id}, {"sha256", sha256_hex("acme-" + id)}, {"scope", id}};
  }

  /// Credentials that open nothing of acme. "acme-gone" is a key that was revoked.
  std::vector<std::string> strangers() const {
    return {"",
            "acme",
            "acme-gone",
            "acme-expired",
            "other-admin",
            "other-staff",
            "other-widget",
            foreign_token_,
            ended_token_,
            sha256_hex("acme-admin"),
            "' OR 1=1 --"};
  }

  HttpResponse ask(const Route& route, const std::string& path, const std::string& credential) {
    HttpHeaders headers = {{"Authorization", "Bearer " + credential},
                           {std::string(kSessionHeader), session_},
                           {std::string(kToolTokenHeader), credential},
                           // Each from elsewhere: one address may not guess for long.
                           {"X-Forwarded-For", "203.0.113." + std::to_string(++asked_)}};
    return world_.send(acme_, std::string(route.method), path, kOrder, std::move(headers));
  }

  /// The status line of an upgrade there.
  std::string upgrade(const std::string& path, const std::string& credential) {
    WebSocketClient client(world_.reactor(), acme_.port, path + "?token=" + credential);
    EXPECT_TRUE(world_.run_until([&client] { return !client.status_line().empty(); }));
    return client.status_line();
  }

  int asked_ = 0;
  RuntimeFixture world_;
  RuntimeFixture::Served acme_;
  RuntimeFixture::Served other_;
  std::string session_;
  std::string ended_session_;
  std::string ended_token_;
  std::string foreign_session_;
  std::string foreign_token_;
};

TEST_F(AccessMatrixTest, EveryRouteHasARow) {
  for (const Route& route : all_routes()) {
    EXPECT_NE(find_row(route), nullptr)
        << route.method << " " << route.pattern << " has no row: say who may not use it";
  }
  EXPECT_EQ(std::size(kRows), all_routes().size());
}

TEST_F(AccessMatrixTest, LetsNoStrangerIn) {
  std::size_t tried = 0;
  for (const Route& route : all_routes()) {
    const Row* const row = find_row(route);
    if (row == nullptr || row->door == Row::Door::kOpen) {
      continue;
    }
    for (const std::string& credential : strangers()) {
      const HttpResponse answer = ask(route, path_of(route, "acme", session_), credential);
      EXPECT_EQ(answer.status, 401) << route.pattern << " with '" << credential << "'";
      const HttpResponse elsewhere = ask(route, path_of(route, "other", session_), credential);
      EXPECT_TRUE(elsewhere.status == 401 || elsewhere.status == 404) << route.pattern;
      ++tried;
    }
    if (!row->too_low.empty()) {
      const int status =
          ask(route, path_of(route, "acme", session_), "acme-" + std::string(row->too_low)).status;
      EXPECT_EQ(status, row->door == Row::Door::kProof ? 401 : 403) << route.pattern;
    }
  }
  EXPECT_EQ(tried, (all_routes().size() - 1) * strangers().size());
  EXPECT_EQ(acme_.host->load().sessions, 1U);
}

TEST_F(AccessMatrixTest, LetsNoStrangersWebSocketIn) {
  for (const Route& route : all_routes()) {
    const std::string path = path_of(route, "acme", session_);
    if (route.method != "GET" || !path.starts_with("/ws/")) {
      continue;
    }
    for (const std::string& credential : strangers()) {
      if (credential.find(' ') == std::string::npos) {
        EXPECT_THAT(upgrade(path, credential), HasSubstr(" 401 ")) << path << " " << credential;
      }
    }
    EXPECT_THAT(upgrade(path, "acme-widget"), HasSubstr(" 403 ")) << path;
    EXPECT_THAT(upgrade(path, "acme-staff"), HasSubstr(" 101 ")) << path;
  }
}

TEST_F(AccessMatrixTest, TellsNobodyWhatIsThere) {
  const std::string nothing = make_session_id(*TenantId::parse("acme"), "0123456789abcdef").str();
  for (const Route& route : all_routes()) {
    if (route.pattern.find("{session}") == std::string_view::npos) {
      continue;
    }
    for (const std::string& credential : strangers()) {
      const std::string unknown = ask(route, path_of(route, "acme", nothing), credential).body;
      for (const std::string& there : {session_, ended_session_, foreign_session_}) {
        EXPECT_EQ(ask(route, path_of(route, "acme", there), credential).body, unknown)
            << route.pattern << " with '" << credential << "'";
      }
    }
  }
}

TEST_F(AccessMatrixTest, ADoorThatIsShutOpensToItsOwn) {
  const HttpHeaders staff = {{"X-API-Key", "acme-staff"}};
  EXPECT_EQ(world_.send(acme_, "GET", "/api/sessions/" + session_, "", staff).status, 200);
  EXPECT_EQ(world_.send(acme_, "GET", "/api/sessions/" + foreign_session_, "", staff).status, 404);
  EXPECT_EQ(world_.run_tool(acme_, session_, kOrder).status, 200);
  EXPECT_EQ(world_.run_tool(acme_, foreign_session_, kOrder).status, 401);
}

TEST_F(AccessMatrixTest, KeepsPagesOfForeignOriginsOut) {
  const auto with_origin = [this](const std::string& method, const std::string& origin) {
    return world_.send(acme_, method, "/api/sessions", "",
                       {{"X-API-Key", "acme-staff"},
                        {"Origin", origin},
                        {"Access-Control-Request-Method", "POST"}});
  };

  const HttpResponse own = with_origin("GET", "https://acme.qastco.com");
  EXPECT_EQ(own.status, 200);
  EXPECT_EQ(find_header(own.headers, "Access-Control-Allow-Origin"), "https://acme.qastco.com");
  EXPECT_EQ(find_header(own.headers, "Vary"), "Origin");
  const HttpResponse before = with_origin("OPTIONS", "https://acme.qastco.com");
  EXPECT_EQ(before.status, 204);
  EXPECT_EQ(find_header(before.headers, "Access-Control-Allow-Methods"), "POST, GET");
  for (const char* foreign : {"https://other.qastco.com", "null", "https://evil.example"}) {
    for (const char* method : {"GET", "OPTIONS"}) {
      const HttpResponse answer = with_origin(method, foreign);
      EXPECT_EQ(answer.status, 403) << method << " " << foreign;
      EXPECT_EQ(find_header(answer.headers, "Access-Control-Allow-Origin"), std::nullopt);
    }
  }
}

}  // namespace
}  // namespace voicectl::runtime
