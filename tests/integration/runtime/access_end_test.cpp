// SPDX-License-Identifier: Apache-2.0
// What was opened ends with what opened it: keys that are revoked or expire, sessions that are
// over.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "runtime/tenant/auth.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time

class AccessEndTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Result<RuntimeFixture::Served> served = world_.open("acme");
    ASSERT_THAT(served, IsOk());
    acme_ = std::move(*served);
  }
  void TearDown() override { world_.close(acme_); }

  static Json key(const std::string& id, std::optional<WallTime> expires = std::nullopt) {
    Json out = {{"id", id}, {"sha256", sha256_hex("acme-" + id)}, {"scope", id}};
    if (expires) {
      out["expires_at_ms"] = expires->time_since_epoch().count();
    }
    return out;
  }
  void have_keys(const std::vector<Json>& keys) {
    world_.write_keys("acme", keys);
    ASSERT_THAT(acme_.host->reload_keys(), IsOk());
  }
  int status_with(const std::string& credential) {
    return world_.send(acme_, "GET", "/api/sessions", "", {{"X-API-Key", credential}}).status;
  }
  bool is_open(const WebSocketClient& client) {
    return world_.run_until([&client] { return !client.status_line().empty(); }) &&
           client.status_line().find(" 101 ") != std::string::npos && client.close_code() == 0;
  }
  bool closes(const WebSocketClient& client) {
    return world_.run_until([&client] { return client.close_code() != 0; });
  }

  RuntimeFixture world_;
  RuntimeFixture::Served acme_;
};

