// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/tenant_host.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/tenant/routes.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

using ::testing::AnyOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kOrder = R"({"customer_name":"Ann","order_type":"Takeaway",)"
                               R"("items":[{"item_name":"margherita pizza","quantity":2}]})";

class TenantHostTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Result<RuntimeFixture::Served> served = world_.open("acme");
    ASSERT_THAT(served, IsOk());
    acme_ = std::move(*served);
  }

  void TearDown() override {
    if (acme_.host) {
      world_.close(acme_);
    }
  }

  std::vector<std::string> types_of(const WebSocketClient& client) {
    std::vector<std::string> types;
    for (const std::string& text : client.texts()) {
      types.push_back(member(text, "type"));
    }
    return types;
  }

  RuntimeFixture world_;
  RuntimeFixture::Served acme_;
};

/// Takes the descriptors of this process away while it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    // Numbers below are taken, or are taken now.
    while (true) {
      const int number = ::dup(STDIN_FILENO);
      if (number < 0 || taken_.size() > 2000) {
        break;
      }
      taken_.emplace_back(number);
      rlimit now = before_;
      now.rlim_cur = static_cast<rlim_t>(number) + 1;
      EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &now), 0);
    }
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

  void free(std::size_t count) { taken_.resize(taken_.size() - count); }

 private:
  rlimit before_{};
  std::vector<UniqueFd> taken_;
};

