// SPDX-License-Identifier: Apache-2.0
// An API key from its making to its end, as whoever holds it sees that through the real edge.
#include <gmock/gmock.h>

#include <chrono>
#include <fstream>

#include "tests/e2e/edge_socket.h"
#include "tests/e2e/platform.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;

constexpr const char* kHost = "mario-pizza.qastco.com";

class AccessE2e : public ::testing::Test {
 protected:
  void SetUp() override { platform.up(); }

  std::string key(const std::string& scope) const {
    std::ifstream file(platform.key_file("mario-pizza", scope));
    std::string text;
    file >> text;
    return text;
  }
  /// Of the only key that has it.
  std::string id_of(const std::string& scope) const {
    const json answer = platform.voicectl_json({"tenant", "key", "list", "mario-pizza"});
    for (const json& one : answer.contains("keys") ? answer["keys"] : answer) {
      if (one.value("scope", "") == scope) {
        return one.value("id", "");
      }
    }
    return "";
  }
  std::string status_line(const std::string& credential) const {
    EdgeSocket socket(platform.http_port(),
                      "GET /api/sessions HTTP/1.1\r\nHost: " + std::string(kHost) +
                          "\r\nX-API-Key: " + credential + "\r\nConnection: close\r\n\r\n");
    const std::string& answer = socket.read_all();
    return answer.substr(0, answer.find("\r\n"));
  }

  Platform platform;
};

TEST_F(AccessE2e, RevokingAKeyClosesTheWebSocketsThatItOpenedAtOnce) {
  const std::string staff = key("staff");
  const std::string admin = key("admin");
  EdgeSocket with_staff(platform.http_port(), upgrade_request(kHost, "/ws/staff?token=" + staff));
  EdgeSocket with_admin(platform.http_port(), upgrade_request(kHost, "/ws/staff?token=" + admin));
  ASSERT_TRUE(with_staff.wait_for("\r\n\r\n")) << with_staff.received();
  ASSERT_TRUE(with_admin.wait_for("\r\n\r\n")) << with_admin.received();
  ASSERT_THAT(with_staff.received(), HasSubstr(" 101 "));
  ASSERT_THAT(status_line(staff), HasSubstr(" 200 "));

  const auto begun = std::chrono::steady_clock::now();
  const Finished revoked =
      platform.voicectl({"tenant", "key", "revoke", "mario-pizza", id_of("staff")});
  ASSERT_EQ(revoked.code, 0) << revoked.out << revoked.err;

  // A close frame of 1008, which is 0x03f0. It has been sent when the command is answered: what is
  // left is the way through the edge.
  ASSERT_TRUE(with_staff.wait_for("\x03\xf0the API key was revoked", 1000));
  RecordProperty("revoked_ms",
                 static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                      std::chrono::steady_clock::now() - begun)
                                      .count()));
  EXPECT_THAT(status_line(staff), HasSubstr(" 401 "));
  EXPECT_THAT(status_line(admin), HasSubstr(" 200 "));
  EXPECT_EQ(with_admin.received().find("\x88"), std::string::npos);
  EXPECT_FALSE(with_admin.has_ended());
}

}  // namespace
}  // namespace voicectl::e2e
