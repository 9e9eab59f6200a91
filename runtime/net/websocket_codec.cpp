// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/websocket_codec.h"

#include <array>
#include <utility>

#include "runtime/net/utf8.h"

namespace voicectl {
namespace {

constexpr std::uint8_t kFinalBit = 0x80;
constexpr std::uint8_t kReservedBits = 0x70;
constexpr std::uint8_t kOpcodeBits = 0x0F;
constexpr std::uint8_t kMaskBit = 0x80;
constexpr std::uint8_t kLengthBits = 0x7F;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;
constexpr std::size_t kMaskSize = 4;
constexpr std::size_t kMaxControlPayload = 125;

std::uint8_t byte_at(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

std::uint64_t read_number(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char c : bytes) {
    number = number << 8U | static_cast<std::uint8_t>(c);
  }
  return number;
}

bool is_control(std::uint8_t opcode) {
  return opcode >= 8;
}

bool is_known(std::uint8_t opcode) {
  return opcode <= 2 || (opcode >= 8 && opcode <= 10);
}

std::size_t length_field_size(std::uint8_t short_length) {
  if (short_length == kLength16) {
    return 2;
  }
  return short_length == kLength64 ? 8 : 0;
}

void apply_mask(char* bytes, std::size_t size, std::string_view mask) {
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>(bytes[i] ^ mask[i % kMaskSize]);
  }
}

void append_number(std::string& out, std::uint64_t number, std::size_t size) {
  for (std::size_t i = size; i > 0; --i) {
    out += static_cast<char>(number >> (8 * (i - 1)) & 0xFFU);
  }
}

void append_header(
    std::string& out, Opcode opcode, std::size_t length, FrameEnd end, std::uint8_t mask_bit) {
  const std::uint8_t final_bit = end == FrameEnd::kFinal ? kFinalBit : 0;
  out += static_cast<char>(final_bit | static_cast<std::uint8_t>(opcode));
  if (length < kLength16) {
    out += static_cast<char>(mask_bit | length);
  } else if (length <= 0xFFFF) {
    out += static_cast<char>(mask_bit | kLength16);
    append_number(out, length, 2);
  } else {
    out += static_cast<char>(mask_bit | kLength64);
    append_number(out, length, 8);
  }
}

ProtocolFailure broken(std::string reason) {
  return {close_code::kProtocolError, std::move(reason)};
}

}  // namespace

WebSocketCodec::WebSocketCodec(WebSocketRole role,
                               std::size_t message_bytes,
                               WebSocketCodecState state)
    : role_(role), message_bytes_(message_bytes), state_(std::move(state)) {}

void WebSocketCodec::feed(std::string_view bytes) {
  if (!ended_) {
    state_.unread.append(bytes);
  }
}

WebSocketCodecState WebSocketCodec::state() const {
  return {std::string(pending()), state_.fragment_opcode, state_.fragments};
}

std::optional<WebSocketEvent> WebSocketCodec::next() {
  while (!ended_) {
    const std::string_view bytes = pending();
    if (bytes.size() < 2) {
      break;
    }
    if (auto failure = check_start(byte_at(bytes, 0), byte_at(bytes, 1))) {
      return fail(std::move(*failure));
    }
    const auto header = parse_header();
    if (!header) {
      break;
    }
    if (auto failure = check_length(*header)) {
      return fail(std::move(*failure));
    }
    if (bytes.size() - header->size < header->length) {
      break;
    }
    std::string payload(bytes.substr(header->size, header->length));
    if (!header->mask.empty()) {
      apply_mask(payload.data(), payload.size(), header->mask);
    }
    consumed_ += header->size + payload.size();
    if (auto event = accept_frame(*header, std::move(payload))) {
      return event;
    }
  }
  compact();
  return std::nullopt;
}

void WebSocketCodec::compact() {
  if (consumed_ == state_.unread.size()) {
    // Gives the memory back: an idle connection keeps no buffer.
    state_.unread.clear();
    state_.unread.shrink_to_fit();
  } else {
    state_.unread.erase(0, consumed_);
  }
  consumed_ = 0;
}

WebSocketEvent WebSocketCodec::fail(ProtocolFailure failure) {
  ended_ = true;
  state_ = {};
  consumed_ = 0;
  return failure;
}

std::optional<ProtocolFailure> WebSocketCodec::check_start(std::uint8_t first,
                                                           std::uint8_t second) const {
  const std::uint8_t opcode = first & kOpcodeBits;
  if ((first & kReservedBits) != 0) {
    return broken("reserved bits are set");
  }
  if (!is_known(opcode)) {
    return broken("unknown opcode");
  }
  const bool is_masked = (second & kMaskBit) != 0;
  if (is_masked != (role_ == WebSocketRole::kServer)) {
    return broken(is_masked ? "a server's frame is masked" : "a client's frame is not masked");
  }
  if (is_control(opcode)) {
    if ((first & kFinalBit) == 0) {
      return broken("a control frame is fragmented");
    }
    if ((second & kLengthBits) > kMaxControlPayload) {
      return broken("a control frame is too long");
    }
    return std::nullopt;
  }
  const bool is_joining = state_.fragment_opcode != Opcode::kContinuation;
  if (opcode == 0 && !is_joining) {
    return broken("a continuation follows no fragment");
  }
  if (opcode != 0 && is_joining) {
    return broken("a message begins inside another");
  }
  return std::nullopt;
}

