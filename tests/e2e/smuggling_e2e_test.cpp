// SPDX-License-Identifier: Apache-2.0
// Requests that two parsers could read as different numbers of requests, byte for byte through the
// real edge and straight to the instance (RFC 9112, 11.2). Nobody may see more than was answered.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <regex>
#include <span>
#include <sstream>

#include "base/os/unique_fd.h"
#include "tests/e2e/platform.h"

namespace voicectl::e2e {
namespace {

constexpr std::string_view kHost = "mario-pizza.qastco.com";

/// What follows each case. A server that has read the case as one request, or as several, or has
/// refused it, hangs up behind one of these.
std::string probes() {
  std::string out;
  for (int i = 0; i < 8; ++i) {
    out += "GET /health HTTP/1.1\r\nHost: " + std::string(kHost) + "\r\nConnection: close\r\n\r\n";
  }
  return out;
}

std::string hidden_request() {
  return "GET /api/usage HTTP/1.1\r\nHost: " + std::string(kHost) + "\r\nX-Ignore: x";
}

std::string chunk_of(const std::string& bytes) {
  std::ostringstream out;
  out << std::hex << bytes.size() << "\r\n" << bytes << "\r\n0\r\n\r\n";
  return out.str();
}

/// Header lines that tell, or seem to tell, how long a body is.
std::vector<std::string> framings(std::size_t length) {
  const std::string exact = std::to_string(length);
  std::vector<std::string> lengths = {
      "Content-Length: " + exact,
      "Content-Length: 0",
      "Content-Length: +" + exact,
      "Content-Length: -" + exact,
      "Content-Length: 0x" + exact,
      "Content-Length: 0" + exact,
      "Content-Length: " + exact + ".0",
      "Content-Length: " + exact + ", " + exact,
      "Content-Length: " + exact + ",0",
      "Content-Length:\t" + exact,
      "Content-Length : " + exact,
      "Content-Length: " + exact + " ",
      "Content-Length: ",
      "Content-Length: 18446744073709551617",
      "Content-Length\r\n : " + exact,
      "X: y\r\n Content-Length: " + exact,
      "X: y\nContent-Length: " + exact,
      "X: y\rContent-Length: " + exact,
      "Content_Length: " + exact,
      "\x0b"
      "Content-Length: " +
          exact,
      "Content-Length: 0\r\nContent-Length: " + exact,
      "Content-Length: " + exact + "\r\nContent-Length: " + exact,
  };
  const std::vector<std::string> codings = {
      "Transfer-Encoding: chunked",
      "Transfer-Encoding: Chunked",
      "Transfer-Encoding : chunked",
      "Transfer-Encoding:\tchunked",
      "Transfer-Encoding: \x0b"
      "chunked",
      "Transfer-Encoding: chunked, identity",
      "Transfer-Encoding: identity, chunked",
      "Transfer-Encoding: gzip, chunked",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
      "Transfer-Encoding: xchunked",
      "Transfer-Encoding: \"chunked\"",
      "Transfer-Encoding: chunked;q=1",
      "Transfer-Encoding:\r\n chunked",
      "X: y\r\n Transfer-Encoding: chunked",
      "X: y\nTransfer-Encoding: chunked",
      "Transfer_Encoding: chunked",
      "Transfer-Encoding",
      "Transfer-Encoding: ",
  };
  std::vector<std::string> out = lengths;
  out.insert(out.end(), codings.begin(), codings.end());
  for (const std::string& coding : codings) {
    out.push_back("Content-Length: " + exact + "\r\n" + coding);
    out.push_back(coding + "\r\nContent-Length: 0");
  }
  return out;
}

/// Bodies that end early, late, or at another place for each reading.
std::vector<std::string> bodies() {
  const std::string hidden = hidden_request();
  const std::string whole = chunk_of("{}");
  return {
      hidden,
      whole + hidden,
      "0\r\n\r\n" + hidden,
      "0\n\n" + hidden,
      "2;ext=\"\r\n\"\r\n{}\r\n0\r\n\r\n" + hidden,
      "2;a\n{}\r\n0\r\n\r\n" + hidden,
      "02\r\n{}\r\n00\r\n\r\n" + hidden,
      "0x2\r\n{}\r\n0\r\n\r\n" + hidden,
      "+2\r\n{}\r\n0\r\n\r\n" + hidden,
      "2 \r\n{}\r\n0\r\n\r\n" + hidden,
      "10000000000000002\r\n{}\r\n0\r\n\r\n" + hidden,
      "2\r\n{}0\r\n\r\n" + hidden,
      "2\r\n{}\r\n0\r\nContent-Length: 50\r\n\r\n" + hidden,
      chunk_of(hidden),
  };
}

std::vector<std::string> corpus() {
  std::vector<std::string> out;
  for (const std::string_view method : {"POST", "GET"}) {
    for (const std::string& body : bodies()) {
      for (const std::string& framing : framings(body.size())) {
        std::string request(method);
        request.append(" /api/sessions HTTP/1.1\r\nHost: ").append(kHost);
        request.append("\r\n").append(framing).append("\r\n\r\n").append(body);
        // Ends the header that hides the next request line in the rest.
        out.push_back(request + "\r\n\r\n" + probes());
      }
    }
  }
  return out;
}

UniqueFd connect_to(int port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return UniqueFd();
  }
  return socket;
}

/// Sends every request over a connection of its own, all at once, and reads what comes until the
/// servers hang up. Where one waits for more of a body, nothing comes: `patience_ms` without a byte
/// on any connection ends the waiting.
std::vector<std::string> exchange(int port,
                                  std::span<const std::string> requests,
                                  int patience_ms) {
  std::vector<UniqueFd> sockets;
  std::vector<pollfd> watched;
  for (const std::string& request : requests) {
    sockets.push_back(connect_to(port));
    EXPECT_TRUE(sockets.back().is_open());
    (void)::send(sockets.back().get(), request.data(), request.size(), MSG_NOSIGNAL);
    watched.push_back({sockets.back().get(), POLLIN, 0});
  }
  std::vector<std::string> answers(requests.size());
  std::size_t open = requests.size();
  std::array<char, 16384> buffer{};
  while (open > 0 && ::poll(watched.data(), watched.size(), patience_ms) > 0) {
    for (std::size_t i = 0; i < watched.size(); ++i) {
      if (watched[i].revents == 0) {
        continue;
      }
      const ssize_t count = ::recv(watched[i].fd, buffer.data(), buffer.size(), 0);
      if (count > 0) {
        answers[i].append(buffer.data(), static_cast<std::size_t>(count));
      } else {
        watched[i].fd = -1;
        --open;
      }
    }
  }
  return answers;
}

/// Answers of the instance, which are JSON; what the edge refuses by itself is HTML.
std::size_t count_answers(const std::string& text) {
  constexpr std::string_view kMark = "Content-Type: application/json";
  std::size_t count = 0;
  for (std::size_t at = text.find(kMark); at != std::string::npos; at = text.find(kMark, at + 1)) {
    ++count;
  }
  return count;
}

class SmugglingE2e : public ::testing::Test {
 protected:
  void SetUp() override {
    platform.up();
    const json answer = platform.voicectl_json({"ps"});
    const json& list = answer.contains("instances") ? answer["instances"] : answer;
    admin_port = list.at(0).value("port", 0);
    ASSERT_GT(admin_port, 0);
  }

