// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/runtime/byte_peer.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include "base/check.h"

namespace voicectl {

BytePeer::BytePeer(AsioReactor& reactor, std::uint16_t port)
    : reactor_(reactor), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  VC_CHECK(
      ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
      "the listener's queue takes the connection");
  // Or the second of two small pieces waits for the kernel to hear that the first one has come.
  const int is_wanted = 1;
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &is_wanted, sizeof is_wanted);
  watch_ = reactor_.watch_readable(socket_.get(), [this] { read(); });
}

BytePeer::~BytePeer() {
  hang_up();
}

void BytePeer::hang_up() {
  if (watch_) {
    reactor_.unwatch(*std::exchange(watch_, std::nullopt));
  }
  socket_.close();
}

void BytePeer::send(std::string_view bytes) {
  VC_CHECK(bytes.empty() || ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                                static_cast<ssize_t>(bytes.size()),
           "a few bytes fit into the socket");
}

void BytePeer::read() {
  char bytes[65536];
  const ssize_t count = ::recv(socket_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (count > 0) {
    received_.append(bytes, static_cast<std::size_t>(count));
    return;
  }
  has_ended_ = true;
  reactor_.unwatch(*watch_);
  watch_.reset();
}

void BytePeer::upgrade(const std::string& key, const std::string& path) {
  send(
      fmt::format("GET {} HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                  path, key));
}

}  // namespace voicectl
