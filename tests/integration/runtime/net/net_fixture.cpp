// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/runtime/net/net_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <chrono>

#include "base/os/posix_listener_factory.h"
#include "runtime/net/websocket_codec.h"

namespace voicectl::test {
namespace {

Port port_of(const UniqueFd& socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return Port::make(ntohs(address.sin_port)).value();
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

UniqueFd connect_to(Port port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port.value());
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
            0);
  return socket;
}

}  // namespace

bool Loop::run_until(const std::function<bool()>& happened, Duration limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!happened()) {
    if (reactor_.context().run_one_until(end) == 0) {
      return happened();
    }
  }
  return true;
}

void Loop::settle() {
  while (reactor_.context().poll() > 0) {
  }
}

TcpListener listen_on_loopback() {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_in address = loopback(0);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(socket.get(), 4096), 0);
  const Port port = port_of(socket);
  return {std::move(socket), port};
}

UniqueFd listen_at(const std::string& path) {
  PosixListenerFactory factory;
  auto listener = factory.bind_unix(path, SocketAccess{});
  EXPECT_TRUE(listener.has_value());
  return listener.has_value() ? std::move(*listener) : UniqueFd();
}

std::pair<UniqueFd, UniqueFd> connected_pair() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

RawPeer::RawPeer(Loop& loop, UniqueFd socket) : loop_(loop), socket_(std::move(socket)) {
  watch();
}

RawPeer::RawPeer(Loop& loop, Port port) : RawPeer(loop, connect_to(port)) {}

RawPeer::~RawPeer() {
  unwatch();
}

void RawPeer::watch() {
  watch_ = loop_.reactor().watch_readable(socket_.get(), [this] {
    char buffer[65536];
    const ssize_t size = ::recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (size > 0) {
      received_.append(buffer, static_cast<std::size_t>(size));
    } else if (size == 0 || errno != EAGAIN) {
      has_ended_ = true;
      unwatch();
    }
  });
}

void RawPeer::unwatch() {
  if (watch_) {
    loop_.reactor().unwatch(*std::exchange(watch_, std::nullopt));
  }
}

void RawPeer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent =
        ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      loop_.reactor().context().run_one();
    } else {
      return;
    }
  }
}

void RawPeer::dribble(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    send(bytes.substr(at, 1));
    loop_.settle();
  }
}

void RawPeer::read_again() {
  watch();
}

void RawPeer::stop_reading() {
  unwatch();
}

void RawPeer::shut_sending() {
  ::shutdown(socket_.get(), SHUT_WR);
}

void RawPeer::reset() {
  unwatch();
  const linger at_once{1, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  socket_.close();
}

bool RawPeer::wait_for(std::string_view text) {
  return loop_.run_until([&] { return received_.find(text) != std::string::npos; });
}

bool RawPeer::wait_for_end() {
  return loop_.run_until([&] { return has_ended_; });
}

EchoServer::EchoServer(Loop& loop, ConnectionLimits limits) : port_(Port::make(1).value()) {
  HttpServer::Handlers handlers;
  handlers.on_request = [this](HttpRequest request, std::shared_ptr<Responder> responder) {
    on_request(std::move(request), std::move(responder));
  };
  handlers.on_adopted = [this](const std::string& tag, const std::string& note,
                               std::shared_ptr<WebSocket> socket) {
    last_adopted_tag = tag;
    last_adopted_note = note;
    echo(socket);
  };
  server_ = std::make_unique<HttpServer>(loop.reactor(), std::move(handlers), limits);
  TcpListener listener = listen_on_loopback();
  port_ = listener.port;
  server_->serve(std::move(listener.socket));
}

void EchoServer::on_request(HttpRequest request, std::shared_ptr<Responder> responder) {
  last_request = request;
  if (request.path == "/wait") {
    waiting.push_back(std::move(responder));
    return;
  }
  if (request.path == "/ws") {
    const auto socket = responder->upgrade("session/1");
    if (socket.has_value()) {
      echo(*socket);
    }
    return;
  }
  if (request.path == "/forgotten") {
    return;
  }
  HttpResponse response;
  response.body = request.path + (request.body.empty() ? "" : ":" + request.body);
  if (request.path == "/cookie") {
    response.headers.emplace_back("Set-Cookie", "sid=Guest; path=/");
  }
  if (request.path == "/long") {
    response.body = std::string(8U << 20, 'x') + "end";
  }
  responder->send(response);
}

void EchoServer::echo(const std::shared_ptr<WebSocket>& socket) {
  last_websocket = socket;
  WebSocket::Handlers handlers;
  handlers.on_text = [weak = std::weak_ptr(socket)](std::string text) {
    if (const auto open = weak.lock()) {
      open->send_text("echo " + text);
    }
  };
  handlers.on_close = [this](std::uint16_t code) { close_codes.push_back(code); };
  socket->set_handlers(std::move(handlers));
}

Copying::Copying(HttpServer& from, HttpServer& to) : from_(from), to_(to) {
  to_.hold();
  from_.begin_copy();
}

void Copying::tell() {
  while (from_.changes() > 0) {
    ConnectionChanges changes = from_.take_changes(64, 1U << 20);
    for (ConnectionChange& change : changes.changed) {
      UniqueFd socket(change.socket ? ::fcntl(*change.socket, F_DUPFD_CLOEXEC, 0) : -1);
      EXPECT_TRUE(to_.adopt_copy(change.id, std::move(socket), std::move(change.state)));
      ++told_;
    }
    for (const CopyId id : changes.gone) {
      EXPECT_TRUE(to_.drop_copy(id));
    }
  }
}

void Copying::freeze() {
  cut_short_ = from_.freeze();
  tell();
}

void Copying::finish() {
  freeze();
  to_.go();
  from_.let_go([] {});
}

std::string client_text(std::string_view text) {
  std::string frame;
  append_masked_frame(frame, Opcode::kText, text, 0x01020304);
  return frame;
}

std::string upgrade_request() {
  return "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}

}  // namespace voicectl::test
