// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "base/os/unique_fd.h"

namespace voicectl::e2e {

/// A connection to the edge that sends bytes as they are, and keeps those that come.
class EdgeSocket {
 public:
  EdgeSocket(int port, const std::string& request)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    has_ended_ = ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                           sizeof address) != 0 ||
                 ::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
                     static_cast<ssize_t>(request.size());
  }

  /// Reads until `text` has come; false if it ends before, or nothing comes for that long.
  bool wait_for(const std::string& text, int patience_ms = 20'000) {
    while (received_.find(text) == std::string::npos) {
      if (has_ended_ || !read(patience_ms)) {
        return false;
      }
    }
    return true;
  }
  /// Reads to the end; what came.
  const std::string& read_all() {
    while (!has_ended_ && read(20'000)) {
    }
    return received_;
  }
  /// What came, with what is there now.
  const std::string& received() {
    while (!has_ended_ && read(0)) {
    }
    return received_;
  }
  bool has_ended() const { return has_ended_; }

 private:
  /// Takes what comes next; false if nothing does.
  bool read(int patience_ms) {
    pollfd waiting{socket_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, patience_ms) <= 0) {
      return false;
    }
    std::array<char, 16384> bytes{};
    const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    has_ended_ = count <= 0;
    received_.append(bytes.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
    return true;
  }

  UniqueFd socket_;
  std::string received_;
  bool has_ended_ = false;
};

/// The request that opens a WebSocket there.
inline std::string upgrade_request(const std::string& host, const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: " + host +
         "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}

}  // namespace voicectl::e2e