std::optional<WebSocketCodec::Header> WebSocketCodec::parse_header() const {
  const std::string_view bytes = pending();
  Header header;
  header.is_final = (byte_at(bytes, 0) & kFinalBit) != 0;
  header.opcode = byte_at(bytes, 0) & kOpcodeBits;
  const std::uint8_t short_length = byte_at(bytes, 1) & kLengthBits;
  const std::size_t field = length_field_size(short_length);
  const std::size_t mask = role_ == WebSocketRole::kServer ? kMaskSize : 0;
  if (bytes.size() < 2 + field) {
    return std::nullopt;
  }
  header.length = field == 0 ? short_length : read_number(bytes.substr(2, field));
  header.size = 2 + field + mask;
  // The mask may still be missing: the length alone is enough to refuse, and with no payload byte
  // here either the frame waits anyway.
  header.mask = bytes.substr(2 + field, mask);
  if (bytes.size() < header.size && !check_length(header)) {
    return std::nullopt;
  }
  return header;
}

std::optional<ProtocolFailure> WebSocketCodec::check_length(const Header& header) const {
  if (header.length >> 63U != 0) {
    return broken("a length has its highest bit set");
  }
  const std::size_t joined = is_control(header.opcode) ? 0 : state_.fragments.size();
  if (!is_control(header.opcode) && joined + header.length > message_bytes_) {
    return ProtocolFailure{close_code::kTooLong,
                           "a message is longer than " + std::to_string(message_bytes_) + " bytes"};
  }
  return std::nullopt;
}

std::optional<WebSocketEvent> WebSocketCodec::accept_frame(const Header& header,
                                                           std::string payload) {
  switch (static_cast<Opcode>(header.opcode)) {
    case Opcode::kContinuation:
    case Opcode::kText:
    case Opcode::kBinary:
      return accept_data(header, std::move(payload));
    case Opcode::kPing:
      return Ping{std::move(payload)};
    case Opcode::kPong:
      return Pong{std::move(payload)};
    case Opcode::kClose:
      return accept_close(payload);
  }
  return fail(broken("unknown opcode"));
}

bool WebSocketCodec::is_utf8_so_far(bool is_final) {
  const Utf8Check check = check_utf8(std::string_view(state_.fragments).substr(checked_));
  checked_ += check.valid;
  return check.verdict == Utf8Verdict::kComplete ||
         (check.verdict == Utf8Verdict::kIncomplete && !is_final);
}

std::optional<WebSocketEvent> WebSocketCodec::accept_data(const Header& header,
                                                          std::string payload) {
  const bool is_empty = payload.empty();
  if (header.opcode != 0) {
    state_.fragment_opcode = static_cast<Opcode>(header.opcode);
    state_.fragments = std::move(payload);
    checked_ = 0;
  } else {
    state_.fragments += payload;
  }
  const bool is_text = state_.fragment_opcode == Opcode::kText;
  if (is_text && !is_utf8_so_far(header.is_final)) {
    return fail({close_code::kNotUtf8, "a text message is not UTF-8"});
  }
  if (!header.is_final) {
    return is_empty ? std::optional<WebSocketEvent>(EmptyFragment{}) : std::nullopt;
  }
  state_.fragment_opcode = Opcode::kContinuation;
  std::string message = std::exchange(state_.fragments, std::string());
  if (is_text) {
    return TextMessage{std::move(message)};
  }
  return BinaryMessage{std::move(message)};
}

std::optional<WebSocketEvent> WebSocketCodec::accept_close(const std::string& payload) {
  if (payload.size() == 1) {
    return fail(broken("a close frame holds half a code"));
  }
  PeerClose close;
  if (!payload.empty()) {
    close.code = static_cast<std::uint16_t>(read_number(std::string_view(payload).substr(0, 2)));
    close.reason = payload.substr(2);
    if (!is_sendable_close_code(close.code)) {
      return fail(broken("a close frame holds a reserved code"));
    }
    if (!is_utf8(close.reason)) {
      return fail({close_code::kNotUtf8, "a close reason is not UTF-8"});
    }
  }
  ended_ = true;
  state_ = {};
  consumed_ = 0;
  return close;
}

void append_frame(std::string& out, Opcode opcode, std::string_view payload, FrameEnd end) {
  out.reserve(out.size() + payload.size() + 10);
  append_header(out, opcode, payload.size(), end, 0);
  out.append(payload);
}

void append_masked_frame(
    std::string& out, Opcode opcode, std::string_view payload, std::uint32_t key, FrameEnd end) {
  out.reserve(out.size() + payload.size() + 14);
  append_header(out, opcode, payload.size(), end, kMaskBit);
  std::string mask;
  append_number(mask, key, kMaskSize);
  out.append(mask);
  const std::size_t begin = out.size();
  out.append(payload);
  apply_mask(out.data() + begin, payload.size(), mask);
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  std::string payload;
  if (!is_sendable_close_code(code)) {
    return payload;
  }
  append_number(payload, code, 2);
  const std::string_view cut = reason.substr(0, kMaxControlPayload - 2);
  payload.append(cut.substr(0, check_utf8(cut).valid));
  return payload;
}

bool is_sendable_close_code(std::uint16_t code) {
  const bool is_of_protocol = code >= 1000 && code <= 1014 && code != 1004 &&
                              code != close_code::kNone && code != close_code::kBroken;
  return is_of_protocol || (code >= 3000 && code <= 4999);
}

}  // namespace voicectl
