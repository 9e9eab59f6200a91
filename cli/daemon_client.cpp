// SPDX-License-Identifier: Apache-2.0
#include "cli/daemon_client.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/os/unique_fd.h"

namespace voicectl {
namespace {

namespace http = boost::beast::http;

constexpr std::size_t kLongestAnswer = 256U << 20;
constexpr std::size_t kLongestLine = 4U << 20;
constexpr JsonBudget kAnswerBudget{kLongestAnswer, 64, 5'000'000};

Error unreachable(const std::string& path, int number) {
  const char* const remedy = number == EACCES || number == EPERM
                                 ? "ask as root or as the user that runs the daemon"
                                 : "start it with 'voicectl up', or name its socket with --socket";
  return Error(
      number == EACCES || number == EPERM ? ErrorCode::kPermissionDenied : ErrorCode::kUnavailable,
      fmt::format("cannot reach voicectld at '{}': {}; {}", path, std::strerror(number), remedy));
}

Error broken(std::string_view why) {
  return Error(ErrorCode::kCorrupt, fmt::format("cannot read the daemon's answer: {}", why));
}

/// The failure that an answer stands for.
Error refusal(int status, const std::string& body) {
  const Result<Json> json = parse_json(body, kAnswerBudget);
  if (json.has_value() && json->is_object() && json->contains("error") &&
      (*json)["error"].is_object()) {
    const Json& error = (*json)["error"];
    return Error(error_code_named(string_or(error, "code", "internal")),
                 string_or(error, "message", "cannot do it: the daemon gave no reason"));
  }
  return broken(fmt::format("status {} without a reason", status));
}

/// One connection: a request, then its answer as it comes.
class Exchange {
 public:
  explicit Exchange(std::string path) : path_(std::move(path)) {}

  Status connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof(address.sun_path)) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("cannot use '{}' as a socket: it has more than {} characters", path_,
                               sizeof(address.sun_path) - 1));
    }
    std::memcpy(address.sun_path, path_.data(), path_.size());
    socket_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket_.is_open() || ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                                        sizeof(address)) != 0) {
      return unreachable(path_, errno);
    }
    return check_peer();
  }

  /// Zero waits for ever.
  void set_timeout(Duration length) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(length);
    const timeval limit{seconds.count(), 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  }

  Status send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) {
        continue;
      }
      if (sent < 0) {
        return lost(errno);
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return ok_status();
  }

  /// More bytes of the answer; none at its end.
  Result<std::string_view> receive() {
    while (true) {
      const ssize_t got = ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
      if (got >= 0) {
        return std::string_view(buffer_.data(), static_cast<std::size_t>(got));
      }
      if (errno != EINTR) {
        return lost(errno);
      }
    }
  }

 private:
  /// Whoever may write into a folder can listen there. What is asked for must not go to a stranger.
  Status check_peer() const {
    ucred peer{};
    socklen_t size = sizeof(peer);
    const std::uint32_t own = ::geteuid();
    if (::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
        (own == 0 || peer.uid == own || peer.uid == 0)) {
      return ok_status();
    }
    return Error(ErrorCode::kPermissionDenied,
                 fmt::format("cannot trust what listens at '{}': it runs as user {}; name your own "
                             "daemon's socket with --socket",
                             path_, peer.uid));
  }

  Error lost(int number) const {
    if (number == EAGAIN || number == EWOULDBLOCK) {
      return Error(ErrorCode::kTimeout,
                   "cannot wait any longer for voicectld: it does not answer; see its log");
    }
    return Error(
        ErrorCode::kUnavailable,
        fmt::format("cannot go on talking to voicectld: {}; see its log", std::strerror(number)));
  }

  std::string path_;
  UniqueFd socket_;
  std::array<char, 64U << 10> buffer_{};
};

/// Reads an answer and gives its body away in pieces.
class AnswerReader {
 public:
  AnswerReader() {
    parser_.eager(true);
    parser_.body_limit(boost::none);
  }

  bool is_done() const { return parser_.is_done(); }
  bool has_status() const { return parser_.is_header_done(); }
  int status() const { return static_cast<int>(parser_.get().result_int()); }
  /// What came of the body since the last call.
  std::string take_body() { return std::exchange(parser_.get().body(), std::string()); }