TEST_F(AccessEndTest, ARevokedKeyClosesWhatItOpenedAndNothingElse) {
  WebSocketClient with_staff(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff");
  WebSocketClient with_admin(world_.reactor(), acme_.port, "/ws/staff?token=acme-admin");
  ASSERT_TRUE(is_open(with_staff));
  ASSERT_TRUE(is_open(with_admin));
  const MonoTime before = world_.reactor().now();

  have_keys({key("admin"), key("widget")});

  ASSERT_TRUE(closes(with_staff));
  EXPECT_LT(world_.reactor().now() - before, 1s);
  EXPECT_EQ(with_staff.close_code(), 1008);
  EXPECT_EQ(with_staff.close_reason(), "the API key was revoked");
  EXPECT_EQ(status_with("acme-staff"), 401);
  EXPECT_EQ(status_with("acme-admin"), 200);
  EXPECT_EQ(with_admin.close_code(), 0);
}

TEST_F(AccessEndTest, ARevokedKeyClosesSocketsOfSessionsToo) {
  const std::string session = member(world_.create_session(acme_).body, "session_id");
  WebSocketClient live(world_.reactor(), acme_.port,
                       "/ws/sessions/" + session + "?token=acme-staff");
  ASSERT_TRUE(is_open(live));

  have_keys({key("admin")});

  ASSERT_TRUE(closes(live));
  EXPECT_EQ(live.close_code(), 1008);
}

TEST_F(AccessEndTest, AKeyThatExpiresClosesWhatItOpened) {
  have_keys({key("staff", world_.clock.now() + 1h), key("admin")});
  WebSocketClient live(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff");
  ASSERT_TRUE(is_open(live));
  EXPECT_EQ(status_with("acme-staff"), 200);

  world_.clock.advance(1h);
  have_keys({key("staff", world_.clock.now()), key("admin")});

  ASSERT_TRUE(closes(live));
  EXPECT_EQ(live.close_code(), 1008);
  EXPECT_EQ(live.close_reason(), "the API key has expired");
  EXPECT_EQ(status_with("acme-staff"), 401);
}

TEST_F(AccessEndTest, TheEndOfAKeyIsSeenWithoutAnybodyTelling) {
  have_keys({key("staff", world_.clock.now() + 50ms)});
  WebSocketClient live(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff");
  ASSERT_TRUE(is_open(live));

  world_.clock.advance(50ms);

  ASSERT_TRUE(closes(live));
  EXPECT_EQ(live.close_reason(), "the API key has expired");
}

TEST_F(AccessEndTest, AnUnreadableFileOfKeysChangesNothing) {
  Json broken = key("staff");
  broken["sha256"] = "short";
  world_.write_keys("acme", std::vector<Json>{broken});

  EXPECT_THAT(acme_.host->reload_keys(), FailsWith(ErrorCode::kInvalidArgument));

  EXPECT_EQ(status_with("acme-staff"), 200);
}

TEST_F(AccessEndTest, AReconfigurationTakesTheKeysAsTheyAreNow) {
  WebSocketClient live(world_.reactor(), acme_.port, "/ws/staff?token=acme-staff");
  ASSERT_TRUE(is_open(live));
  world_.write_keys("acme", std::vector<Json>{key("admin")});

  ASSERT_THAT(acme_.host->reconfigure(world_.config_path("acme")), IsOk());

  ASSERT_TRUE(closes(live));
  EXPECT_EQ(status_with("acme-staff"), 401);
}

TEST_F(AccessEndTest, ASessionsTokenOpensItForATimeAfterItsEnd) {
  const HttpResponse created = world_.create_session(acme_);
  const std::string path = "/api/sessions/" + member(created.body, "session_id");
  const HttpHeaders token = {{"Authorization", "Bearer " + member(created.body, "token")}};
  const HttpHeaders staff = {{"X-API-Key", "acme-staff"}};
  ASSERT_EQ(world_.send(acme_, "DELETE", path, "", staff).status, 200);

  world_.clock.advance(kTokenAfterEnd - 1ms);
  EXPECT_EQ(world_.send(acme_, "GET", path, "", token).status, 200);
  world_.clock.advance(1ms);
  const HttpResponse late = world_.send(acme_, "GET", path, "", token);

  EXPECT_EQ(late.status, 401);
  const HttpResponse unknown = world_.send(acme_, "GET", path, "", {{"X-API-Key", "unknown"}});
  EXPECT_EQ(late.body, unknown.body);
  EXPECT_EQ(world_.send(acme_, "GET", path, "", staff).status, 200);
}

TEST_F(AccessEndTest, SocketsOfASessionAreClosedSomeTimeAfterItsEnd) {
  const HttpResponse created = world_.create_session(acme_);
  const std::string session = member(created.body, "session_id");
  WebSocketClient live(world_.reactor(), acme_.port,
                       "/ws/sessions/" + session + "?token=" + member(created.body, "token"));
  ASSERT_TRUE(is_open(live));
  ASSERT_EQ(
      world_.send(acme_, "DELETE", "/api/sessions/" + session, "", {{"X-API-Key", "acme-staff"}})
          .status,
      200);
  ASSERT_TRUE(world_.run_until([&live] { return live.texts().size() >= 3; }));
  EXPECT_EQ(live.close_code(), 0);

  world_.clock.advance(kTokenAfterEnd);
  // The calendar jumped: nobody waits for that, so the next look at the keys finds it.
  ASSERT_THAT(acme_.host->reload_keys(), IsOk());

  ASSERT_TRUE(closes(live));
  EXPECT_EQ(live.close_code(), 1000);
  EXPECT_EQ(live.close_reason(), "the session has ended");
}

TEST_F(AccessEndTest, ALongEndedSessionIsReplayedToItsStaffAndThenClosed) {
  const std::string session = member(world_.create_session(acme_).body, "session_id");
  world_.send(acme_, "DELETE", "/api/sessions/" + session, "", {{"X-API-Key", "acme-staff"}});
  world_.clock.advance(48h);

  WebSocketClient live(world_.reactor(), acme_.port,
                       "/ws/sessions/" + session + "?token=acme-staff");

  ASSERT_TRUE(closes(live));
  EXPECT_EQ(live.texts().size(), 3U);
  EXPECT_EQ(live.close_code(), 1000);
}

}  // namespace
}  // namespace voicectl::runtime
