// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/websocket_dial.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <charconv>
#include <utility>

#include "runtime/net/http_text.h"
#include "runtime/net/websocket_handshake.h"

namespace voicectl {
namespace {

constexpr std::size_t kMostAnswerBytes = std::size_t{16} * 1024;

/// Longest path that a unix address holds.
constexpr std::size_t kMostUnixPath = 107;

struct AnswerHead {
  int status = 0;
  HttpHeaders headers;
};

AnswerHead parse_answer(std::string_view head) {
  AnswerHead answer;
  constexpr std::string_view kStart = "HTTP/1.1 ";
  if (head.starts_with(kStart)) {
    const std::string_view digits = head.substr(kStart.size(), 3);
    (void)std::from_chars(digits.data(), digits.data() + digits.size(),
                          answer.status);  // stays 0 when it is no number, which is no 101
  }
  for (std::size_t at = head.find("\r\n"); at + 2 < head.size();) {
    const std::size_t end = head.find("\r\n", at + 2);
    const std::string_view line = head.substr(at + 2, end - at - 2);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      answer.headers.emplace_back(line.substr(0, colon), trim_blanks(line.substr(colon + 1)));
    }
    at = end;
  }
  return answer;
}

ErrorCode code_for(int status) {
  if (status == 401 || status == 403) {
    return ErrorCode::kPermissionDenied;
  }
  return status == 404 ? ErrorCode::kNotFound : ErrorCode::kUnavailable;
}

bool breaks_lines(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

}  // namespace

WebSocketDial::WebSocketDial(AsioReactor& reactor, Random& random, WebSocketCall call)
    : reactor_(reactor),
      call_(std::move(call)),
      key_(make_websocket_key(random)),
      socket_(reactor.context()) {}

WebSocketDial::~WebSocketDial() {
  stop();
}

void WebSocketDial::start(Done done) {
  done_ = std::move(done);
  const std::optional<Endpoint> endpoint = find_endpoint();
  if (!endpoint || !is_call_allowed()) {
    reactor_.post([weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->finish(self->failed(ErrorCode::kInvalidArgument,
                                  "its address, its target or a header is not allowed"));
      }
    });
    return;
  }
  timer_ = reactor_.call_after(call_.timeout, [this] {
    timer_.reset();
    finish(failed(ErrorCode::kTimeout, "no answer in " + format_duration(call_.timeout)));
  });
  connect(*endpoint);
}

void WebSocketDial::stop() {
  done_ = nullptr;
  if (timer_) {
    reactor_.cancel(*timer_);
    timer_.reset();
  }
  if (const auto wire = std::exchange(wire_, nullptr)) {
    wire->close();
  }
  boost::system::error_code ignored;
  socket_.close(ignored);
}

bool WebSocketDial::is_call_allowed() const {
  bool is_allowed = call_.target.starts_with('/') && call_.target.find(' ') == std::string::npos &&
                    !breaks_lines(call_.target) && !breaks_lines(call_.host_header);
  for (const auto& [name, value] : call_.headers) {
    is_allowed = is_allowed && is_token(name) && !breaks_lines(value);
  }
  return is_allowed;
}

std::optional<WebSocketDial::Endpoint> WebSocketDial::find_endpoint() const {
  namespace asio = boost::asio;
  if (!call_.unix_socket.empty()) {
    if (call_.unix_socket.size() > kMostUnixPath) {
      return std::nullopt;
    }
    return Endpoint(asio::local::stream_protocol::endpoint(call_.unix_socket));
  }
  boost::system::error_code error;
  const std::string host = call_.host == "localhost" ? "127.0.0.1" : call_.host;
  const auto address = asio::ip::make_address(host, error);
  if (error || !call_.port) {
    return std::nullopt;
  }
  return Endpoint(asio::ip::tcp::endpoint(address, call_.port->value()));
}

void WebSocketDial::connect(const Endpoint& endpoint) {
  socket_.async_connect(endpoint, [weak = weak_from_this()](boost::system::error_code error) {
    if (const auto self = weak.lock()) {
      self->on_connected(error);
    }
  });
}

void WebSocketDial::on_connected(boost::system::error_code error) {
  if (!done_) {
    return;
  }
  if (error) {
    const bool is_absent = error == boost::system::errc::no_such_file_or_directory;
    finish(failed(is_absent ? ErrorCode::kNotFound : ErrorCode::kUnavailable, error.message()));
    return;
  }
  UniqueFd socket(socket_.release(error));
  wire_ = std::make_shared<Wire>(reactor_.context(), std::move(socket), render_request());
  wire_->set_owner(*this);
  wire_->resume();
}

std::string WebSocketDial::render_request() const {
  std::string text = "GET " + call_.target + " HTTP/1.1\r\nHost: " + call_.host_header + "\r\n";
  text += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
  text += "Sec-WebSocket-Key: " + key_ + "\r\n";
  for (const auto& [name, value] : call_.headers) {
    text.append(name).append(": ").append(value).append("\r\n");
  }
  return text + "\r\n";
}

void WebSocketDial::on_bytes(std::string_view bytes) {
  answer_.append(bytes);
  const std::size_t end = answer_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (answer_.size() > kMostAnswerBytes) {
      finish(failed(ErrorCode::kUnavailable, "the answer has too many headers"));
    }
    return;
  }
  const Status checked = check_answer(std::string_view(answer_).substr(0, end + 2));
  if (checked.has_error()) {
    finish(checked.error());
    return;
  }
  DialedSocket dialed;
  dialed.wire = std::exchange(wire_, nullptr);
  dialed.wire->pause();
  dialed.unread = answer_.substr(end + 4);
  finish(std::move(dialed));
}

Status WebSocketDial::check_answer(std::string_view head) const {
  const AnswerHead answer = parse_answer(head);
  if (answer.status != 101) {
    return failed(code_for(answer.status), "the server answered " + std::to_string(answer.status));
  }
  if (find_header(answer.headers, "Sec-WebSocket-Accept").value_or("") != websocket_accept(key_)) {
    return failed(ErrorCode::kUnavailable, "the answer does not fit the key");
  }
  return ok_status();
}

void WebSocketDial::on_end() {
  finish(failed(ErrorCode::kUnavailable, "the server hung up"));
}

void WebSocketDial::on_broken() {
  finish(failed(ErrorCode::kUnavailable, "the connection broke"));
}

Error WebSocketDial::failed(ErrorCode code, const std::string& why) const {
  return Error(code, "cannot open a WebSocket at '" + call_.target + "': " + why);
}

void WebSocketDial::finish(Result<DialedSocket> result) {
  const auto self = shared_from_this();
  const Done done = std::exchange(done_, nullptr);
  stop();
  if (done) {
    done(std::move(result));
  }
}

}  // namespace voicectl
