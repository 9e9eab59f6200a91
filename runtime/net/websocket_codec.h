// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace voicectl {

/// Which end of the connection we are: clients mask what they send, servers do not.
enum class WebSocketRole { kServer, kClient };

enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

/// Codes of RFC 6455, 7.4.1.
namespace close_code {
inline constexpr std::uint16_t kNormal = 1000;
inline constexpr std::uint16_t kGoingAway = 1001;
inline constexpr std::uint16_t kProtocolError = 1002;
inline constexpr std::uint16_t kUnsupported = 1003;
inline constexpr std::uint16_t kNone = 1005;    ///< a close frame without a code; never sent
inline constexpr std::uint16_t kBroken = 1006;  ///< no close frame; never sent
inline constexpr std::uint16_t kNotUtf8 = 1007;
inline constexpr std::uint16_t kPolicy = 1008;
inline constexpr std::uint16_t kTooLong = 1009;
inline constexpr std::uint16_t kRestart = 1012;
inline constexpr std::uint16_t kTryLater = 1013;
}  // namespace close_code

struct TextMessage {
  std::string text;
  friend bool operator==(const TextMessage&, const TextMessage&) = default;
};
struct BinaryMessage {
  std::string bytes;
  friend bool operator==(const BinaryMessage&, const BinaryMessage&) = default;
};
struct Ping {
  std::string payload;
  friend bool operator==(const Ping&, const Ping&) = default;
};
struct Pong {
  std::string payload;
  friend bool operator==(const Pong&, const Pong&) = default;
};
/// A frame of a message that adds nothing to it and does not end it. Only worth counting: there can
/// be any number of them.
struct EmptyFragment {
  friend bool operator==(const EmptyFragment&, const EmptyFragment&) = default;
};
struct PeerClose {
  std::uint16_t code = close_code::kNone;
  std::string reason;
  friend bool operator==(const PeerClose&, const PeerClose&) = default;
};
/// The peer broke the protocol; the connection fails with `code`.
struct ProtocolFailure {
  std::uint16_t code = close_code::kProtocolError;
  std::string reason;
  friend bool operator==(const ProtocolFailure&, const ProtocolFailure&) = default;
};
using WebSocketEvent =
    std::variant<TextMessage, BinaryMessage, EmptyFragment, Ping, Pong, PeerClose, ProtocolFailure>;

/// What a codec knows, as plain data.
struct WebSocketCodecState {
  /// Received, not yet consumed: at most one unfinished frame once `next` said so.
  std::string unread;
  /// Opcode of the message being joined; kContinuation when there is none.
  Opcode fragment_opcode = Opcode::kContinuation;
  std::string fragments;
};

/// Makes WebSocket events of bytes (RFC 6455, no extensions), without any I/O.
///
/// Pull one event at a time: between two of them the state is exact, so that a connection can be
/// moved while the event before is still being acted on. Nothing follows PeerClose or
/// ProtocolFailure.
class WebSocketCodec {
 public:
  WebSocketCodec(WebSocketRole role, std::size_t message_bytes, WebSocketCodecState state = {});

  /// Adds bytes in the order of their arrival, in pieces of any size.
  void feed(std::string_view bytes);
  /// The next event, if its bytes are here.
  std::optional<WebSocketEvent> next();

  /// True if no byte waits to become an event.
  bool is_idle() const { return pending().empty(); }
  /// What another codec goes on with.
  WebSocketCodecState state() const;
  // The same, without copies.
  std::string_view unread() const { return pending(); }
  std::string_view fragments() const { return state_.fragments; }
  Opcode fragment_opcode() const { return state_.fragment_opcode; }

 private:
  struct Header {
    bool is_final = false;
    std::uint8_t opcode = 0;
    std::size_t size = 0;  ///< of the header itself
    std::uint64_t length = 0;
    std::string_view mask;
  };

  std::string_view pending() const { return std::string_view(state_.unread).substr(consumed_); }
  std::optional<Header> parse_header() const;
  /// The failure that the first two bytes already prove.
  std::optional<ProtocolFailure> check_start(std::uint8_t first, std::uint8_t second) const;
  std::optional<ProtocolFailure> check_length(const Header& header) const;
  std::optional<WebSocketEvent> accept_frame(const Header& header, std::string payload);
  std::optional<WebSocketEvent> accept_data(const Header& header, std::string payload);
  std::optional<WebSocketEvent> accept_close(const std::string& payload);
  WebSocketEvent fail(ProtocolFailure failure);
  bool is_utf8_so_far(bool is_final);
  void compact();

  WebSocketRole role_;
  bool ended_ = false;
  std::size_t message_bytes_;
  WebSocketCodecState state_;
  /// Bytes at the front of `unread` that were turned into events.
  std::size_t consumed_ = 0;
  /// Bytes at the front of `fragments` known to be whole UTF-8 characters. Derived: starting at
  /// zero again costs only time.
  std::size_t checked_ = 0;
};

/// Whether a frame ends its message.
enum class FrameEnd { kFinal, kContinues };

/// Appends a frame as a server sends it.
void append_frame(std::string& out,
                  Opcode opcode,
                  std::string_view payload,
                  FrameEnd end = FrameEnd::kFinal);

/// Appends a frame as a client sends it, masked with `key` (which must be unpredictable).
void append_masked_frame(std::string& out,
                         Opcode opcode,
                         std::string_view payload,
                         std::uint32_t key,
                         FrameEnd end = FrameEnd::kFinal);

/// The payload of a close frame. A code that may not be sent gives an empty one; the reason is cut
/// to what a control frame holds, at a character's end.
std::string close_payload(std::uint16_t code, std::string_view reason);

/// True for codes that may stand in a close frame.
bool is_sendable_close_code(std::uint16_t code);

}  // namespace voicectl