  /// An empty `bytes` says that the connection has ended.
  Status put(std::string_view bytes) {
    if (bytes.empty()) {
      return put_end();
    }
    pending_ += bytes;
    boost::beast::error_code problem;
    while (!pending_.empty() && !parser_.is_done()) {
      const std::size_t used = parser_.put(boost::asio::buffer(pending_), problem);
      pending_.erase(0, used);
      if (problem == http::error::need_more) {
        return ok_status();
      }
      if (problem) {
        return broken(problem.message());
      }
    }
    return ok_status();
  }

 private:
  /// Some answers end with the connection; others are cut off by that.
  Status put_end() {
    boost::beast::error_code problem;
    if (parser_.got_some()) {
      parser_.put_eof(problem);
    }
    if (!problem && parser_.is_done()) {
      return ok_status();
    }
    return Error(
        ErrorCode::kUnavailable,
        "cannot read the daemon's answer to its end: the daemon closed the connection; see "
        "its log");
  }

  http::response_parser<http::string_body> parser_;
  std::string pending_;
};

/// Cuts a stream of bytes into lines.
class LineCutter {
 public:
  Status put(const std::string& bytes, const DaemonClient::OnLine& on_line) {
    rest_ += bytes;
    std::size_t begin = 0;
    for (std::size_t end = rest_.find('\n'); end != std::string::npos;
         end = rest_.find('\n', begin)) {
      VC_TRY(on_line(std::string_view(rest_).substr(begin, end - begin)));
      begin = end + 1;
    }
    rest_.erase(0, begin);
    return rest_.size() <= kLongestLine ? ok_status() : Status(broken("a line has no end"));
  }

 private:
  std::string rest_;
};

class SocketClient final : public DaemonClient {
 public:
  SocketClient(std::string path, std::string from)
      : path_(std::move(path)), from_(std::move(from)) {}

  Result<Json> call(std::string_view method,
                    std::string_view target,
                    const std::string& body) override {
    std::string text;
    int status = 0;
    const Duration silence = method == "GET" ? kCallTimeout : kWorkTimeout;
    VC_TRY(exchange(method, target, body, silence, [&](AnswerReader& reader) -> Status {
      status = reader.status();
      text += reader.take_body();
      return text.size() <= kLongestAnswer ? ok_status() : Status(broken("it is too long"));
    }));
    if (status / 100 != 2) {
      return refusal(status, text);
    }
    Result<Json> json = parse_json(text, kAnswerBudget);
    return json.has_error() ? Result<Json>(broken(json.error().message())) : json;
  }

  Status stream(std::string_view method,
                std::string_view target,
                const std::string& body,
                const OnLine& on_line) override {
    LineCutter lines;
    std::string problem;
    int status = 0;
    // No limit: a stream that is followed may be silent for days.
    VC_TRY(exchange(method, target, body, Duration::zero(), [&](AnswerReader& reader) -> Status {
      status = reader.status();
      if (status / 100 != 2) {
        problem += reader.take_body();
        return ok_status();
      }
      return lines.put(reader.take_body(), on_line);
    }));
    return status / 100 == 2 ? ok_status() : Status(refusal(status, problem));
  }

 private:
  Status exchange(std::string_view method,
                  std::string_view target,
                  const std::string& body,
                  Duration silence,
                  const std::function<Status(AnswerReader&)>& on_bytes) {
    Exchange exchange(path_);
    VC_TRY(exchange.connect());
    exchange.set_timeout(silence);
    VC_TRY(
        exchange.send(fmt::format("{} {} HTTP/1.1\r\nHost: voicectld\r\nConnection: close\r\n"
                                  "Content-Type: application/json\r\nX-Voicectl-From: {}\r\n"
                                  "Content-Length: {}\r\n\r\n",
                                  method, target, from_, body.size())));
    VC_TRY(exchange.send(body));
    AnswerReader reader;
    while (!reader.is_done()) {
      VC_TRY(const std::string_view bytes, exchange.receive());
      VC_TRY(reader.put(bytes));
      if (reader.has_status()) {
        VC_TRY(on_bytes(reader));
      }
    }
    return ok_status();
  }

  std::string path_;
  std::string from_;
};

}  // namespace

Result<Json> DaemonClient::get(std::string_view target) {
  return call("GET", target, "");
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::unique_ptr<DaemonClient> make_daemon_client(std::string socket_path, std::string from) {
  return std::make_unique<SocketClient>(std::move(socket_path), std::move(from));
}

}  // namespace voicectl
