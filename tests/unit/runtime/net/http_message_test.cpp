// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/http_message.h"

#include <gmock/gmock.h>

namespace voicectl {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(HttpMessageTest, FindsAHeaderWithoutRegardToCase) {
  const HttpHeaders headers = {{"X-One", "1"}, {"content-TYPE", "text/plain"}};

  EXPECT_EQ(find_header(headers, "Content-Type"), "text/plain");
  EXPECT_EQ(find_header(headers, "X-Two"), std::nullopt);
}

TEST(HttpMessageTest, RendersLengthAndConnection) {
  HttpResponse response;
  response.body = "hello";

  const std::string kept = render_response(response, true);
  const std::string closed = render_response(response, false);

  EXPECT_EQ(kept, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello");
  EXPECT_THAT(closed, HasSubstr("Connection: close\r\n"));
}

TEST(HttpMessageTest, LeavesOutTheBodyWhereTheStatusForbidsOne) {
  HttpResponse response;
  response.status = 204;
  response.body = "lost";

  const std::string text = render_response(response, true);

  EXPECT_THAT(text, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(text, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(text, EndsWith("\r\n\r\n"));
}

TEST(HttpMessageTest, DropsHeadersThatWouldBreakTheResponseApart) {
  HttpResponse response;
  response.headers = {{"X-Good", "yes"},
                      {"X-Evil", "a\r\nSet-Cookie: b"},
                      {"X Evil", "c"},
                      {"Content-Length", "99"}};

  const std::string text = render_response(response, true);

  EXPECT_THAT(text, HasSubstr("X-Good: yes\r\n"));
  EXPECT_THAT(text, Not(HasSubstr("Set-Cookie")));
  EXPECT_THAT(text, Not(HasSubstr("Evil")));
  EXPECT_THAT(text, Not(HasSubstr("99")));
}

TEST(HttpMessageTest, ErrorsAreJsonWithCodeAndMessage) {
  const HttpResponse response = error_response(404, "not_found", "cannot find \"x\"");

  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(find_header(response.headers, "Content-Type"), "application/json");
  EXPECT_EQ(response.body, R"({"error":{"code":"not_found","message":"cannot find \"x\""}})");
}

}  // namespace
}  // namespace voicectl
