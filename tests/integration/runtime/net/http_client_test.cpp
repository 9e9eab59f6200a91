// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/http_client.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "tests/integration/runtime/net/net_fixture.h"
#include "tests/support/temp_dir.h"

namespace voicectl::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class HttpClientTest : public testing::Test {
 protected:
  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + echo_.port().str() + path;
  }

  Result<HttpResponse> call(HttpCall call) {
    std::optional<Result<HttpResponse>> outcome;
    client_.send(std::move(call), [&](Result<HttpResponse> result) { outcome = result; });
    EXPECT_FALSE(outcome.has_value()) << "completed in the same turn";
    EXPECT_TRUE(loop_.run_until([&] { return outcome.has_value(); }));
    return outcome.value_or(Error(ErrorCode::kInternal, "cannot wait longer"));
  }

  HttpCall get(const std::string& path) const {
    HttpCall call;
    call.url = url(path);
    return call;
  }

  Loop loop_;
  EchoServer echo_{loop_};
  HttpClient client_{loop_.reactor()};
};

TEST_F(HttpClientTest, GetsAnAnswer) {
  const auto answer = call(get("/hello"));

  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "/hello");
  EXPECT_EQ(find_header(answer->headers, "content-length"), "6");
}

TEST_F(HttpClientTest, SendsMethodHeadersAndBody) {
  HttpCall post = get("/post");
  post.method = "PATCH";
  post.headers = {{"X-One", "1"}, {"X-Empty", ""}};
  post.body = std::string(100'000, 'b');

  const auto answer = call(post);

  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(echo_.last_request->method, "PATCH");
  EXPECT_EQ(echo_.last_request->header("X-One"), "1");
  EXPECT_EQ(echo_.last_request->header("X-Empty"), "");
  EXPECT_EQ(echo_.last_request->header("Content-Type"), std::nullopt);
  EXPECT_EQ(echo_.last_request->body.size(), 100'000U);
}

TEST_F(HttpClientTest, UsesItsConnectionsAgain) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(call(get("/again")).has_value());
  }

  EXPECT_EQ(echo_.server().connections(), 1U);
}

TEST_F(HttpClientTest, RunsManyCallsAtOnce) {
  int answered = 0;
  for (int i = 0; i < 200; ++i) {
    client_.send(get("/many"),
                 [&](Result<HttpResponse> result) { answered += result.has_value() ? 1 : 0; });
  }

  EXPECT_TRUE(loop_.run_until([&] { return answered == 200; }));
}

TEST_F(HttpClientTest, TakesAnyStatusForAnAnswer) {
  const auto answer = call(get("/forgotten"));

  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 500);
}

TEST_F(HttpClientTest, AnswersHeadWithoutWaitingForABody) {
  HttpCall head = get("/head");
  head.method = "HEAD";

  const auto answer = call(head);

  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->body, "");
  EXPECT_EQ(find_header(answer->headers, "Content-Length"), "5");
}

TEST_F(HttpClientTest, GivesUpAfterTheTimeout) {
  HttpCall slow = get("/wait");
  slow.timeout = std::chrono::milliseconds(40);

  const auto answer = call(slow);

  ASSERT_TRUE(answer.has_error());
  EXPECT_EQ(answer.error().code(), ErrorCode::kTimeout);
}

TEST_F(HttpClientTest, SaysThatNobodyListens) {
  const std::string port = listen_on_loopback().port.str();
  HttpCall refused;
  refused.url = "http://127.0.0.1:" + port + "/x?token=secret";

  const auto answer = call(refused);

  ASSERT_TRUE(answer.has_error());
  EXPECT_EQ(answer.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().text(), StartsWith("cannot get an answer to GET 'http://127.0.0.1:"));
  EXPECT_THAT(answer.error().text(), Not(HasSubstr("secret")));
}

TEST_F(HttpClientTest, RefusesAnswersThatAreTooLong) {
  HttpCall bounded = get("/long");
  bounded.max_body = 1000;

  const auto answer = call(bounded);

  ASSERT_TRUE(answer.has_error());
  EXPECT_EQ(answer.error().code(), ErrorCode::kResourceExhausted);
}

TEST_F(HttpClientTest, RefusesOtherSchemesAndHeadersThatBreakLines) {
  HttpCall file;
  file.url = "file:///etc/passwd";
  HttpCall split = get("/x");
  split.headers = {{"X-One", "1\r\nX-Two: 2"}};

  const auto read = call(file);
  const auto sent = call(split);

  ASSERT_TRUE(read.has_error());
  ASSERT_TRUE(sent.has_error());
  EXPECT_EQ(read.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(sent.error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(HttpClientTest, CallsOverAUnixSocket) {
  const TempDir dir;
  echo_.server().serve(listen_at(dir.path("sock")));
  HttpCall local;
  local.unix_socket = dir.path("sock");
  local.url = "http://localhost/local";

  const auto answer = call(local);

  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->body, "/local");
  EXPECT_EQ(echo_.last_request->header("Host"), "localhost");
  EXPECT_EQ(echo_.last_request->peer_uid, ::getuid());
}

TEST_F(HttpClientTest, CallsNobodyAfterItDied) {
  auto client = std::make_unique<HttpClient>(loop_.reactor());
  bool is_called = false;
  client->send(get("/wait"), [&](Result<HttpResponse>) { is_called = true; });
  ASSERT_TRUE(loop_.run_until([&] { return !echo_.waiting.empty(); }));

  client.reset();
  echo_.waiting[0]->send(HttpResponse{});
  ASSERT_TRUE(call(get("/other")).has_value());

  EXPECT_FALSE(is_called);
}

TEST_F(HttpClientTest, MayDieInItsOwnCompletion) {
  auto client = std::make_unique<HttpClient>(loop_.reactor());
  client->send(get("/x"), [&](Result<HttpResponse>) { client.reset(); });

  EXPECT_TRUE(loop_.run_until([&] { return client == nullptr; }));
  loop_.settle();
}

}  // namespace
}  // namespace voicectl::test
