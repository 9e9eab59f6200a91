// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/http_client.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
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

/// The parameter is the host: an address in numbers goes without libcurl, a name through it. Both
/// must be the same to callers.
class HttpClientTest : public testing::TestWithParam<std::string> {
 protected:
  std::string url(const std::string& path) const {
    return "http://" + GetParam() + ":" + echo_.port().str() + path;
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

TEST_P(HttpClientTest, GetsAnAnswer) {
  const auto answer = call(get("/hello"));

  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "/hello");
  EXPECT_EQ(find_header(answer->headers, "content-length"), "6");
}

TEST_P(HttpClientTest, SendsMethodHeadersAndBody) {
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

TEST_P(HttpClientTest, UsesItsConnectionsAgain) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(call(get("/again")).has_value());
  }

  EXPECT_EQ(echo_.server().connections(), 1U);
}

TEST_P(HttpClientTest, TakesAConnectionOfItsOwnIfItIsToBeClosed) {
  HttpCall alone = get("/alone");
  alone.headers = {{"Connection", "close"}};
  ASSERT_TRUE(call(get("/kept")).has_value());

  ASSERT_TRUE(call(alone).has_value());

  EXPECT_TRUE(loop_.run_until([&] { return echo_.server().connections() == 1; }));
  ASSERT_TRUE(call(get("/kept")).has_value());
  EXPECT_EQ(echo_.server().connections(), 1U) << "the one that was kept was used again";
}

TEST_P(HttpClientTest, ForgetsTheCookiesThatItIsGiven) {
  const auto given = call(get("/cookie"));
  ASSERT_TRUE(given.has_value());
  ASSERT_EQ(find_header(given->headers, "Set-Cookie"), "sid=Guest; path=/");

  // On the connection that brought it, and on one of its own.
  for (const bool is_alone : {false, true}) {
    HttpCall next = get("/next");
    if (is_alone) {
      next.headers = {{"Connection", "close"}};
    }
    ASSERT_TRUE(call(next).has_value());
    EXPECT_EQ(echo_.last_request->path, "/next");
    EXPECT_EQ(echo_.last_request->header("Cookie"), std::nullopt);
  }
}

TEST_P(HttpClientTest, RunsManyCallsAtOnce) {
  int answered = 0;
  for (int i = 0; i < 200; ++i) {
    client_.send(get("/many"),
                 [&](Result<HttpResponse> result) { answered += result.has_value() ? 1 : 0; });
  }

  EXPECT_TRUE(loop_.run_until([&] { return answered == 200; }));
}

TEST_P(HttpClientTest, TakesAnyStatusForAnAnswer) {
  const auto answer = call(get("/forgotten"));

  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 500);
}

TEST_P(HttpClientTest, AnswersHeadWithoutWaitingForABody) {
  HttpCall head = get("/head");
  head.method = "HEAD";

  const auto answer = call(head);

  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->body, "");
  EXPECT_EQ(find_header(answer->headers, "Content-Length"), "5");
}

TEST_P(HttpClientTest, GivesUpAfterTheTimeout) {
  HttpCall slow = get("/wait");
  slow.timeout = std::chrono::milliseconds(40);

  const auto answer = call(slow);

  ASSERT_TRUE(answer.has_error());
  EXPECT_EQ(answer.error().code(), ErrorCode::kTimeout);
}

TEST_P(HttpClientTest, SaysThatNobodyListens) {
  const std::string port = listen_on_loopback().port.str();
  HttpCall refused;
  refused.url = "http://" + GetParam() + ":" + port + "/x?token=secret";

  const auto answer = call(refused);

  ASSERT_TRUE(answer.has_error());
  EXPECT_EQ(answer.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().text(),
              StartsWith("cannot get an answer to GET 'http://" + GetParam() + ":"));
  EXPECT_THAT(answer.error().text(), Not(HasSubstr("secret")));
}

TEST_P(HttpClientTest, RefusesAnswersThatAreTooLong) {
  HttpCall bounded = get("/long");
  bounded.max_body = 1000;

  const auto answer = call(bounded);

  ASSERT_TRUE(answer.has_error());
  EXPECT_EQ(answer.error().code(), ErrorCode::kResourceExhausted);
}

TEST_P(HttpClientTest, RefusesOtherSchemesAndHeadersThatBreakLines) {
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

TEST_P(HttpClientTest, CallsOverAUnixSocket) {
  const TempDir dir;
  echo_.server().serve(listen_at(dir.path("sock")));
  HttpCall local;
  local.unix_socket = dir.path("sock");
  local.url = "http://localhost/local";

  const auto answer = call(local);

  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->body, "/local");
  EXPECT_EQ(echo_.last_request->header("Host"), "localhost");
  ASSERT_TRUE(echo_.last_request->peer);
  EXPECT_EQ(echo_.last_request->peer->uid, ::getuid());
}

TEST_P(HttpClientTest, CallsNobodyAfterItDied) {
  auto client = std::make_unique<HttpClient>(loop_.reactor());
  bool is_called = false;
  client->send(get("/wait"), [&](Result<HttpResponse>) { is_called = true; });
  ASSERT_TRUE(loop_.run_until([&] { return !echo_.waiting.empty(); }));

  client.reset();
  echo_.waiting[0]->send(HttpResponse{});
  ASSERT_TRUE(call(get("/other")).has_value());

  EXPECT_FALSE(is_called);
}

