// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/request_reader.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace voicectl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr RequestLimits kLimits{.header_bytes = 1024, .body_bytes = 64};

/// Everything that comes of `bytes`, fed in pieces of `piece` bytes.
std::vector<ReadOutcome> read_all(std::string_view bytes, std::size_t piece) {
  RequestReader reader(kLimits);
  std::vector<ReadOutcome> outcomes;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.feed(bytes.substr(at, piece));
    for (ReadOutcome outcome = reader.take(); !std::holds_alternative<NeedMore>(outcome);
         outcome = reader.take()) {
      outcomes.push_back(outcome);
      if (std::holds_alternative<Refusal>(outcome)) {
        return outcomes;
      }
    }
  }
  return outcomes;
}

/// The one request in `bytes`, which must come out the same however it arrives.
HttpRequest read_one(std::string_view bytes) {
  const auto whole = read_all(bytes, bytes.size());
  const auto dribbled = read_all(bytes, 1);
  EXPECT_EQ(whole.size(), 1U) << bytes;
  EXPECT_EQ(dribbled.size(), 1U) << bytes;
  if (whole.size() != 1 || dribbled.size() != 1 ||
      !std::holds_alternative<ReceivedRequest>(whole[0]) ||
      !std::holds_alternative<ReceivedRequest>(dribbled[0])) {
    ADD_FAILURE() << "no request: " << bytes;
    return {};
  }
  const HttpRequest& request = std::get<ReceivedRequest>(whole[0]).request;
  EXPECT_EQ(request.body, std::get<ReceivedRequest>(dribbled[0]).request.body);
  EXPECT_EQ(request.headers, std::get<ReceivedRequest>(dribbled[0]).request.headers);
  return request;
}

/// The status that `bytes` are refused with, 0 if they are not.
int refusal_of(std::string_view bytes) {
  const auto whole = read_all(bytes, bytes.size());
  const auto dribbled = read_all(bytes, 1);
  if (whole.empty() || dribbled.empty() || !std::holds_alternative<Refusal>(whole.back()) ||
      !std::holds_alternative<Refusal>(dribbled.back())) {
    return 0;
  }
  EXPECT_EQ(std::get<Refusal>(whole.back()), std::get<Refusal>(dribbled.back()));
  return std::get<Refusal>(whole.back()).status;
}

std::string with_header(const std::string& header) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + header + "\r\n\r\n";
}

std::string with_target(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

TEST(RequestReaderTest, ReadsMethodPathQueryAndHeaders) {
  const HttpRequest request =
      read_one("GET /v1/a%20b?limit=5&name=x+y%26z&flag HTTP/1.1\r\nHost: a\r\nX-One:  1 \r\n\r\n");

  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.path, "/v1/a b");
  EXPECT_THAT(request.query,
              ElementsAre(Pair("flag", ""), Pair("limit", "5"), Pair("name", "x y&z")));
  EXPECT_THAT(request.headers, ElementsAre(Pair("Host", "a"), Pair("X-One", "1")));
}

TEST(RequestReaderTest, ReadsABodyOfToldLength) {
  const HttpRequest request =
      read_one("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");

  EXPECT_EQ(request.body, "hello");
}

TEST(RequestReaderTest, JoinsChunksAndDropsTrailers) {
  const HttpRequest request = read_one(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n");

  EXPECT_EQ(request.body, "hello world");
  EXPECT_EQ(request.header("X-Trailer"), std::nullopt);
}

TEST(RequestReaderTest, TakesPipelinedRequestsOneByOne) {
  const std::string two =
      "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
      "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
  RequestReader reader(kLimits);
  reader.feed(two + "GET /3");

  const ReadOutcome first = reader.take();
  const ReadOutcome second = reader.take();
  const ReadOutcome third = reader.take();

  EXPECT_EQ(std::get<ReceivedRequest>(first).request.path, "/1");
  EXPECT_EQ(std::get<ReceivedRequest>(second).request.path, "/2");
  EXPECT_TRUE(std::holds_alternative<NeedMore>(third));
  EXPECT_EQ(reader.unread(), "GET /3");
}

TEST(RequestReaderTest, KeepsEveryByteOfAnUnfinishedRequest) {
  const std::string whole =
      "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n0\r\n\r\n";
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    RequestReader first(kLimits);
    for (const char c : whole.substr(0, cut)) {
      first.feed(std::string_view(&c, 1));
      ASSERT_TRUE(std::holds_alternative<NeedMore>(first.take())) << cut;
    }
    RequestReader second(kLimits);
    second.feed(first.release());
    ASSERT_TRUE(cut == 0 || std::holds_alternative<NeedMore>(second.take())) << cut;
    second.feed(whole.substr(cut));

    const ReadOutcome outcome = second.take();

    ASSERT_TRUE(std::holds_alternative<ReceivedRequest>(outcome)) << cut;
    EXPECT_EQ(std::get<ReceivedRequest>(outcome).request.body, "hello") << cut;
    EXPECT_TRUE(first.is_idle());
    EXPECT_TRUE(second.is_idle());
  }
}