TEST_F(TenantHostTest, AProcessWithoutDescriptorsRefusesATenantAndGoesOn) {
  world_.prepare("other");
  FreePort port = bind_free_port();
  std::optional<Result<std::unique_ptr<TenantHost>>> opened;
  {
    // One for the configuration's file.
    NoDescriptors none;
    none.free(1);
    TenantHost::open(
        world_.deps(), world_.offload(),
        {{1},
         world_.config_path("other"),
         world_.data_folder("other"),
         {},
         std::move(port.listener)},
        [](const std::optional<Error>&) {},
        [&](Result<std::unique_ptr<TenantHost>> host) { opened.emplace(std::move(host)); });
    ASSERT_TRUE(world_.run_until([&] { return opened.has_value(); }));
  }

  EXPECT_THAT(*opened, FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_EQ(world_.create_session(acme_).status, 201);
}

TEST_F(TenantHostTest, CarriesACallFromCreationToItsEnd) {
  const HttpResponse created = world_.create_session(acme_);
  ASSERT_EQ(created.status, 201);
  const std::string session = member(created.body, "session_id");
  WebSocketClient live(world_.reactor(), acme_.port,
                       "/ws/sessions/" + session + "?token=" + member(created.body, "token"));

  const HttpResponse ordered = world_.run_tool(acme_, session, kOrder);
  EXPECT_EQ(world_.post_event(acme_, "call.joined", "call-1", session).status, 204);
  EXPECT_EQ(world_.post_event(acme_, "call.ended", "call-1", session).status, 204);

  EXPECT_EQ(member(ordered.body, "total_amount"), "37.98");
  EXPECT_TRUE(world_.run_until([&live] { return live.texts().size() >= 7; }));
  EXPECT_THAT(types_of(live),
              ElementsAre("session.created", "session.ready", "tool.called", "order.created",
                          "call.joined", "call.ended", "session.completed"));
}

TEST_F(TenantHostTest, RecognisesACallerAndWhatTheyCameForLastTime) {
  constexpr const char* kCaller = R"({"customer_phone":"+43 660 1234567","customer_name":"Jane"})";
  const HttpHeaders key = {{"X-API-Key", "acme-widget"}};
  const HttpResponse first = world_.send(acme_, "POST", "/api/sessions", kCaller, key);
  const std::string order =
      member(world_.run_tool(acme_, member(first.body, "session_id"), kOrder).body, "order_id");
  // What was ordered is remembered in a commit of its own, behind the answer.
  bool remembered = false;
  const auto look = [&](Result<std::optional<Customer>> found) {
    remembered = found->has_value() && (*found)->data.find(order) != std::string::npos;
  };
  EXPECT_TRUE(world_.run_until([&] {
    acme_.host->store().find_customer("+436601234567", look);
    return remembered;
  }));

  const HttpResponse again =
      world_.send(acme_, "POST", "/api/sessions",
                  R"({"customer_phone":"00436601234567","customer_name":"J."})", key);
  ASSERT_EQ(again.status, 201) << again.body;

  EXPECT_THAT(world_.ultravox.calls.front(), Not(HasSubstr("has called before")));
  EXPECT_THAT(world_.ultravox.calls.back(), HasSubstr("has called before"));
  EXPECT_THAT(world_.ultravox.calls.back(), HasSubstr(order));
}

TEST_F(TenantHostTest, RecognisesACallerAtOnceAndBehindAClose) {
  constexpr const char* kCaller = R"({"customer_phone":"+43 660 1234567","customer_name":"Jane"})";
  const HttpHeaders key = {{"X-API-Key", "acme-widget"}};
  const auto session = [&] {
    return member(world_.send(acme_, "POST", "/api/sessions", kCaller, key).body, "session_id");
  };
  const std::string first = session();

  const std::string order = member(world_.run_tool(acme_, first, kOrder).body, "order_id");
  const std::string second = session();
  EXPECT_THAT(world_.ultravox.calls.back(), HasSubstr(order));
  const std::string later = member(world_.run_tool(acme_, second, kOrder).body, "order_id");
  world_.close(acme_);
  acme_ = *world_.open("acme", FencingToken{2});
  session();

  EXPECT_THAT(world_.ultravox.calls.back(), HasSubstr(later));
}

TEST_F(TenantHostTest, CreatesOneSessionForAnIdempotencyKeyWhateverTheEdgeNumbers) {
  const auto create = [this](const char* edge_number) {
    return world_.send(acme_, "POST", "/api/sessions", R"({"customer_name":"Ann"})",
                       {{"X-API-Key", "acme-widget"},
                        {"X-Request-Id", edge_number},
                        {"Idempotency-Key", "checkout-17"}});
  };

  const HttpResponse first = create("edge-1");
  const HttpResponse again = create("edge-2");

  EXPECT_EQ(again.body, first.body);
  EXPECT_THAT(world_.ultravox.calls, SizeIs(1));
}

TEST_F(TenantHostTest, RefusesAnIdempotencyKeyThatComesWithAnotherBody) {
  const auto create = [this](const char* name) {
    return world_.send(acme_, "POST", "/api/sessions",
                       fmt::format(R"({{"customer_name":"{}"}})", name),
                       {{"X-API-Key", "acme-widget"}, {"Idempotency-Key", "checkout-17"}});
  };
  ASSERT_EQ(create("Ann").status, 201);

  EXPECT_EQ(create("Ben").status, 422);
  world_.kill(acme_);
  acme_ = std::move(*world_.open("acme", FencingToken{2}));
  const HttpResponse after_a_kill = create("Ben");

  EXPECT_EQ(after_a_kill.status, 422);
  EXPECT_THAT(after_a_kill.body, HasSubstr("idempotency_key_reused"));
  EXPECT_EQ(create("Ann").status, 201);
  EXPECT_THAT(world_.ultravox.calls, SizeIs(1));
}

TEST_F(TenantHostTest, NumbersEventsWithoutGapsAcrossAKill) {
  const HttpResponse created = world_.create_session(acme_);
  const std::string session = member(created.body, "session_id");
  RuntimeFixture::kill(acme_);
  acme_ = *world_.open("acme", FencingToken{2});

  EXPECT_EQ(world_.run_tool(acme_, session, kOrder).status, 200);
  WebSocketClient live(
      world_.reactor(), acme_.port,
      "/ws/sessions/" + session + "?after=1&token=" + member(created.body, "token"));

  ASSERT_TRUE(world_.run_until([&live] { return live.texts().size() >= 3; }));
  EXPECT_THAT(live.texts()[0], HasSubstr(R"({"seq":2,"type":"session.ready")"));
  EXPECT_THAT(live.texts()[1], HasSubstr(R"({"seq":3,"type":"tool.called")"));
  EXPECT_THAT(live.texts()[2], HasSubstr(R"({"seq":4,"type":"order.created")"));
}

TEST_F(TenantHostTest, GivesARepeatedRequestItsFirstAnswerAlsoAfterAKill) {
  const HttpResponse first = world_.create_session(acme_, "req-1");
  const std::string session = member(first.body, "session_id");
  const HttpResponse order = world_.run_tool(acme_, session, kOrder, "req-2");
  EXPECT_EQ(world_.create_session(acme_, "req-1").body, first.body);
  RuntimeFixture::kill(acme_);
  acme_ = *world_.open("acme", FencingToken{2});

  const HttpResponse again = world_.create_session(acme_, "req-1");

  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(world_.run_tool(acme_, session, kOrder, "req-2").body, order.body);
  EXPECT_THAT(world_.ultravox.calls, SizeIs(1));
  EXPECT_EQ(acme_.host->load().sessions, 1U);
}

TEST_F(TenantHostTest, TakesADuplicateWebhookOnce) {
  const HttpResponse created = world_.create_session(acme_);
  const std::string session = member(created.body, "session_id");
  WebSocketClient staff(world_.reactor(), acme_.port, "/ws/staff?after=0&token=acme-staff");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(world_.post_event(acme_, "call.joined", "call-1", session).status, 204);
  }

  world_.run_tool(acme_, session, kOrder);

  ASSERT_TRUE(world_.run_until([&staff] { return staff.texts().size() >= 5; }));
  EXPECT_THAT(types_of(staff), ElementsAre("session.created", "session.ready", "call.joined",
                                           "tool.called", "order.created"));
}

