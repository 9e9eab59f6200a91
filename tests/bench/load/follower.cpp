// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/load/follower.h"

#include <fmt/core.h>

#include <utility>

namespace voicectl::bench {
namespace {

constexpr unsigned kText = 1;
constexpr unsigned kClose = 8;
constexpr unsigned kPing = 9;
constexpr unsigned kPong = 10;

/// Any key will do: nothing here depends on its secrecy.
constexpr std::string_view kHandshake =
    "GET {} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

}  // namespace

Follower::Follower(EventLoop& loop,
                   std::uint16_t port,
                   Flavour flavour,
                   const std::string& session,
                   const std::string& token,
                   const Hooks& hooks)
    : Stream(loop, dial(port)), flavour_(flavour), session_(session), token_(token), hooks_(hooks) {
  const std::string path = flavour == Flavour::kPlain
                               ? fmt::format("/ws/sessions/{}?token={}", session, token)
                               : "/socket.io/?EIO=4&transport=websocket";
  send(fmt::format(fmt::runtime(kHandshake), path));
}

std::size_t Follower::on_received(std::string_view bytes) {
  std::size_t taken = is_upgraded_ ? 0 : take_handshake(bytes);
  while (is_upgraded_) {
    const std::size_t size = take_frame(bytes.substr(taken));
    if (size == 0) {
      break;
    }
    taken += size;
  }
  return taken;
}

std::size_t Follower::take_handshake(std::string_view bytes) {
  const HttpMessage answer = take_message(bytes);
  if (answer.size == 0) {
    return 0;
  }
  if (status_of(answer) != 101) {
    hooks_.on_end(*this, fmt::format("{} {}", answer.start_line, answer.body));
    return answer.size;
  }
  is_upgraded_ = true;
  if (flavour_ == Flavour::kPlain) {
    become_open();
  }
  return answer.size;
}

std::size_t Follower::take_frame(std::string_view bytes) {
  if (bytes.size() < 2) {
    return 0;
  }
  std::size_t length = byte_at(bytes, 1) & 0x7fU;
  std::size_t head = 2;
  if (length == 126) {
    head = 4;
    length = bytes.size() < 4 ? 0 : (byte_at(bytes, 2) << 8U) | byte_at(bytes, 3);
  }
  if (bytes.size() < head + length) {
    return 0;
  }
  const std::string_view payload = bytes.substr(head, length);
  const unsigned opcode = byte_at(bytes, 0) & 0x0fU;
  if (opcode == kText) {
    take_text(payload);
  } else if (opcode == kPing) {
    send_frame(kPong, payload);
  } else if (opcode == kClose) {
    hooks_.on_end(*this, "the server closed the WebSocket");
  }
  return head + length;
}

void Follower::take_text(std::string_view text) {
  if (flavour_ == Flavour::kPlain) {
    hooks_.on_text(*this, text);
  } else if (text.starts_with('0')) {
    send_frame(kText, fmt::format(R"(40{{"session":"{}","token":"{}"}})", session_, token_));
  } else if (text.starts_with("40")) {
    become_open();
  } else if (text.starts_with("44")) {
    hooks_.on_end(*this, std::string(text));
  } else if (text == "2") {
    send_frame(kText, "3");
  } else {
    hooks_.on_text(*this, text);
  }
}

void Follower::become_open() {
  if (!std::exchange(is_open_, true)) {
    hooks_.on_open(*this);
  }
}

void Follower::send_frame(unsigned opcode, std::string_view payload) {
  std::string frame;
  frame += static_cast<char>(0x80U | opcode);
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80U | payload.size());
  } else {
    frame += static_cast<char>(0x80U | 126U);
    frame += static_cast<char>(payload.size() >> 8U);
    frame += static_cast<char>(payload.size() & 0xffU);
  }
  // A mask of zeros is one.
  frame.append(4, '\0');
  frame += payload;
  send(frame);
}

void Follower::on_closed() {
  hooks_.on_end(*this, "the server closed the connection");
}

}  // namespace voicectl::bench
