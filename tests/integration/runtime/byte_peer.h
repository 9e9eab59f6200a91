// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/os/asio_reactor.h"
#include "base/os/unique_fd.h"

namespace voicectl {

/// A peer of a tenant that writes bytes as they are, and keeps those that come.
class BytePeer {
 public:
  BytePeer(AsioReactor& reactor, std::uint16_t port);
  ~BytePeer();
  BytePeer(const BytePeer&) = delete;
  BytePeer& operator=(const BytePeer&) = delete;

  void send(std::string_view bytes);
  const std::string& received() const { return received_; }
  bool has_head() const { return received_.find("\r\n\r\n") != std::string::npos; }
  /// Drops the head of an answer. REQUIRES: it is there.
  void forget_head() { received_.erase(0, received_.find("\r\n\r\n") + 4); }
  bool has_ended() const { return has_ended_; }
  /// Closes its socket.
  void hang_up();
  /// Begins a WebSocket that follows the tenant's events.
  void upgrade(const std::string& key, const std::string& path = "/ws/staff");

 private:
  void read();

  AsioReactor& reactor_;
  UniqueFd socket_;
  std::optional<WatchId> watch_;
  std::string received_;
  bool has_ended_ = false;
};

}  // namespace voicectl
