// SPDX-License-Identifier: Apache-2.0
// What comes from Ultravox: acknowledged when it is durable and not before, kept whatever it is.
// And what becomes of a session when Ultravox does not answer.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/sqlite.h"
#include "runtime/ultravox/events.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"
#include "tests/support/redis/redis_server.h"

namespace voicectl::runtime {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr const char* kOrder = R"({"customer_name":"Ann","order_type":"Takeaway",)"
                               R"("items":[{"item_name":"margherita pizza","quantity":2}]})";

/// While it lives, no file of this process can be written. Other than a full disk, which is 507, to
/// SQLite that is any I/O error.
class NoRoom {
 public:
  NoRoom() : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
    rlimit none = before_;
    none.rlim_cur = 0;
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  }
  ~NoRoom() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  NoRoom(const NoRoom&) = delete;
  NoRoom& operator=(const NoRoom&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

class WebhooksTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void TearDown() override { world_.close(acme_); }

  void open(FencingToken token = {1}) {
    acme_ = *world_.open("acme", token);
    if (session_.empty()) {
      session_ = member(world_.create_session(acme_).body, "session_id");
    }
  }

  /// What was kept: bodies by call and event.
  std::map<std::string, std::string> inbox() {
    world_.close(acme_);
    std::map<std::string, std::string> kept;
    {
      auto database = SqliteDatabase::open(world_.data_folder("acme") + "/tenant.db");
      EXPECT_THAT(database, IsOk());
      auto rows = database->prepare("SELECT call_id, event, body FROM inbox");
      EXPECT_THAT(rows, IsOk());
      while (*rows->step()) {
        kept[rows->text(0) + " " + rows->text(1)] = rows->text(2);
      }
    }
    open({++holders_});
    return kept;
  }

  /// A signed event, with these signatures as header lines.
  HttpResponse post_signed(const std::vector<std::string>& signatures) {
    HttpHeaders headers = {{std::string(ultravox::kTimestampHeader), timestamp()}};
    for (const std::string& signature : signatures) {
      headers.emplace_back(ultravox::kSignatureHeader, signature);
    }
    return world_.send(acme_, "POST", "/webhook/acme/ultravox", kEvent, headers);
  }
  std::string timestamp() const { return format_wall_time(world_.clock.now()); }
  std::string right() const {
    return ultravox::sign_event(RuntimeFixture::webhook_secret("acme"), kEvent, timestamp());
  }

  static constexpr const char* kEvent = R"({"event":"call.joined","call":{"callId":"call-9"}})";
  RuntimeFixture world_;
  RuntimeFixture::Served acme_;
  std::string session_;
  std::uint64_t holders_ = 1;
};

TEST_F(WebhooksTest, KeepsEventsThatItDoesNotKnow) {
  ASSERT_EQ(world_.post_event(acme_, "call.transferred", "call-1", session_).status, 204);

  EXPECT_THAT(inbox(), Contains(Pair("call-1 call.transferred", HasSubstr(session_))));
}

TEST_F(WebhooksTest, KeepsEventsOfCallsThatAreNotItsOwn) {
  ASSERT_EQ(world_.post_event(acme_, "call.ended", "call-77", "other_0123456789abcdef0123").status,
            204);
  // Its own session, named by a call that the session does not have.
  ASSERT_EQ(world_.post_event(acme_, "call.ended", "call-78", session_).status, 204);

  const std::map<std::string, std::string> kept = inbox();

  EXPECT_THAT(kept, Contains(Pair("call-77 call.ended", HasSubstr("other_0123456789abcdef0123"))));
  EXPECT_THAT(kept, Contains(Pair("call-78 call.ended", HasSubstr(session_))));
  const HttpResponse shown =
      world_.send(acme_, "GET", "/api/sessions/" + session_, "", {{"X-API-Key", "acme-staff"}});
  EXPECT_EQ(member(shown.body, "status"), "ready") << "it is not ended by somebody else's call";
}

TEST_F(WebhooksTest, AreNotAcknowledgedWhileTheyCannotBeKept) {
  WebSocketClient staff(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff");
  ASSERT_TRUE(world_.run_until([&] { return !staff.status_line().empty(); }));
  {
    const NoRoom no_room;
    // The first finds out, the others are told.
    for (int i = 0; i < 3; ++i) {
      EXPECT_GE(world_.post_event(acme_, "call.joined", "call-1", session_).status, 500);
    }
    const HttpResponse tool = world_.run_tool(acme_, session_, kOrder);
    EXPECT_GE(tool.status, 500);
    EXPECT_NE(member(tool.body, "message"), "") << "the agent has something to say";
  }
  EXPECT_THAT(staff.texts(), SizeIs(0)) << "nobody is told what is not kept";

  // It is opened again by itself, and the voice service comes again.
  ASSERT_TRUE(
      world_.run_until([this] { return world_.send(acme_, "GET", "/health").status == 200; }));
  EXPECT_EQ(world_.post_event(acme_, "call.joined", "call-1", session_).status, 204);

  EXPECT_TRUE(world_.run_until([&] { return !staff.texts().empty(); }));
  EXPECT_EQ(world_.post_event(acme_, "call.joined", "call-1", session_).status, 204);
  EXPECT_THAT(staff.texts(), SizeIs(1));
  EXPECT_THAT(inbox(), Contains(Pair("call-1 call.joined", HasSubstr(session_))));
}

TEST_F(WebhooksTest, AStoreThatIsFullIsSaidToBe) {
  const RedisServer server;
  RealLoop loop;
  RedisConsole console(loop, server);
  world_.redis_url = server.url();
  RuntimeFixture::Served beta = *world_.open("beta");
  const std::string session = member(world_.create_session(beta).body, "session_id");
  console.ask({"CONFIG", "SET", "maxmemory", "1"});

  EXPECT_EQ(world_.post_event(beta, "call.joined", "call-1", session).status, 507);

  console.ask({"CONFIG", "SET", "maxmemory", "0"});
  ASSERT_TRUE(world_.run_until([&] { return world_.send(beta, "GET", "/health").status == 200; }));
  EXPECT_EQ(world_.post_event(beta, "call.joined", "call-1", session).status, 204);
  world_.close(beta);
}

TEST_F(WebhooksTest, AreNotAcknowledgedByWhoeverHasLostTheStore) {
  RuntimeFixture::Served newer = *world_.open("acme", FencingToken{2});

  EXPECT_EQ(world_.post_event(acme_, "call.joined", "call-1", session_).status, 503);

  EXPECT_EQ(world_.post_event(newer, "call.joined", "call-1", session_).status, 204);
  world_.close(newer);
}

TEST_F(WebhooksTest, AreJudgedByTheFirstLineOfSignatures) {
  const std::string wrong(64, '0');

  // Several of a rotation stand in one line.
  EXPECT_EQ(post_signed({wrong + "," + right()}).status, 204);
  EXPECT_EQ(post_signed({right(), wrong}).status, 204);
  // Whoever adds a line behind another one adds nothing.
  EXPECT_EQ(post_signed({wrong, right()}).status, 401);
  EXPECT_EQ(post_signed({"", right()}).status, 401);
}

class SilentUltravoxTest : public WebhooksTest {
 protected:
  void SetUp() override {
    world_.ultravox_timeout = 200ms;
    WebhooksTest::SetUp();
  }
  std::string sessions(const std::string& status) {
    return world_
        .send(acme_, "GET", "/api/sessions?status=" + status, "", {{"X-API-Key", "acme-staff"}})
        .body;
  }
};

TEST_F(SilentUltravoxTest, IsATimeOutThatLeavesNoHalfSession) {
  world_.ultravox.holds_calls = true;

  const HttpResponse late = world_.create_session(acme_);

  EXPECT_EQ(late.status, 504);
  EXPECT_THAT(late.body, HasSubstr("voice_service_timeout"));
  EXPECT_EQ(world_.ultravox.held(), 1U) << "it is asked once: it may have made the call";
  EXPECT_EQ(acme_.host->load().sessions, 1U) << "the one from before";
  EXPECT_THAT(sessions("failed"), HasSubstr("session_id"));
  EXPECT_THAT(sessions("initializing"), HasSubstr(R"("sessions":[])"));
  world_.ultravox.speak();
  EXPECT_EQ(world_.create_session(acme_).status, 201);
}

TEST_F(SilentUltravoxTest, IsTakenAtItsWordWhenItSaysWhenToComeAgain) {
  world_.ultravox.status = 503;

  const HttpResponse away = world_.create_session(acme_);

  EXPECT_EQ(away.status, 503);
  EXPECT_THAT(away.body, HasSubstr("voice_service_unavailable"));
  EXPECT_EQ(find_header(away.headers, "Retry-After"), "7");
  EXPECT_EQ(acme_.host->load().sessions, 1U);
  world_.ultravox.status = 201;
  EXPECT_EQ(world_.create_session(acme_).status, 201);
}

}  // namespace
}  // namespace voicectl::runtime