TEST_P(HttpClientTest, MayDieInItsOwnCompletion) {
  auto client = std::make_unique<HttpClient>(loop_.reactor());
  client->send(get("/x"), [&](Result<HttpResponse>) { client.reset(); });

  EXPECT_TRUE(loop_.run_until([&] { return client == nullptr; }));
  loop_.settle();
}

INSTANTIATE_TEST_SUITE_P(
    BothRoads, HttpClientTest, testing::Values("127.0.0.1", "localhost"), [](const auto& road) {
      return road.param == "localhost" ? std::string("Curl") : std::string("Plain");
    });

/// A server of a few bytes, for what a well-behaved one never does.
class PlainHttpTest : public testing::Test {
 protected:
  /// Sends a call and gives the server's end of its connection.
  std::unique_ptr<RawPeer> call(const std::string& path) {
    HttpCall call;
    call.url = "http://127.0.0.1:" + listener_.port.str() + path;
    client_.send(std::move(call), [this](Result<HttpResponse> result) { outcome_ = result; });
    return accept();
  }

  std::unique_ptr<RawPeer> accept() {
    UniqueFd socket;
    EXPECT_TRUE(loop_.run_until([&] {
      socket = UniqueFd(
          ::accept4(listener_.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      return socket.is_open();
    }));
    return std::make_unique<RawPeer>(loop_, std::move(socket));
  }

  bool is_answered() {
    return loop_.run_until([this] { return outcome_.has_value(); });
  }

  Loop loop_;
  TcpListener listener_ = listen_on_loopback();
  HttpClient client_{loop_.reactor()};
  std::optional<Result<HttpResponse>> outcome_;
};

TEST_F(PlainHttpTest, TakesAnAnswerInAnyPieces) {
  const std::string answer =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  const auto peer = call("/x?y=1");
  ASSERT_TRUE(peer->wait_for("GET /x?y=1 HTTP/1.1\r\n"));

  for (const char c : answer) {
    peer->dribble(std::string_view(&c, 1));
  }

  ASSERT_TRUE(is_answered());
  ASSERT_TRUE(outcome_->has_value());
  EXPECT_EQ((*outcome_)->status, 200);
  EXPECT_EQ((*outcome_)->body, "abcde");
}

TEST_F(PlainHttpTest, TakesABodyThatTheEndOfTheConnectionEnds) {
  auto peer = call("/");
  peer->send("HTTP/1.0 200 OK\r\n\r\nall of it");
  peer->shut_sending();

  ASSERT_TRUE(is_answered());
  ASSERT_TRUE(outcome_->has_value());
  EXPECT_EQ((*outcome_)->body, "all of it");
}

TEST_F(PlainHttpTest, SendsACallAgainWhenAKeptConnectionTurnsOutClosed) {
  auto first = call("/1");
  first->send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
  ASSERT_TRUE(is_answered());
  outcome_.reset();
  HttpCall second;
  second.url = "http://127.0.0.1:" + listener_.port.str() + "/2";
  client_.send(std::move(second), [this](Result<HttpResponse> result) { outcome_ = result; });
  ASSERT_TRUE(first->wait_for("GET /2"));

  first.reset();
  const auto fresh = accept();
  ASSERT_TRUE(fresh->wait_for("GET /2"));
  fresh->send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");

  ASSERT_TRUE(is_answered());
  ASSERT_TRUE(outcome_->has_value());
  EXPECT_EQ((*outcome_)->body, "2");
}

TEST_F(PlainHttpTest, DoesNotSendACallAgainOnceItsAnswerHasBegun) {
  auto first = call("/1");
  first->send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
  ASSERT_TRUE(is_answered());
  outcome_.reset();
  HttpCall second;
  second.url = "http://127.0.0.1:" + listener_.port.str() + "/2";
  client_.send(std::move(second), [this](Result<HttpResponse> result) { outcome_ = result; });
  ASSERT_TRUE(first->wait_for("GET /2"));

  first->dribble("HTTP/1.1 20");
  first.reset();

  ASSERT_TRUE(is_answered());
  ASSERT_TRUE(outcome_->has_error());
  EXPECT_EQ(outcome_->error().code(), ErrorCode::kUnavailable);
}

TEST_F(PlainHttpTest, RefusesAnswersWhoseEndIsUnclear) {
  for (const char* const answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\na", "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        "HTTP/2 200\r\n\r\n", "SSH-2.0-x\r\n\r\n"}) {
    outcome_.reset();
    const auto peer = call("/");
    peer->send(answer);

    ASSERT_TRUE(is_answered()) << answer;
    ASSERT_TRUE(outcome_->has_error()) << answer;
    EXPECT_EQ(outcome_->error().code(), ErrorCode::kUnavailable) << answer;
    EXPECT_TRUE(peer->wait_for_end()) << answer;
  }
}

TEST_F(PlainHttpTest, DropsAConnectionOnWhichMoreComesThanTheAnswer) {
  const auto peer = call("/");
  peer->send(
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
      "HTTP/1.1 200 OK\r\n\r\n");

  ASSERT_TRUE(is_answered());
  EXPECT_EQ((*outcome_)->body, "a");
  EXPECT_TRUE(peer->wait_for_end());
}

}  // namespace
}  // namespace voicectl::test
