// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/websocket_handshake.h"

#include <gtest/gtest.h>

namespace voicectl {
namespace {

/// The request of RFC 6455, 1.3.
ReceivedRequest an_upgrade() {
  ReceivedRequest received;
  received.request.method = "GET";
  received.request.path = "/chat";
  received.request.headers = {{"Host", "server.example.com"},
                              {"Upgrade", "websocket"},
                              {"Connection", "keep-alive, Upgrade"},
                              {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                              {"Sec-WebSocket-Version", "13"}};
  return received;
}

void set_header(ReceivedRequest& received, std::string_view name, std::string value) {
  for (auto& [key, old] : received.request.headers) {
    if (key == name) {
      old = std::move(value);
    }
  }
}

TEST(WebSocketHandshakeTest, AnswersTheExampleOfTheStandard) {
  const Result<std::string> accept = check_upgrade(an_upgrade());

  ASSERT_TRUE(accept.has_value());
  EXPECT_EQ(*accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketHandshakeTest, RefusesWhatIsNoUpgrade) {
  ReceivedRequest posted = an_upgrade();
  posted.request.method = "POST";
  ReceivedRequest old = an_upgrade();
  old.version = HttpVersion::k10;
  ReceivedRequest other = an_upgrade();
  set_header(other, "Upgrade", "h2c");
  ReceivedRequest kept = an_upgrade();
  set_header(kept, "Connection", "keep-alive");

  EXPECT_TRUE(check_upgrade(posted).has_error());
  EXPECT_TRUE(check_upgrade(old).has_error());
  EXPECT_TRUE(check_upgrade(other).has_error());
  EXPECT_TRUE(check_upgrade(kept).has_error());
}

TEST(WebSocketHandshakeTest, RefusesOtherVersionsAndKeys) {
  ReceivedRequest draft = an_upgrade();
  set_header(draft, "Sec-WebSocket-Version", "8");
  ReceivedRequest short_key = an_upgrade();
  set_header(short_key, "Sec-WebSocket-Key", "dGhlIHNhbXBsZQ==");
  ReceivedRequest bad_key = an_upgrade();
  set_header(bad_key, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub2-jZQ==");

  EXPECT_TRUE(check_upgrade(draft).has_error());
  EXPECT_TRUE(check_upgrade(short_key).has_error());
  EXPECT_TRUE(check_upgrade(bad_key).has_error());
}

TEST(WebSocketHandshakeTest, MakesKeysThatItAccepts) {
  SeededRandom random(7);
  for (int i = 0; i < 50; ++i) {
    ReceivedRequest received = an_upgrade();
    set_header(received, "Sec-WebSocket-Key", make_websocket_key(random));

    EXPECT_TRUE(check_upgrade(received).has_value());
  }
}

}  // namespace
}  // namespace voicectl
