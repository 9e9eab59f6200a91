// SPDX-License-Identifier: Apache-2.0
#include "cli/daemon_client.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/os/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Serves one connection on a unix socket: reads a request, sends pieces, closes.
class OneAnswer {
 public:
  OneAnswer(const std::string& path, std::vector<std::string> pieces)
      : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    thread_ = std::thread([this, pieces = std::move(pieces)] { serve(pieces); });
  }
  ~OneAnswer() { thread_.join(); }

  /// REQUIRES: the client has its answer.
  const std::string& request() const { return request_; }

 private:
  void serve(const std::vector<std::string>& pieces) {
    const UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
    char buffer[4096];
    while (request_.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = ::recv(peer.get(), buffer, sizeof(buffer), 0);
      if (got <= 0) {
        return;
      }
      request_.append(buffer, static_cast<std::size_t>(got));
    }
    for (const std::string& piece : pieces) {
      // A client that has seen enough may be gone.
      (void)::send(peer.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
    }
    // A body that is still on its way would turn the end into a reset, and the answer be lost.
    ::shutdown(peer.get(), SHUT_WR);
    while (::recv(peer.get(), buffer, sizeof(buffer), 0) > 0) {
    }
  }

  UniqueFd listener_;
  std::thread thread_;
  std::string request_;
};

std::string with_length(const std::string& body, const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

class DaemonClientTest : public ::testing::Test {
 protected:
  std::unique_ptr<DaemonClient> client() { return make_daemon_client(socket_); }

  TempDir folder_;
  std::string socket_ = folder_.path("s");
};

TEST_F(DaemonClientTest, SendsARequestAndReadsTheAnswer) {
  OneAnswer daemon(socket_, {with_length(R"({"ok":true})")});

  const Result<Json> answer = client()->call("POST", "/v1/plan", R"({"a":1})");

  ASSERT_TRUE(answer.has_value()) << answer.error().text();
  EXPECT_EQ((*answer)["ok"], true);
  EXPECT_THAT(daemon.request(), HasSubstr("POST /v1/plan HTTP/1.1\r\n"));
  EXPECT_THAT(daemon.request(), HasSubstr("Content-Length: 7\r\n"));
}

TEST_F(DaemonClientTest, TellsWhatTheDaemonRefused) {
  const OneAnswer daemon(
      socket_, {with_length(R"({"error":{"code":"not_found","message":"cannot find it"}})",
                            "404 Not Found")});

  const Result<Json> answer = client()->get("/v1/tenants/x");

  ASSERT_TRUE(answer.has_error());
  EXPECT_EQ(answer.error(), Error(ErrorCode::kNotFound, "cannot find it"));
}

TEST_F(DaemonClientTest, ReadsAStreamLineByLineHoweverItIsCut) {
  const OneAnswer daemon(socket_, {"HTTP/1.1 200 OK\r\nTransfer-Enco", "ding: chunked\r\n\r\n",
                                   "5\r\nab\ncd\r\n1\r\n\n\r\n3", "\r\nef\n\r\n0\r\n\r\n"});
  std::vector<std::string> lines;

  const Status status = client()->stream("GET", "/v1/events", "", [&](std::string_view line) {
    lines.emplace_back(line);
    return ok_status();
  });

  EXPECT_TRUE(status.has_value()) << status.error().text();
  EXPECT_THAT(lines, ElementsAre("ab", "cd", "ef"));
}

TEST_F(DaemonClientTest, AStreamThatIsRefusedIsAnError) {
  const OneAnswer daemon(
      socket_, {with_length(R"({"error":{"code":"conflict","message":"cannot apply now"}})",
                            "409 Conflict")});

  const Status status =
      client()->stream("POST", "/v1/apply", "{}", [](std::string_view) { return ok_status(); });

  ASSERT_TRUE(status.has_error());
  EXPECT_EQ(status.error().code(), ErrorCode::kConflict);
}

TEST_F(DaemonClientTest, AStreamThatBreaksOffIsAnError) {
  const OneAnswer daemon(socket_,
                         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab\n\r\n"});
  std::vector<std::string> lines;

  const Status status = client()->stream("GET", "/v1/events", "", [&](std::string_view line) {
    lines.emplace_back(line);
    return ok_status();
  });

  ASSERT_TRUE(status.has_error());
  EXPECT_EQ(status.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(lines, ElementsAre("ab"));
}

TEST_F(DaemonClientTest, AReaderCanStopAStream) {
  const OneAnswer daemon(
      socket_, {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na\nb\n\r\n0\r\n\r\n"});

  const Status status = client()->stream("GET", "/v1/events", "", [](std::string_view) -> Status {
    return Error(ErrorCode::kCancelled, "cannot go on: enough");
  });

  EXPECT_EQ(status.error().code(), ErrorCode::kCancelled);
}

TEST_F(DaemonClientTest, RefusesWhatIsNoAnswer) {
  for (const char* text : {"220 smtp.example.com\r\n", "", "HTTP/1.1 200 OK\r\n\r\nnot json"}) {
    const TempDir folder;
    const OneAnswer daemon(folder.path("s"), {text});

    const Result<Json> answer = make_daemon_client(folder.path("s"))->get("/v1/status");

    EXPECT_TRUE(answer.has_error()) << text;
  }
}

TEST_F(DaemonClientTest, SaysThatNobodyIsThere) {
  const Result<Json> answer = client()->get("/v1/status");

  ASSERT_TRUE(answer.has_error());
  EXPECT_EQ(answer.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().text(), HasSubstr("cannot reach voicectld at '" + socket_ + "'"));
  EXPECT_THAT(answer.error().text(), HasSubstr("voicectl up"));
}

TEST_F(DaemonClientTest, RefusesAPathThatNoSocketCanHave) {
  const Result<Json> answer = make_daemon_client("/" + std::string(200, 'x'))->get("/v1/status");

  EXPECT_EQ(answer.error().code(), ErrorCode::kInvalidArgument);
}

TEST(PercentEncodedTest, LeavesOnlyWhatAPathMayHold) {
  EXPECT_EQ(percent_encoded("mario-pizza_1.a~"), "mario-pizza_1.a~");
  EXPECT_EQ(percent_encoded("a b&c=d/e?f%"), "a%20b%26c%3Dd%2Fe%3Ff%25");
  EXPECT_EQ(percent_encoded("\r\n"), "%0D%0A");
}

}  // namespace
}  // namespace voicectl
