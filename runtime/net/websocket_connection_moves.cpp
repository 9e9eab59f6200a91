// SPDX-License-Identifier: Apache-2.0
// A WebSocket that goes on elsewhere.
#include <utility>

#include "runtime/net/websocket_connection.h"

namespace voicectl {

ConnectionState WebSocketConnection::state() const {
  ConnectionState state;
  WebSocketCodecState codec = codec_.state();
  state.is_websocket = true;
  state.unread = std::move(codec.unread);
  state.unsent = wire_->unsent();
  state.tag = tag_;
  state.fragment_opcode = static_cast<std::uint8_t>(codec.fragment_opcode);
  state.fragments = std::move(codec.fragments);
  state.close_sent = phase_ == Phase::kClosing;
  state.sent_code = sent_code_;
  state.unanswered_pings = unanswered_pings_;
  state.control_frames = control_frames_;
  state.counted_since = counted_since_;
  state.note = handlers_ && handlers_->note ? handlers_->note() : std::string();
  state.deadline = DeadlineLanes::deadline_of(*this);
  return state;
}

UniqueFd WebSocketConnection::let_go() {
  const auto self = shared_from_this();
  phase_ = Phase::kEnded;
  is_told_ = true;
  on_drained_ = nullptr;
  UniqueFd socket;
  space_.leave();
  if (const auto wire = std::exchange(wire_, nullptr)) {
    socket = wire->release();
  }
  if (const auto handlers = std::exchange(handlers_, nullptr); handlers && handlers->on_moved) {
    handlers->on_moved();
  }
  leave_host_if_done();
  return socket;
}

void WebSocketConnection::abandon() {
  phase_ = Phase::kEnded;
  is_told_ = true;
  handlers_.reset();
  drop_wire();
  host_.reset();
}

}  // namespace voicectl