TEST(RequestReaderTest, SkipsEmptyLinesBeforeARequest) {
  EXPECT_EQ(read_one("\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n").path, "/x");
}

TEST(RequestReaderTest, KnowsWhetherTheConnectionIsKept) {
  const auto after = [](std::string_view bytes) {
    return std::get<ReceivedRequest>(read_all(bytes, bytes.size()).at(0)).after;
  };

  EXPECT_EQ(after("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), AfterAnswer::kKeepAlive);
  EXPECT_EQ(after("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n"),
            AfterAnswer::kClose);
  EXPECT_EQ(after("GET / HTTP/1.0\r\n\r\n"), AfterAnswer::kClose);
  EXPECT_EQ(after("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), AfterAnswer::kKeepAlive);
}

TEST(RequestReaderTest, TellsOnceThatTheClientWaitsForContinue) {
  RequestReader reader(kLimits);
  reader.feed("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");

  EXPECT_TRUE(std::holds_alternative<NeedMore>(reader.take()));
  EXPECT_TRUE(reader.wants_continue());
  EXPECT_FALSE(reader.wants_continue());
}

TEST(RequestReaderTest, RefusesAgainAfterARefusal) {
  RequestReader reader(kLimits);
  reader.feed("BAD\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");

  const ReadOutcome first = reader.take();
  const ReadOutcome second = reader.take();

  EXPECT_EQ(std::get<Refusal>(first).status, 400);
  EXPECT_EQ(std::get<Refusal>(second).status, 400);
}

TEST(RequestReaderTest, RefusesTwoWaysToTellALength) {
  EXPECT_EQ(refusal_of(with_header("Content-Length: 5\r\nTransfer-Encoding: chunked")), 400);
  EXPECT_EQ(refusal_of(with_header("Content-Length: 5\r\nContent-Length: 5")), 400);
  EXPECT_EQ(refusal_of(with_header("Content-Length: 5, 5")), 400);
  EXPECT_EQ(refusal_of(with_header("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")),
            400);
}

TEST(RequestReaderTest, RefusesLengthsThatAreNoPlainNumber) {
  for (const std::string value : {"", "+5", "-5", "0x5", "5 5", "5a", "1e3"}) {
    EXPECT_EQ(refusal_of(with_header("Content-Length: " + value)), 400) << value;
  }
  EXPECT_EQ(refusal_of(with_header("Content-Length: 99999999999999999999999")), 413);
}

TEST(RequestReaderTest, RefusesEncodingsItDoesNotDecode) {
  EXPECT_EQ(refusal_of(with_header("Transfer-Encoding: gzip")), 501);
  EXPECT_EQ(refusal_of(with_header("Transfer-Encoding: gzip, chunked")), 501);
  EXPECT_EQ(refusal_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

TEST(RequestReaderTest, RefusesWrongHosts) {
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of(with_header("Host: b")), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
}

TEST(RequestReaderTest, RefusesMalformedHeaderLines) {
  EXPECT_EQ(refusal_of(with_header("X-One: 1\r\n folded")), 400);
  EXPECT_EQ(refusal_of(with_header("X-One : 1")), 400);
  EXPECT_EQ(refusal_of(with_header(": 1")), 400);
  EXPECT_EQ(refusal_of(with_header("no colon")), 400);
  EXPECT_EQ(refusal_of(with_header("X-One: a\rb")), 400);
  EXPECT_EQ(refusal_of(with_header("X-One: a\x01")), 400);
  EXPECT_EQ(refusal_of(with_header(std::string("X-One: a\0b", 10))), 400);
}

TEST(RequestReaderTest, RefusesAConnectionHeaderThatIsNoList) {
  EXPECT_EQ(refusal_of(with_header("Connection: keep alive")), 400);
  EXPECT_EQ(refusal_of(with_header("Connection: close;")), 400);
}

TEST(RequestReaderTest, RefusesBareLineFeeds) {
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\nHost: a\n\n"), 400);
  EXPECT_EQ(refusal_of(with_header("X-One: 1\nX-Two: 2")), 400);
  EXPECT_EQ(refusal_of("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

TEST(RequestReaderTest, RefusesMalformedRequestLines) {
  for (const std::string line :
       {"GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET /a b HTTP/1.1", " GET / HTTP/1.1",
        "G(T / HTTP/1.1", "GET / http/1.1", "GET / HTTP/1.10", "GET / HTTP/x.1", "/ HTTP/1.1"}) {
    EXPECT_EQ(refusal_of(line + "\r\nHost: a\r\n\r\n"), 400) << line;
  }
  EXPECT_EQ(refusal_of("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
}

TEST(RequestReaderTest, RefusesTargetsWithMoreThanOneReading) {
  for (const std::string target :
       {"*",     "a",      "http://a/", "a:443",     "/a/../b", "/..",    "/%2e%2e/x", "//a",
        "/a//b", "/a%2fb", "/a%00b",    "/a%0ab",    "/a%7f",   "/%",     "/%4",       "/%zz",
        "/%ff",  "/a#b",   "/\xc3\xa4", "/?a=1&a=2", "/?a=%4",  "/?a=%ff"}) {
    EXPECT_EQ(refusal_of(with_target(target)), 400) << target;
  }
}

TEST(RequestReaderTest, RefusesMoreThanItsBudgets) {
  EXPECT_EQ(refusal_of(with_header("X-Long: " + std::string(2000, 'x'))), 431);
  EXPECT_EQ(refusal_of("GET /" + std::string(2000, 'x')), 431);
  EXPECT_EQ(refusal_of(with_header("Content-Length: 65")), 413);
  EXPECT_EQ(refusal_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n" +
                       std::string(65, 'x') + "\r\n0\r\n\r\n"),
            413);
}

TEST(RequestReaderTest, RefusesEndlessChunkExtensions) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

  EXPECT_NE(refusal_of(head + "1;" + std::string(4000, 'x')), 0);
}

TEST(RequestReaderTest, RefusesBrokenChunks) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

  EXPECT_EQ(refusal_of(head + "x\r\nhello\r\n"), 400);
  EXPECT_EQ(refusal_of(head + "5\r\nhelloXX0\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of(head + "-5\r\nhello\r\n"), 400);
  EXPECT_EQ(refusal_of(head + "\r\n"), 400);
  EXPECT_EQ(refusal_of(head + "5 \r\nhello\r\n"), 400);
  EXPECT_EQ(refusal_of(head + "0x5\r\nhello\r\n"), 400);
  EXPECT_EQ(refusal_of(head + "5;a=\r\nhello\r\n"), 400);
  EXPECT_EQ(refusal_of(head + "5\nhello\r\n0\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of(head + "fffffffffffffffff\r\n"), 413);
}

TEST(RequestReaderTest, ReadsAnEmptyChunkedBody) {
  EXPECT_EQ(read_one("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "0\r\n\r\n")
                .body,
            "");
}

TEST(RequestReaderTest, RefusesTrailersThatWouldReframeTheRequest) {
  const std::string body = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";

  EXPECT_EQ(refusal_of(body + "Content-Length: 5\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of(body + "Host: b\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of(body + "no colon\r\n\r\n"), 400);
}

TEST(RequestReaderTest, RefusesMoreThanAHundredHeaders) {
  std::string headers = "A: b";
  for (int i = 0; i < 100; ++i) {
    headers += "\r\nA: b";
  }

  EXPECT_EQ(refusal_of(with_header(headers)), 431);
}

TEST(RequestReaderTest, RefusesExpectationsItDoesNotKnow) {
  EXPECT_EQ(refusal_of(with_header("Expect: a miracle")), 417);
}

}  // namespace
}  // namespace voicectl
