// SPDX-License-Identifier: Apache-2.0
// A connection that is parked, goes on elsewhere, or ends because its server does.
#include <utility>

#include "runtime/net/http_connection.h"

namespace voicectl {

void HttpConnection::park() {
  if (phase_ == Phase::kReceiving) {
    settle();
  }
}

void HttpConnection::unpark() {
  if (phase_ == Phase::kReceiving) {
    settle();
    pump();
  }
}

ConnectionState HttpConnection::state() const {
  ConnectionState state;
  state.unread = reader_.unread();
  state.continue_sent = reader_.has_continued();
  state.unsent = wire_->unsent();
  state.deadline = DeadlineLanes::deadline_of(*this);
  return state;
}

void HttpConnection::stay() {
  is_last_ = true;
  if (is_in_pieces()) {
    end();
  }
}

UniqueFd HttpConnection::let_go() {
  UniqueFd socket;
  if (const auto wire = std::exchange(wire_, nullptr)) {
    socket = wire->release();
  }
  end();
  return socket;
}

void HttpConnection::drain(std::uint16_t, std::string_view) {
  if (phase_ == Phase::kReceiving && reader_.is_idle()) {
    finish();
  }
}

void HttpConnection::abandon() {
  phase_ = Phase::kEnded;
  on_gone_ = nullptr;
  DeadlineLanes::disarm(*this);
  if (const auto wire = std::exchange(wire_, nullptr)) {
    wire->close();
  }
  host_.reset();
}

}  // namespace voicectl
