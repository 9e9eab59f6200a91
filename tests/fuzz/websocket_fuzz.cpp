// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <variant>
#include <vector>

#include "base/check.h"
#include "runtime/net/utf8.h"
#include "runtime/net/websocket_codec.h"
#include "tests/fuzz/fuzz_targets.h"

namespace voicectl::fuzz {
namespace {

constexpr std::size_t kMessageBytes = 4096;

using Events = std::vector<WebSocketEvent>;

void check_event(const WebSocketEvent& event) {
  if (const auto* const message = std::get_if<TextMessage>(&event)) {
    VC_CHECK(is_utf8(message->text), "a text message is text");
    VC_CHECK(message->text.size() <= kMessageBytes, "a message stays within its budget");
  } else if (const auto* const binary = std::get_if<BinaryMessage>(&event)) {
    VC_CHECK(binary->bytes.size() <= kMessageBytes, "a message stays within its budget");
  } else if (const auto* const close = std::get_if<PeerClose>(&event)) {
    VC_CHECK(is_utf8(close->reason), "a reason is text");
  } else if (const auto* const failure = std::get_if<ProtocolFailure>(&event)) {
    VC_CHECK(is_sendable_close_code(failure->code), "a failure can be told to the peer");
  }
}

bool is_last(const WebSocketEvent& event) {
  return std::holds_alternative<PeerClose>(event) || std::holds_alternative<ProtocolFailure>(event);
}

void feed(WebSocketCodec& codec, std::string_view bytes, std::size_t piece, Events& events) {
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    codec.feed(bytes.substr(at, piece));
    while (auto event = codec.next()) {
      VC_CHECK(events.empty() || !is_last(events.back()), "nothing follows the end");
      check_event(*event);
      events.push_back(std::move(*event));
    }
  }
}

Events events_of(WebSocketRole role, std::string_view bytes, std::size_t piece) {
  WebSocketCodec codec(role, kMessageBytes);
  Events events;
  feed(codec, bytes, std::max<std::size_t>(piece, 1), events);
  return events;
}

/// The events when the connection moves to another process after `cut` bytes.
Events events_moved(WebSocketRole role, std::string_view bytes, std::size_t cut) {
  WebSocketCodec first(role, kMessageBytes);
  Events events;
  feed(first, bytes.substr(0, cut), std::max<std::size_t>(cut, 1), events);
  if (events.empty() || !is_last(events.back())) {
    WebSocketCodec second(role, kMessageBytes, first.state());
    feed(second, bytes.substr(cut), std::max<std::size_t>(bytes.size(), 1), events);
  }
  return events;
}

}  // namespace

void websocket(std::string_view bytes) {
  for (const WebSocketRole role : {WebSocketRole::kServer, WebSocketRole::kClient}) {
    const Events whole = events_of(role, bytes, bytes.size());
    for (const std::size_t piece : {1, 5}) {
      VC_CHECK(events_of(role, bytes, piece) == whole,
               "events do not depend on how their bytes arrive");
    }
    for (const std::size_t part : {1, 2, 3}) {
      VC_CHECK(events_moved(role, bytes, bytes.size() * part / 4) == whole,
               "events do not depend on where they are read");
    }
  }
}

}  // namespace voicectl::fuzz
