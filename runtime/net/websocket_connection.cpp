// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/websocket_connection.h"

#include <utility>
#include <variant>

namespace voicectl {
namespace {

constexpr std::uint8_t kMostUnansweredPings = 2;

/// The span of ConnectionLimits::control_frames.
constexpr Duration kControlSpan = std::chrono::seconds(10);

template <typename... Cases>
struct Overload : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overload(Cases...) -> Overload<Cases...>;

}  // namespace

WebSocketConnection::WebSocketConnection(std::shared_ptr<ConnectionHost> host, WebSocketStart start)
    : host_(std::move(host)),
      wire_(std::move(start.wire)),
      codec_(start.role, host_->limits().message_bytes, std::move(start.codec)),
      random_(start.random),
      role_(start.role),
      phase_(start.close_sent ? Phase::kClosing : Phase::kOpen),
      unanswered_pings_(start.unanswered_pings),
      sent_code_(start.sent_code),
      tag_(std::move(start.tag)) {
  wire_->set_owner(*this);
  control_frames_ = start.control_frames;
  counted_since_ = start.counted_since;
  const Lane lane = phase_ == Phase::kClosing ? Lane::kClose : Lane::kPing;
  if (start.deadline) {
    host_->lanes().arm_until(*this, lane, *start.deadline);
  } else {
    host_->lanes().arm(*this, lane);
  }
}

WebSocketConnection::~WebSocketConnection() {
  drop_wire();
}

void WebSocketConnection::set_handlers(Handlers handlers) {
  const bool is_first = handlers_ == nullptr;
  handlers_ = std::make_shared<Handlers>(std::move(handlers));
  if (is_first && wire_) {
    begin();
  }
}

void WebSocketConnection::note_change() {
  if (host_) {
    host_->note_change(*this);
  }
  settle();
}

std::optional<parking::ParkingGate::Request> WebSocketConnection::to_keep() const {
  if (phase_ != Phase::kOpen || space_.is_taken() || !wire_ || !wire_->is_open()) {
    return std::nullopt;
  }
  return parking::ParkingGate::Request{wire_->number(), tag_};
}

void WebSocketConnection::keep_at(parking::ParkingSpace space) {
  space_ = std::move(space);
  settle();
}

bool WebSocketConnection::doubt(parking::SlotMark why) {
  if (is_changing_) {
    return false;
  }
  is_changing_ = true;
  space_.doubt(why);
  return true;
}

void WebSocketConnection::settle() {
  if (is_changing_ || !space_.is_taken()) {
    return;
  }
  if (phase_ != Phase::kOpen || !wire_) {
    // It is ending, which another process has nothing to add to.
    space_.leave();
    return;
  }
  thread_local std::string note;
  note.clear();
  if (handlers_ && handlers_->kept_note) {
    handlers_->kept_note(note);
  }
  parking::ParkedChange change;
  change.note = note;
  change.unread = codec_.unread();
  change.fragments = codec_.fragments();
  change.fragment_opcode = static_cast<std::uint8_t>(codec_.fragment_opcode());
  change.unanswered_pings = unanswered_pings_;
  change.has_unsent = wire_->unsent_size() > 0 || wire_->is_broken();
  space_.settle(change);
}

void WebSocketConnection::on_reading() {
  doubt(parking::SlotMark::kReading);
}

void WebSocketConnection::on_read() {
  is_changing_ = false;
  settle();
}

void WebSocketConnection::begin() {
  wire_->resume();
  host_->keep_later(*this);
  // Frames that came with the handshake, or from another process, wait in the codec.
  if (codec_.is_idle()) {
    return;
  }
  if (host_->is_held()) {
    host_->wake_later(*this);
    return;
  }
  host_->reactor().post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->pump();
    }
  });
}

void WebSocketConnection::on_bytes(std::string_view bytes) {
  const auto self = shared_from_this();
  unanswered_pings_ = 0;
  codec_.feed(bytes);
  pump();
  if (phase_ == Phase::kOpen) {
    host_->lanes().arm(*this, Lane::kPing);
  }
  note_change();
}

void WebSocketConnection::pump() {
  if (is_pumping_ || !handlers_ || (host_ && host_->is_held())) {
    return;
  }
  const auto self = shared_from_this();
  const bool is_outermost = doubt(parking::SlotMark::kReading);
  is_pumping_ = true;
  while (is_live()) {
    auto event = codec_.next();
    if (!event) {
      break;
    }
    act_on(std::move(*event));
  }
  is_pumping_ = false;
  if (wire_) {
    wire_->flush();
  }
  if (on_drained_ && unsent() == 0) {
    on_written();
  }
  note_change();
  if (is_outermost) {
    is_changing_ = false;
    settle();
  }
}

void WebSocketConnection::act_on(WebSocketEvent event) {
  std::visit(
      Overload{
          [this](TextMessage& message) { act_on_text(std::move(message.text)); },
          [this](BinaryMessage&) {
            finish(close_code::kUnsupported, close_code::kUnsupported, "only text is understood");
          },
          [this](Ping& ping) {
            count_control_frame();
            if (phase_ == Phase::kOpen) {
              send_frame(Opcode::kPong, ping.payload);
            }
          },
          [this](Pong&) { count_control_frame(); },
          [this](EmptyFragment&) { count_control_frame(); },
          [this](PeerClose& close) { finish(close.code, close.code, ""); },
          [this](ProtocolFailure& failure) { finish(failure.code, failure.code, failure.reason); },
      },
      event);
}