TEST_F(TenantHostTest, RefusesAWebhookThatIsNotSigned) {
  const HttpResponse answer =
      world_.send(acme_, "POST", "/webhook/acme/ultravox", R"({"event":"call.ended"})");

  EXPECT_EQ(answer.status, 401);
}

TEST_F(TenantHostTest, AnswersFailuresOfTheVoiceServiceClearly) {
  world_.ultravox.status = 429;
  const HttpResponse busy = world_.create_session(acme_);
  world_.ultravox.status = 403;
  const HttpResponse refused = world_.create_session(acme_);

  EXPECT_EQ(busy.status, 429);
  EXPECT_EQ(find_header(busy.headers, "Retry-After"), "7");
  EXPECT_EQ(refused.status, 502);
  EXPECT_EQ(acme_.host->load().sessions, 0U);
}

TEST_F(TenantHostTest, HoldsTheLimitOfLiveSessions) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(world_.create_session(acme_).status, 201);
  }

  const HttpResponse fourth = world_.create_session(acme_);

  EXPECT_EQ(fourth.status, 429);
  EXPECT_THAT(fourth.body, HasSubstr("too_many_sessions"));
}

TEST_F(TenantHostTest, EndsASessionAndItsCall) {
  const std::string session = member(world_.create_session(acme_).body, "session_id");
  const HttpHeaders staff = {{"X-API-Key", "acme-staff"}};

  const HttpResponse ended = world_.send(acme_, "DELETE", "/api/sessions/" + session, "", staff);

  EXPECT_EQ(member(ended.body, "status"), "completed");
  EXPECT_TRUE(world_.run_until([this] { return world_.ultravox.hung_up.size() == 1; }));
  EXPECT_THAT(world_.ultravox.hung_up, ElementsAre("call-1"));
  EXPECT_EQ(world_.run_tool(acme_, session, kOrder).status, 409);
}

TEST_F(TenantHostTest, HangsUpAlsoAfterAKill) {
  const std::string session = member(world_.create_session(acme_).body, "session_id");
  const HttpHeaders staff = {{"X-API-Key", "acme-staff"}};
  world_.ultravox.is_mute = true;
  ASSERT_EQ(world_.send(acme_, "DELETE", "/api/sessions/" + session, "", staff).status, 200);
  // Not before: a request that is on its way would be answered too.
  ASSERT_TRUE(world_.run_until([this] { return world_.ultravox.unanswered() == 1; }));
  RuntimeFixture::kill(acme_);
  world_.ultravox.is_mute = false;

  acme_ = *world_.open("acme", {2});

  EXPECT_TRUE(world_.run_until([this] { return world_.ultravox.hung_up.size() == 1; }));
  EXPECT_THAT(world_.ultravox.hung_up, ElementsAre("call-1"));
}

TEST_F(TenantHostTest, KeepsWhatWasSaidWithTheSessionAlsoAfterAKill) {
  const std::string session = member(world_.create_session(acme_).body, "session_id");
  const HttpHeaders staff = {{"X-API-Key", "acme-staff"}};
  world_.ultravox.is_mute = true;
  ASSERT_EQ(world_.post_event(acme_, "call.ended", "call-1", session).status, 204);
  RuntimeFixture::kill(acme_);
  world_.ultravox.is_mute = false;

  acme_ = *world_.open("acme", {2});
  std::string shown;
  EXPECT_TRUE(world_.run_until([&] {
    shown = world_.send(acme_, "GET", "/api/sessions/" + session, "", staff).body;
    return shown.find("Agent: Hello") != std::string::npos;
  }));

  EXPECT_THAT(shown, HasSubstr("They spoke about pizza."));
}

