// SPDX-License-Identifier: Apache-2.0
// Every route, asked by everybody who may not: not one success, and no hint of what is there.
#include <fmt/core.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/crypto.h"
#include "runtime/tenant/auth.h"
#include "runtime/tenant/routes.h"
#include "runtime/ultravox/events.h"
#include "runtime/webhook/record_updates.h"
#include "runtime/webhook/tools.h"
#include "tests/integration/runtime/erpnext_server.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kOrder = R"({"customer_name":"Ann","order_type":"Takeaway",)"
                               R"("items":[{"item_name":"Margherita","quantity":2}]})";
constexpr const char* kEvent = R"({"event":"call.joined","call":{"callId":"call-1"}})";
constexpr const char* kUpdate =
    R"({"name":"DOC-00009","status":"Ready","modified":"2026-12-01 09:00:00.000009"})";

/// Whom a route lets in besides those whom every row keeps out. A route without a row fails.
struct Row {
  std::string_view method;
  std::string_view pattern;
  /// The highest scope of a key of the tenant itself that is too low; empty: keys do not matter.
  std::string_view too_low;
  enum class Door { kOpen, kKey, kToken, kProof } door;
  /// What its own gets there.
  int opened;
};
constexpr Row kRows[] = {
    {"GET", "/health", "", Row::Door::kOpen, 200},
    {"POST", "/api/sessions", "", Row::Door::kKey, 201},
    {"GET", "/api/sessions", "widget", Row::Door::kKey, 200},
    {"GET", "/api/sessions/{session}", "widget", Row::Door::kToken, 200},
    {"DELETE", "/api/sessions/{session}", "widget", Row::Door::kKey, 200},
    {"GET", "/api/usage", "staff", Row::Door::kKey, 200},
    {"GET", "/api/analytics", "widget", Row::Door::kKey, 200},
    {"GET", "/api/records", "widget", Row::Door::kKey, 200},
    {"GET", "/ws/sessions/{session}", "widget", Row::Door::kToken, 101},
    {"GET", "/ws/staff", "widget", Row::Door::kKey, 101},
    {"POST", "/webhook/{tenant}/ultravox", "admin", Row::Door::kProof, 204},
    {"POST", "/webhook/{tenant}/order-update", "admin", Row::Door::kProof, 204},
    {"POST", "/webhook/order-update", "admin", Row::Door::kProof, 204},
    {"POST", "/webhook/{tenant}/tools/{tool}", "admin", Row::Door::kProof, 200},
};

const Row* find_row(const Route& route) {
  for (const Row& row : kRows) {
    if (row.method == route.method && row.pattern == route.pattern) {
      return &row;
    }
  }
  return nullptr;
}

/// The lowest scope that is not too low.
std::string_view scope_for(const Row& row) {
  if (row.too_low.empty()) {
    return "widget";
  }
  return row.too_low == "widget" ? "staff" : "admin";
}