void WebSocketConnection::count_control_frame() {
  const MonoTime now = host_->reactor().now();
  if (now - counted_since_ >= kControlSpan) {
    counted_since_ = now;
    control_frames_ = 0;
  }
  if (++control_frames_ > host_->limits().control_frames && phase_ == Phase::kOpen) {
    finish(close_code::kPolicy, close_code::kPolicy, "too many pings or empty frames");
  }
}

void WebSocketConnection::act_on_text(std::string text) {
  // The copy keeps the handler alive should it set others.
  const std::shared_ptr<Handlers> handlers = handlers_;
  if (phase_ == Phase::kOpen && handlers && handlers->on_text) {
    handlers->on_text(std::move(text));
  }
}

void WebSocketConnection::send_text(std::string_view text) {
  if (phase_ == Phase::kOpen) {
    send_frame(Opcode::kText, text);
  }
}

void WebSocketConnection::send_frame(Opcode opcode, std::string_view payload) {
  const bool is_outermost = doubt(parking::SlotMark::kWriting);
  std::string frame;
  if (role_ == WebSocketRole::kServer) {
    append_frame(frame, opcode, payload);
  } else {
    append_masked_frame(frame, opcode, payload, static_cast<std::uint32_t>(random_->next()));
  }
  wire_->queue(std::move(frame));
  const std::size_t most_unsent = host_->limits().unsent_bytes;
  if (!is_pumping_ || wire_->unsent_size() > most_unsent) {
    wire_->flush();
  }
  if (phase_ == Phase::kOpen && opcode != Opcode::kClose && wire_->unsent_size() > most_unsent) {
    finish(close_code::kTryLater, close_code::kTryLater, "the peer does not read");
  }
  if (is_outermost) {
    is_changing_ = false;
    settle();
  }
}

void WebSocketConnection::on_drained(std::function<void()> task) {
  if (phase_ != Phase::kOpen) {
    return;
  }
  on_drained_ = std::make_unique<std::function<void()>>(std::move(task));
  if (unsent() == 0) {
    on_written();
  }
}

void WebSocketConnection::on_written() {
  const auto task = std::exchange(on_drained_, nullptr);
  if (task && phase_ == Phase::kOpen) {
    host_->reactor().post(std::move(*task));
  }
}

void WebSocketConnection::close(std::uint16_t code, std::string_view reason) {
  if (phase_ != Phase::kOpen) {
    return;
  }
  phase_ = Phase::kClosing;
  sent_code_ = code;
  note_change();
  send_frame(Opcode::kClose, close_payload(code, reason));
  host_->lanes().arm(*this, Lane::kClose);
  if (!handlers_) {
    // Nobody will ask for messages any more, but the peer's close frame must be read.
    set_handlers({});
  }
}

void WebSocketConnection::finish(std::uint16_t send_code,
                                 std::uint16_t told_code,
                                 std::string_view reason) {
  const bool must_send = phase_ == Phase::kOpen;
  phase_ = Phase::kFinishing;
  note_change();
  if (must_send) {
    send_frame(Opcode::kClose, close_payload(send_code, reason));
  }
  wire_->finish();
  host_->lanes().arm(*this, Lane::kLinger);
  tell_closed_later(told_code);
}

void WebSocketConnection::cut(std::uint16_t told_code) {
  const bool was_live = is_live();
  phase_ = Phase::kEnded;
  note_change();
  drop_wire();
  if (was_live) {
    tell_closed_later(told_code);
  }
  leave_host_if_done();
}

void WebSocketConnection::tell_closed_later(std::uint16_t code) {
  host_->reactor().post([self = shared_from_this(), code] {
    const std::shared_ptr<Handlers> handlers = std::exchange(self->handlers_, nullptr);
    self->is_told_ = true;
    if (handlers && handlers->on_close) {
      handlers->on_close(code);
    }
    self->leave_host_if_done();
  });
}

void WebSocketConnection::on_end() {
  cut(close_code::kBroken);
}

void WebSocketConnection::on_broken() {
  cut(close_code::kBroken);
}

void WebSocketConnection::on_deadline(Lane lane) {
  switch (lane) {
    case Lane::kPing:
      send_ping();
      return;
    case Lane::kClose:
      cut(sent_code_);
      return;
    case Lane::kLinger:
    case Lane::kRequest:
    case Lane::kIdle:
      cut(close_code::kBroken);
      return;
  }
}

void WebSocketConnection::send_ping() {
  if (unanswered_pings_ == kMostUnansweredPings) {
    cut(close_code::kBroken);
    return;
  }
  ++unanswered_pings_;
  note_change();
  send_frame(Opcode::kPing, "");
  if (phase_ == Phase::kOpen) {
    host_->lanes().arm(*this, Lane::kPing);
  }
}

void WebSocketConnection::drop_wire() {
  on_drained_ = nullptr;
  DeadlineLanes::disarm(*this);
  space_.leave();
  if (const auto wire = std::exchange(wire_, nullptr)) {
    // Whoever keeps the socket, or kept it for the process before, may have it open yet.
    host_ && host_->may_be_elsewhere() ? wire->close() : wire->hang_up();
  }
}

void WebSocketConnection::leave_host_if_done() {
  if (!is_told_ || wire_ || !host_) {
    return;
  }
  DeadlineLanes::disarm(*this);
  const auto self = shared_from_this();
  std::exchange(host_, nullptr)->forget(*this);
}

}  // namespace voicectl