TEST_F(TenantHostTest, ListsSessionsInPages) {
  for (int i = 0; i < 3; ++i) {
    world_.create_session(acme_);
    world_.clock.advance(std::chrono::milliseconds(1));
  }
  const HttpHeaders staff = {{"X-API-Key", "acme-staff"}};

  const HttpResponse first = world_.send(acme_, "GET", "/api/sessions?limit=2", "", staff);
  const HttpResponse second = world_.send(
      acme_, "GET", "/api/sessions?limit=2&after=" + member(first.body, "next"), "", staff);

  EXPECT_NE(member(first.body, "next"), "");
  EXPECT_EQ(member(second.body, "next"), "");
  EXPECT_THAT(second.body, HasSubstr("call-1"));
}

TEST_F(TenantHostTest, ClosesWebSocketsForARestart) {
  const HttpResponse created = world_.create_session(acme_);
  WebSocketClient live(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff");
  ASSERT_TRUE(world_.run_until([&live] { return !live.status_line().empty(); }));

  world_.close(acme_);

  EXPECT_EQ(live.close_code(), 1012);
}

TEST_F(TenantHostTest, TellsFromTheMenuAfterAReconfiguration) {
  ASSERT_THAT(acme_.host->reconfigure(world_.config_path("acme")), IsOk());
  EXPECT_THAT(acme_.host->reconfigure("/nowhere.json"), FailsWith(ErrorCode::kNotFound));

  EXPECT_EQ(world_.create_session(acme_).status, 201);
}

TEST_F(TenantHostTest, RefusesAnOlderHolderOfTheStore) {
  world_.close(acme_);
  acme_ = *world_.open("acme", FencingToken{5});
  world_.close(acme_);

  EXPECT_THAT(world_.open("acme", FencingToken{4}), FailsWith(ErrorCode::kFenced));
}

TEST_F(TenantHostTest, LosesItsStoreToANewerHolder) {
  RuntimeFixture::Served newer = *world_.open("acme", FencingToken{2});

  EXPECT_EQ(world_.create_session(acme_).status, 503);
  EXPECT_EQ(world_.create_session(newer).status, 201);
  world_.close(newer);
}

/// A path of the route with real values in its places.
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

TEST_F(TenantHostTest, LetsNobodyInWithWhatBelongsToAnotherTenant) {
  RuntimeFixture::Served other = *world_.open("other");
  const HttpResponse own = world_.create_session(acme_);
  const HttpResponse foreign = world_.create_session(other);
  const std::string session = member(own.body, "session_id");
  const std::vector<std::string> credentials = {
      "other-admin", "other-staff", "other-widget", member(foreign.body, "token"), "", "acme"};

  std::size_t tried = 0;
  for (const Route& route : all_routes()) {
    if (route.access == Access::kAnyone) {
      continue;
    }
    for (const std::string& tenant : {std::string("acme"), std::string("other")}) {
      for (const std::string& credential : credentials) {
        const HttpResponse answer =
            world_.send(acme_, std::string(route.method), path_of(route, tenant, session), kOrder,
                        {{"Authorization", "Bearer " + credential},
                         // Whoever comes from one address is soon not looked at any more.
                         {"X-Forwarded-For", "203.0.113." + std::to_string(tried % 250)}});

        EXPECT_THAT(answer.status, AnyOf(Eq(401), Eq(403), Eq(404)))
            << route.method << " " << route.pattern << " with '" << credential << "'";
        ++tried;
      }
    }
  }

  EXPECT_EQ(tried, (all_routes().size() - 1) * 2 * credentials.size());
  // The session of one tenant is not a session of the other, whoever asks there.
  EXPECT_EQ(world_.run_tool(acme_, member(foreign.body, "session_id"), kOrder).status, 401);
  EXPECT_EQ(world_
                .send(acme_, "GET", "/api/sessions/" + member(foreign.body, "session_id"), "",
                      {{"X-API-Key", "acme-admin"}})
                .status,
            404);
  world_.close(other);
}

TEST_F(TenantHostTest, HoldsTheScopesOfItsOwnKeys) {
  const HttpHeaders widget = {{"X-API-Key", "acme-widget"}};

  EXPECT_EQ(world_.send(acme_, "GET", "/api/sessions", "", widget).status, 403);
  EXPECT_EQ(world_.send(acme_, "GET", "/ws/staff", "", widget).status, 403);
  EXPECT_EQ(world_.send(acme_, "GET", "/health").status, 200);
  EXPECT_EQ(world_.send(acme_, "PUT", "/api/sessions").status, 405);
}

}  // namespace
}  // namespace voicectl::runtime