  /// How many requests the instance has carried out.
  std::size_t carried_out() const {
    const std::string ask = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    const std::string metrics = exchange(admin_port, {&ask, 1}, kUntilHungUp).front();
    const std::regex line("voicectl_requests_total\\{[^}]*\\} ([0-9]+)");
    std::size_t sum = 0;
    for (std::sregex_iterator at(metrics.begin(), metrics.end(), line), end; at != end; ++at) {
      sum += std::stoul((*at)[1].str());
    }
    return sum;
  }

  struct Counts {
    std::size_t seen = 0;
    std::size_t answered = 0;
  };
  Counts send(std::span<const std::string> requests, int patience_ms) const {
    Counts counts;
    const std::size_t before = carried_out();
    for (const std::string& answers : exchange(platform.http_port(), requests, patience_ms)) {
      counts.answered += count_answers(answers);
    }
    counts.seen = carried_out() - before;
    return counts;
  }

  /// The same until both numbers agree. What is hidden in a request is seen each time; the daemon
  /// asks each tenant for its health once a minute, and an answer may be late.
  Counts send_alone(const std::string& request) const {
    Counts counts;
    for (int patience_ms = kPatience; patience_ms <= 16 * kPatience; patience_ms *= 2) {
      counts = send({&request, 1}, patience_ms);
      if (counts.seen == counts.answered) {
        break;
      }
    }
    return counts;
  }

  static constexpr int kPatience = 1000;
  static constexpr int kUntilHungUp = 60'000;

  Platform platform;
  int admin_port = 0;
};

TEST_F(SmugglingE2e, TheInstanceSeesNoRequestThatTheEdgeDidNotSend) {
  constexpr std::size_t kAtOnce = 200;
  const std::vector<std::string> cases = corpus();
  ASSERT_GT(cases.size(), 2000U);

  std::size_t seen = 0;
  for (std::size_t at = 0; at < cases.size(); at += kAtOnce) {
    const auto group = std::span(cases).subspan(at, std::min(kAtOnce, cases.size() - at));
    const Counts together = send(group, kPatience);
    seen += together.seen;
    if (together.seen == together.answered) {
      continue;
    }
    for (const std::string& one : group) {
      const Counts alone = send_alone(one);
      EXPECT_EQ(alone.seen, alone.answered) << ::testing::PrintToString(one);
    }
  }

  // The edge refuses most; what it does not refuse is what this is about.
  EXPECT_GT(seen, cases.size() / 5);
}

}  // namespace
}  // namespace voicectl::e2e