bool is_websocket(const Route& route) {
  return route.pattern.starts_with("/ws/");
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
    world_.limits = R"({"concurrent_sessions":100})";
    open("acme", acme_);
    open("other", other_);
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

  /// Each has a site with a secret of its own.
  void open(const std::string& slug, RuntimeFixture::Served& served) {
    ASSERT_THAT(
        files_.replace_atomically(folder_.path(slug),
                                  "key:secret\nwebhook " + site_secret(slug) + "\n", kPrivateFile),
        IsOk());
    world_.backend = dump_json(Json{{"kind", "erpnext"},
                                    {"url", erpnext_.url},
                                    {"company", slug},
                                    {"credentials_file", folder_.path(slug)}});
    served = *world_.open(slug);
  }
  static std::string site_secret(const std::string& slug) { return "site-secret-of-" + slug; }

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

  /// What `slug`'s own would send to a route that asks for proof.
  std::pair<std::string, HttpHeaders> proven(const Route& route,
                                             const std::string& slug,
                                             const std::string& session) {
    HttpHeaders headers = {{"X-Forwarded-For", "203.0.113." + std::to_string(++asked_)}};
    if (route.operation == Operation::kTakeCallEvent) {
      const std::string now = format_wall_time(world_.clock.now());
      headers.emplace_back(ultravox::kTimestampHeader, now);
      headers.emplace_back(ultravox::kSignatureHeader,
                           ultravox::sign_event(RuntimeFixture::webhook_secret(slug), kEvent, now));
      return {kEvent, headers};
    }
    if (route.operation == Operation::kTakeRecordUpdate) {
      headers.emplace_back(kErpnextSignatureHeader, hmac_sha256_base64(site_secret(slug), kUpdate));
      return {kUpdate, headers};
    }
    const Secret secret = RuntimeFixture::tool_secret(slug);
    headers.emplace_back(kSessionHeader, session);
    headers.emplace_back(kToolTokenHeader,
                         make_tool_token(secret, *SessionId::parse(session)).reveal());
    return {kOrder, headers};
  }
  HttpResponse prove(const Route& route,
                     const std::string& tenant,
                     const std::string& signer,
                     const std::string& session) {
    auto [body, headers] = proven(route, signer, session);
    return world_.send(acme_, std::string(route.method), path_of(route, tenant, session), body,
                       std::move(headers));
  }

  /// The status line of an upgrade there.
  std::string upgrade(const std::string& path,
                      const std::string& credential,
                      const std::string& origin = "") {
    WebSocketClient client(world_.reactor(), acme_.port, path + "?token=" + credential, origin);
    EXPECT_TRUE(world_.run_until([&client] { return !client.status_line().empty(); }));
    return client.status_line();
  }

  int asked_ = 0;
  RuntimeFixture world_;
  TempDir folder_;
  PosixFileSystem files_;
  ErpnextServer erpnext_{world_.reactor()};
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
    if (!is_websocket(route)) {
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

TEST_F(AccessMatrixTest, TakesNoProofThatIsAnotherTenants) {
  for (const Route& route : all_routes()) {
    ASSERT_NE(find_row(route), nullptr) << route.pattern;
    if (find_row(route)->door != Row::Door::kProof) {
      continue;
    }
    // Over this tenant's session, and as it was made for the other's.
    for (const std::string& session : {session_, foreign_session_}) {
      EXPECT_EQ(prove(route, "acme", "other", session).status, 401) << route.pattern;
    }
    EXPECT_EQ(prove(route, "acme", "acme", foreign_session_).status,
              route.operation == Operation::kRunTool ? 401 : 204)
        << route.pattern;
    if (route.pattern.find("{tenant}") != std::string_view::npos) {
      EXPECT_EQ(prove(route, "other", "acme", session_).status, 404) << route.pattern;
      EXPECT_EQ(prove(route, "other", "other", foreign_session_).status, 404) << route.pattern;
    }
  }
  EXPECT_THAT(erpnext_.site.documents("Voice Restaurant Order"), IsEmpty());
}

TEST_F(AccessMatrixTest, ADoorThatIsShutOpensToItsOwn) {
  for (const Route& route : all_routes()) {
    ASSERT_NE(find_row(route), nullptr) << route.pattern;
    const Row& row = *find_row(route);
    // One for each row: some end it.
    const HttpResponse made = world_.create_session(acme_);
    const std::string session = member(made.body, "session_id");
    const std::string path = path_of(route, "acme", session);
    std::vector<std::string> credentials = {
        row.door == Row::Door::kOpen ? "" : "acme-" + std::string(scope_for(row))};
    if (row.door == Row::Door::kToken) {
      credentials.push_back(member(made.body, "token"));
    }
    for (const std::string& credential : credentials) {
      if (is_websocket(route)) {
        EXPECT_THAT(upgrade(path, credential), HasSubstr(" 101 ")) << route.pattern;
        continue;
      }
      const HttpResponse answer = row.door == Row::Door::kProof
                                      ? prove(route, "acme", "acme", session)
                                      : ask(route, path, credential);
      EXPECT_EQ(answer.status, row.opened) << route.pattern << ": " << answer.body;
    }
  }
  EXPECT_THAT(erpnext_.site.documents("Voice Restaurant Order"), SizeIs(1));
}

TEST_F(AccessMatrixTest, AStaffKeyOpensTheSessionsOfItsOwnTenantAlone) {
  const HttpHeaders staff = {{"X-API-Key", "acme-staff"}};

  EXPECT_EQ(world_.send(acme_, "GET", "/api/sessions/" + session_, "", staff).status, 200);
  EXPECT_EQ(world_.send(acme_, "GET", "/api/sessions/" + foreign_session_, "", staff).status, 404);
}

TEST_F(AccessMatrixTest, KeepsWebSocketsOfForeignPagesOut) {
  for (const Route& route : all_routes()) {
    if (!is_websocket(route)) {
      continue;
    }
    const std::string path = path_of(route, "acme", session_);
    EXPECT_THAT(upgrade(path, "acme-staff", "https://acme.qastco.com"), HasSubstr(" 101 "));
    for (const char* foreign : {"https://other.qastco.com", "null", "https://evil.example"}) {
      EXPECT_THAT(upgrade(path, "acme-staff", foreign), HasSubstr(" 403 ")) << path << foreign;
    }
  }
  EXPECT_TRUE(world_.run_until([this] { return acme_.host->load().websockets == 0; }));
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
  EXPECT_EQ(find_header(before.headers, "Access-Control-Allow-Headers"),
            "Authorization, Content-Type, Idempotency-Key, X-API-Key, X-Request-Id");
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
