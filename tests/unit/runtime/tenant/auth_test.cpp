// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/auth.h"

#include <gmock/gmock.h>

#include "base/crypto.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time

constexpr WallTime kNow{std::chrono::hours(24 * 365 * 50)};

std::vector<ApiKey> some_keys() {
  return {{"k1", sha256_hex("the-key"), KeyScope::kStaff},
          {"k2", sha256_hex("a-short-one"), KeyScope::kWidget, kNow + 1h}};
}

Session a_session(const std::string& name = "0123456789abcdef") {
  const TenantId tenant = *TenantId::parse("acme");
  Session session(make_session_id(tenant, name), tenant);
  session.created_at = kNow;
  session.token_sha256 = sha256_hex(make_session_token(Secret("t"), session.session).reveal());
  return session;
}

TEST(AuthTest, FindsAKeyByWhatItIs) {
  const std::vector<ApiKey> keys = some_keys();

  EXPECT_EQ(find_key(keys, "the-key", kNow), &keys[0]);
  EXPECT_EQ(find_key(keys, "the-kez", kNow), nullptr);
  EXPECT_EQ(find_key(keys, "", kNow), nullptr);
  EXPECT_EQ(find_key(keys, sha256_hex("the-key"), kNow), nullptr);
}

TEST(AuthTest, AKeyOpensUntilItExpiresAndNotAfter) {
  const std::vector<ApiKey> keys = some_keys();

  EXPECT_EQ(find_key(keys, "a-short-one", kNow + 1h - 1ms), &keys[1]);
  EXPECT_EQ(find_key(keys, "a-short-one", kNow + 1h), nullptr);
  EXPECT_EQ(find_key_by_id(keys, "k2"), &keys[1]);
  EXPECT_EQ(find_key_by_id(keys, "k3"), nullptr);
}

TEST(AuthTest, TakesACredentialFromThreePlaces) {
  HttpRequest bearer;
  bearer.headers = {{"authorization", "Bearer abc"}};
  HttpRequest header;
  header.headers = {{"x-api-key", "abc"}};
  HttpRequest query;
  query.query = {{"token", "abc"}};

  for (const HttpRequest& request : {bearer, header, query}) {
    EXPECT_EQ(find_credential(request), "abc");
  }
  EXPECT_EQ(find_credential(HttpRequest{}), std::nullopt);
}

TEST(AuthTest, OpensASessionWithItsOwnTokenOnly) {
  Session session = a_session();
  const std::string token = make_session_token(Secret("t"), session.session).reveal();
  const std::string other =
      make_session_token(Secret("t"), a_session("fedcba9876543210").session).reveal();

  EXPECT_EQ(token.size(), 32U);
  EXPECT_TRUE(opens_session(session, token, kNow));
  EXPECT_FALSE(opens_session(session, other, kNow));
  session.token_sha256.clear();
  EXPECT_FALSE(opens_session(session, "", kNow));
}

TEST(AuthTest, ATokenOutlivesItsSessionByAQuarterOfAnHour) {
  Session session = a_session();
  const std::string token = make_session_token(Secret("t"), session.session).reveal();
  EXPECT_EQ(token_end(session), std::nullopt);
  EXPECT_TRUE(opens_session(session, token, kNow + 48h));

  session.status = SessionStatus::kCompleted;
  session.end_time = kNow + 10min;

  EXPECT_EQ(token_end(session), kNow + 25min);
  EXPECT_TRUE(opens_session(session, token, kNow + 25min - 1ms));
  EXPECT_FALSE(opens_session(session, token, kNow + 25min));
}

}  // namespace
}  // namespace voicectl::runtime
