// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/config.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "base/json.h"
#include "runtime/tenant/auth.h"
#include "runtime/tenant/call_request.h"
#include "runtime/tenant/routes.h"
#include "runtime/tenant/session_api.h"
#include "runtime/tenant/session_requests.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

Json a_document() {
  return *parse_json(R"({
    "apiVersion":"voicectl/v1","kind":"TenantConfig","generation":7,
    "platform":{"domain":"qastco.com","base_url":"https://acme.qastco.com:8443/",
      "webhook_base":"http://127.0.0.1:8080",
      "ultravox":{"endpoint":"http://127.0.0.1:9/api","api_key_file":"/k"}},
    "secrets":{"webhook_secrets":["w1","w2"],"tool_secret":"t"},
    "api_keys":[{"id":"k1","sha256":"HASH","scope":"staff"}],
    "tenant":{"slug":"acme","name":"Acme","business_type":"appointment","plan":"starter",
      "limits":{"concurrent_sessions":3,"session_duration":60},
      "opening_hours":{"monday":["09:00-12:00","13:00-17:00"]},
      "services":[{"name":"Checkup","price":"20.50","duration":45,"booking_lead_time_hours":2}],
      "staff":[{"name":"Bo","specialty":"General"}],"unknown":[1]}})");
}

Result<TenantConfig> parse(Json document) {
  for (Json& key : document["api_keys"]) {
    if (key["sha256"] == "HASH") {
      key["sha256"] = sha256_hex("the-key");
    }
  }
  return parse_tenant_config(dump_json(document));
}

TEST(TenantConfigTest, ReadsTheErpnextBackend) {
  Json document = a_document();
  document["tenant"]["backend"] = {{"kind", "erpnext"},       {"url", "https://erp.example.com/"},
                                   {"company", "Acme Inc"},   {"credentials_file", "/c"},
                                   {"site", "acme.local"},    {"time_zone", "Asia/Kolkata"},
                                   {"answer_within_ms", 1500}};

  const Result<TenantConfig> config = parse(document);

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->backend.kind, BackendKind::kErpnext);
  EXPECT_EQ(config->backend.erpnext.url, "https://erp.example.com");
  EXPECT_EQ(config->backend.erpnext.time_zone, "Asia/Kolkata");
  EXPECT_EQ(config->backend.answer_within, std::chrono::milliseconds(1500));
}

