// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "tests/bench/load/event_loop.h"

namespace voicectl::bench {

/// How events of a session are followed: with plain WebSockets at `/ws/sessions/<id>`, or with
/// Socket.io 4, which speaks a protocol of its own inside of one.
enum class Flavour { kPlain, kSocketIo };

/// Client of one WebSocket. Answers pings, of the frame and of Socket.io, and counts on nothing
/// else from its peer than whole frames of less than 64 KiB.
class Follower final : public Stream {
 public:
  struct Hooks {
    std::function<void(Follower&)> on_open;
    std::function<void(Follower&, std::string_view text)> on_text;
    std::function<void(Follower&, std::string why)> on_end;
  };
  /// REQUIRES: `hooks` outlives it.
  Follower(EventLoop& loop,
           std::uint16_t port,
           Flavour flavour,
           const std::string& session,
           const std::string& token,
           const Hooks& hooks);

 private:
  std::size_t on_received(std::string_view bytes) override;
  void on_closed() override;
  std::size_t take_handshake(std::string_view bytes);
  /// Size of the frame at the front; 0 while it is not whole.
  std::size_t take_frame(std::string_view bytes);
  void take_text(std::string_view text);
  void send_frame(unsigned opcode, std::string_view payload);
  void become_open();

  Flavour flavour_;
  std::string session_;
  std::string token_;
  const Hooks& hooks_;
  bool is_upgraded_ = false;
  bool is_open_ = false;
};

}  // namespace voicectl::bench