TEST(TenantConfigTest, ReadsWhoCarriesOutTheTools) {
  Json document = a_document();
  document["tenant"]["backend"] = {{"kind", "erpnext"},
                                   {"url", "https://erp.example.com"},
                                   {"company", "Acme Inc"},
                                   {"credentials_file", "/c"}};
  EXPECT_EQ(parse(document)->backend.mode, BackendMode::kServed);

  document["tenant"]["backend"]["mode"] = "direct";
  EXPECT_EQ(parse(document)->backend.mode, BackendMode::kDirect);

  document["tenant"]["backend"]["mode"] = "sideways";
  EXPECT_THAT(parse(document), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(TenantConfigTest, LearnsWhereBackendsMayBe) {
  Json document = a_document();
  document["platform"].erase("backend_networks");
  EXPECT_EQ(parse(document)->backend_addresses, nullptr);

  document["platform"]["backend_networks"] = Json::array();
  EXPECT_FALSE(parse(document)->backend_addresses->allows(*IpAddress::parse("127.0.0.1")));

  document["platform"]["backend_networks"] = {"127.0.0.0/8"};
  EXPECT_TRUE(parse(document)->backend_addresses->allows(*IpAddress::parse("127.0.0.1")));

  document["platform"]["backend_networks"] = {"localhost"};
  EXPECT_THAT(parse(document), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(TenantConfigTest, RefusesAnErpnextBackendThatLacksSomething) {
  for (const char* missing : {"url", "company", "credentials_file"}) {
    Json document = a_document();
    document["tenant"]["backend"] = {{"kind", "erpnext"},
                                     {"url", "https://erp.example.com"},
                                     {"company", "Acme Inc"},
                                     {"credentials_file", "/c"}};
    document["tenant"]["backend"].erase(missing);
    EXPECT_THAT(parse(document), FailsWith(ErrorCode::kInvalidArgument)) << missing;
  }
}

TEST(TenantConfigTest, ReadsWhatTheDaemonWrites) {
  const Result<TenantConfig> config = parse(a_document());

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->tenant.str(), "acme");
  EXPECT_EQ(config->generation.value, 7U);
  EXPECT_EQ(config->base_url, "https://acme.qastco.com:8443");
  EXPECT_THAT(config->webhook_secrets.all, SizeIs(2));
  EXPECT_EQ(config->limits.concurrent, 3U);
  EXPECT_EQ(config->limits.per_month, 100U);
  EXPECT_EQ(config->limits.duration, std::chrono::seconds(60));
  EXPECT_THAT(config->business.opening_hours[1], SizeIs(2));
  EXPECT_EQ(config->business.services.at(0).price.cents, 2050);
}

TEST(TenantConfigTest, KeepsSessionsInTheEmbeddedStoreUnlessToldOtherwise) {
  EXPECT_EQ(parse(a_document())->store, StoreSettings{});
}

TEST(TenantConfigTest, ReadsWhichRedisServerKeepsTheSessions) {
  Json document = a_document();
  document["store"] = {
      {"kind", "redis"}, {"url", "redis://voice@db.example:6380/2"}, {"password", "hunter2"}};
  document["secrets"]["store_owner"] = "o1";

  const Result<TenantConfig> config = parse(document);

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->store.kind, StoreKind::kRedis);
  EXPECT_EQ(config->store.redis.text(), "redis://voice@db.example:6380/2");
  EXPECT_EQ(config->store.redis.password.reveal(), "hunter2");
  EXPECT_EQ(config->store.owner, "o1");
}

TEST(TenantConfigTest, RefusesAStoreThatItDoesNotKnow) {
  Json document = a_document();
  document["store"] = {{"kind", "postgres"}};
  EXPECT_THAT(parse(document), FailsWith(ErrorCode::kInvalidArgument));

  document["store"] = {{"kind", "redis"}, {"url", "rediss://h"}};
  EXPECT_THAT(parse(document), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(TenantConfigTest, TakesQuotasFromThePlanUnlessGiven) {
  Json document = a_document();
  document["tenant"]["plan"] = "enterprise";
  EXPECT_EQ(parse(document)->limits.per_month, std::nullopt);

  document["tenant"]["limits"]["sessions_per_month"] = 7;
  EXPECT_EQ(parse(document)->limits.per_month, 7U);
}

TEST(TenantConfigTest, TakesPricesThatAreNumbers) {
  Json document = a_document();
  document["tenant"]["services"][0]["price"] = 18.99;

  EXPECT_EQ(parse(document)->business.services.at(0).price.cents, 1899);
}

TEST(TenantConfigTest, RefusesToRunWithoutSecrets) {
  for (const char* secrets : {"{}", R"({"webhook_secrets":["w"],"tool_secret":""})",
                              R"({"webhook_secrets":[""],"tool_secret":"t"})"}) {
    Json document = a_document();
    document["secrets"] = *parse_json(secrets);

    EXPECT_THAT(parse(document), FailsWith(ErrorCode::kInvalidArgument)) << secrets;
  }
}

TEST(TenantConfigTest, ASecretThatWasRotatedIsAcceptedUntilItsEnd) {
  Json document = a_document();
  document["secrets"]["webhook_secrets"] = *parse_json(R"([{"secret":"gone"},
      {"secret":"oldest","accepted_until_ms":1000}, "new",
      {"secret":"old","accepted_until_ms":2000}, {"accepted_until_ms":9000}, 7])");
  const auto at = [](int ms) { return WallTime(std::chrono::milliseconds(ms)); };

  const Result<TenantConfig> config = parse(document);

  ASSERT_THAT(config, IsOk());
  const WebhookSecrets& secrets = config->webhook_secrets;
  EXPECT_EQ(secrets.newest().reveal(), "new");
  EXPECT_THAT(secrets.at(at(999)), SizeIs(3));
  EXPECT_THAT(secrets.at(at(1000)), SizeIs(2));
  EXPECT_EQ(secrets.at(at(1999)).back().reveal(), "old");
  EXPECT_THAT(secrets.at(at(2000)), SizeIs(1));
}

TEST(TenantConfigTest, SecretsThatAllHaveAnEndAreNone) {
  Json document = a_document();
  document["secrets"]["webhook_secrets"] =
      *parse_json(R"([{"secret":"old","accepted_until_ms":9000000000000}])");

  EXPECT_THAT(parse(document), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(TenantConfigTest, RefusesWhatItCannotMean) {
  Json wrong_kind = a_document();
  wrong_kind["kind"] = "Other";
  Json wrong_slug = a_document();
  wrong_slug["tenant"]["slug"] = "../acme";
  Json wrong_scope = a_document();
  wrong_scope["api_keys"][0]["scope"] = "root";
  Json wrong_price = a_document();
  wrong_price["tenant"]["services"][0]["price"] = "cheap";
  Json wrong_hours = a_document();
  wrong_hours["tenant"]["opening_hours"]["monday"] = {"always"};

  for (const Json& document : {wrong_kind, wrong_slug, wrong_scope, wrong_price, wrong_hours}) {
    EXPECT_THAT(parse(document), FailsWith(ErrorCode::kInvalidArgument));
  }
  EXPECT_THAT(parse_tenant_config("[]"), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(TenantConfigTest, ReadsItsKeysFromAFileOfTheirOwn) {
  const TenantId acme = *TenantId::parse("acme");
  const std::string text = R"({"apiVersion":"voicectl/v1","kind":"TenantKeys","tenant":"acme",)"
                           R"("keys":[{"id":"k1","sha256":")" +
                           sha256_hex("the-key") + R"(","scope":"widget","expires_at_ms":5000}]})";

  const auto keys = parse_tenant_keys(text, acme);

  ASSERT_THAT(keys, IsOkAnd(SizeIs(1)));
  EXPECT_EQ(keys->front().scope, KeyScope::kWidget);
  EXPECT_EQ(keys->front().expires_at, WallTime(std::chrono::seconds(5)));
  EXPECT_THAT(parse_tenant_keys(text, *TenantId::parse("other")),
              FailsWith(ErrorCode::kInvalidArgument));
}

TEST(RoutesTest, FindEveryRouteByItsPattern) {
  for (const Route& route : all_routes()) {
    EXPECT_EQ(match_route(route.method, route.pattern).route, &route) << route.pattern;
  }
}

TEST(RoutesTest, ReadThePartsOfThePath) {
  const RouteMatch match = match_route("POST", "/webhook/acme/tools/placeOrder");

  EXPECT_EQ(match.parameters.at("tenant"), "acme");
  EXPECT_EQ(match.parameters.at("tool"), "placeOrder");
}

TEST(RoutesTest, TellOtherMethodsFromUnknownPaths) {
  EXPECT_EQ(match_route("PUT", "/api/sessions").allowed, "POST, GET");
  for (const char* path : {"/", "", "/api", "/api/sessions/a/b", "/api/sessionsx", "/webhook/a"}) {
    const RouteMatch match = match_route("GET", path);
    EXPECT_EQ(match.route, nullptr) << path;
    EXPECT_EQ(match.allowed, "") << path;
  }
}

TEST(SessionRequestsTest, ReadANewSession) {
  const auto asked = parse_new_session(
      R"({"customer_name":"Ann","customer_phone":"+1","metadata":{"page":"home"}})");

  ASSERT_THAT(asked, IsOk());
  EXPECT_EQ(asked->metadata, R"({"page":"home"})");
}

TEST(SessionRequestsTest, RefuseWhatIsNoNewSession) {
  for (const char* body :
       {"", "[]", "{}", R"({"customer_phone":"1"})", R"({"customer_name":1,"customer_phone":"1"})",
        R"({"customer_name":"A","customer_phone":"1","metadata":[]})",
        R"({"customer_name":"A","customer_phone":"1","medium":"pigeon"})"}) {
    EXPECT_THAT(parse_new_session(body), FailsWith(ErrorCode::kInvalidArgument)) << body;
  }
}

TEST(SessionRequestsTest, ACallerMayKeepTheNumberToThemselves) {
  const Result<NewSession> asked = parse_new_session(R"({"customer_name":"Ann"})");

  ASSERT_THAT(asked, IsOk());
  EXPECT_EQ(asked->customer_phone, "");
}

TEST(SessionRequestsTest, BoundThePage) {
  EXPECT_EQ(parse_session_query({{"limit", "200"}, {"status", "active"}})->limit, 200U);
  for (const char* limit : {"0", "201", "-1", "x", "1x", ""}) {
    EXPECT_THAT(parse_session_query({{"limit", limit}}), FailsWith(ErrorCode::kInvalidArgument));
  }
  EXPECT_THAT(parse_session_query({{"status", "odd"}}), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(SessionRequestsTest, TranslateFailuresOfTheVoiceService) {
  const auto answer = [](ErrorCode code, std::optional<int> status) {
    return response_for({Error(code, "cannot"), status, std::chrono::seconds(9)});
  };

  EXPECT_EQ(answer(ErrorCode::kTimeout, std::nullopt).status, 504);
  EXPECT_EQ(answer(ErrorCode::kResourceExhausted, 429).status, 429);
  EXPECT_EQ(find_header(answer(ErrorCode::kResourceExhausted, 429).headers, "Retry-After"), "9");
  EXPECT_EQ(answer(ErrorCode::kUnavailable, 503).status, 503);
  EXPECT_EQ(answer(ErrorCode::kPermissionDenied, 401).status, 502);
  EXPECT_EQ(answer(ErrorCode::kInvalidArgument, 400).status, 502);
}

TEST(SessionRequestsTest, NeverStoreTheToken) {
  const TenantConfig config = *parse(a_document());
  const Session session(make_session_id(config.tenant, "0123456789abcdef"), config.tenant);
  const std::string stored = render_created(config, session);

  const HttpResponse sent = render_stored(config, {"key", 201, stored, {}});

  const std::string token = make_session_token(config.tool_secret, session.session).reveal();
  EXPECT_THAT(stored, Not(HasSubstr(token)));
  EXPECT_THAT(sent.body, HasSubstr(token));
  EXPECT_THAT(sent.body, HasSubstr("wss://acme.qastco.com:8443/ws/sessions/acme_"));
}

TEST(CallRequestTest, AsksForTheTenantsVoiceToolsAndCallbacks) {
  const TenantConfig config = *parse(a_document());
  const Session session(make_session_id(config.tenant, "0123456789abcdef"), config.tenant);

  const auto request =
      make_call_request(config, TimeZone(), session, ultravox::CallMedium::kWebRtc, {});

  EXPECT_THAT(request.tools, SizeIs(1));
  EXPECT_EQ(request.callbacks.ended->url, "http://127.0.0.1:8080/webhook/acme/ultravox");
  EXPECT_EQ(request.callbacks.ended->secrets.at(0).reveal(), "w1");
  EXPECT_EQ(request.metadata.at("session_id"), session.session.str());
  EXPECT_EQ(request.max_duration, std::chrono::seconds(60));
  EXPECT_THAT(request.system_prompt, HasSubstr("Checkup, 45 minutes, $20.50"));
  EXPECT_THAT(request.system_prompt, HasSubstr("Monday 09:00-12:00"));
  EXPECT_THAT(request.system_prompt, HasSubstr("now Thursday 1970-01-01 00:00 (UTC)"));
}

}  // namespace
}  // namespace voicectl::runtime
