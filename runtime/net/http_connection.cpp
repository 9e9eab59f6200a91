// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/http_connection.h"

#include <fmt/format.h>

#include <utility>
#include <variant>

#include "runtime/net/http_responder.h"
#include "runtime/net/websocket_connection.h"
#include "runtime/net/websocket_handshake.h"

namespace voicectl {
namespace {

/// A peer that reads its answers slower than this many bytes behind gets no further request taken,
/// and one that sends requests faster than they are answered is not read beyond it.
constexpr std::size_t kPipelineBytes = std::size_t{64} * 1024;

std::string_view code_for(int status) {
  switch (status) {
    case 408:
      return "timeout";
    case 413:
    case 431:
      return "resource_exhausted";
    default:
      return "invalid_argument";
  }
}

}  // namespace

HttpConnection::HttpConnection(std::shared_ptr<HttpHost> host,
                               std::shared_ptr<Wire> wire,
                               std::optional<PeerProcess> peer)
    : host_(std::move(host)),
      wire_(std::move(wire)),
      reader_({host_->limits().header_bytes, host_->limits().body_bytes}),
      peer_(peer) {
  wire_->set_owner(*this);
}

HttpConnection::~HttpConnection() {
  if (wire_) {
    wire_->close();
  }
}

void HttpConnection::start(const ConnectionState& state) {
  reader_.feed(state.unread);
  if (state.continue_sent) {
    reader_.set_continued();
  }
  wire_->flush();
  settle();
  if (state.deadline) {
    host_->lanes().arm_until(*this, is_timing_request_ ? Lane::kRequest : Lane::kIdle,
                             *state.deadline);
  }
  if (reader_.is_idle()) {
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

void HttpConnection::on_bytes(std::string_view bytes) {
  reader_.feed(bytes);
  pump();
}

void HttpConnection::pump() {
  if (is_pumping_) {
    return;
  }
  const auto self = shared_from_this();
  is_pumping_ = true;
  while (phase_ == Phase::kReceiving && !host_->is_parked() && !host_->is_held() &&
         wire_->unsent_size() <= kPipelineBytes) {
    if (!take_request()) {
      break;
    }
  }
  is_pumping_ = false;
  if (wire_) {
    wire_->flush();
    settle();
  }
  note_change();
}

bool HttpConnection::take_request() {
  ReadOutcome outcome = reader_.take();
  if (auto* const received = std::get_if<ReceivedRequest>(&outcome)) {
    hand_over(std::move(*received));
    return true;
  }
  if (const auto* const refusal = std::get_if<Refusal>(&outcome)) {
    refuse(*refusal);
    return false;
  }
  if (peer_ended_) {
    finish();
  } else if (reader_.wants_continue()) {
    wire_->queue("HTTP/1.1 100 Continue\r\n\r\n");
  }
  return false;
}

void HttpConnection::hand_over(ReceivedRequest received) {
  phase_ = Phase::kAnswering;
  is_timing_request_ = false;
  AnswerTerms terms;
  terms.is_head = received.request.method == "HEAD";
  terms.version = received.version;
  terms.after = received.after;
  if (received.request.header("Upgrade")) {
    terms.accept = check_upgrade(received);
  } else {
    terms.accept = Error(ErrorCode::kInvalidArgument,
                         "cannot upgrade to WebSocket: the request has no Upgrade header");
  }
  received.request.peer = peer_;
  // The host may be told to drop this connection by the handler; it must outlive the call.
  const std::shared_ptr<HttpHost> host = host_;
  host->on_request(std::move(received.request), make_responder(weak_from_this(), std::move(terms)));
}

void HttpConnection::refuse(const Refusal& refusal) {
  const HttpResponse response =
      error_response(refusal.status, code_for(refusal.status), refusal.message);
  wire_->queue(render_response(response, false));
  finish();
}

AfterAnswer HttpConnection::after_answer(const AnswerTerms& terms) const {
  const bool must_close = host_->is_draining() || is_last_;
  return must_close ? AfterAnswer::kClose : terms.after;
}

void HttpConnection::answer(const HttpResponse& response, const AnswerTerms& terms) {
  if (phase_ != Phase::kAnswering) {
    return;
  }
  const AfterAnswer after = after_answer(terms);
  if (terms.is_head) {
    wire_->queue(render_head(response, BodyFraming::kLength, after));
  } else {
    wire_->queue(render_response(response, after == AfterAnswer::kKeepAlive));
  }
  complete(after);
}

void HttpConnection::complete(AfterAnswer after) {
  if (after == AfterAnswer::kClose) {
    finish();
  } else {
    phase_ = Phase::kReceiving;
  }
  pump();
}

void HttpConnection::begin_stream(const HttpResponse& head, const AnswerTerms& terms) {
  if (phase_ != Phase::kAnswering) {
    return;
  }
  phase_ = Phase::kStreaming;
  stream_terms_ = terms;
  if (terms.version == HttpVersion::k10) {
    stream_terms_.after = AfterAnswer::kClose;
  }
  stream_terms_.after = after_answer(stream_terms_);
  const BodyFraming framing =
      terms.version == HttpVersion::k10 ? BodyFraming::kUntilClose : BodyFraming::kChunked;
  wire_->queue(render_head(head, framing, stream_terms_.after));
  write_piece(head.body);
  wire_->flush();
}

void HttpConnection::write_piece(std::string_view piece) {
  if (phase_ != Phase::kStreaming || stream_terms_.is_head || piece.empty()) {
    return;
  }
  if (stream_terms_.version == HttpVersion::k10) {
    wire_->queue(std::string(piece));
  } else {
    wire_->queue(fmt::format("{:x}\r\n{}\r\n", piece.size(), piece));
  }
  wire_->flush();
  if (wire_->unsent_size() > host_->limits().unsent_bytes) {
    end();
  }
}

void HttpConnection::on_drained(std::function<void()> task) {
  if (phase_ != Phase::kStreaming) {
    return;
  }
  if (wire_->unsent_size() == 0) {
    host_->reactor().post(std::move(task));
  } else {
    on_drained_ = std::move(task);
  }
}

void HttpConnection::end_stream() {
  if (phase_ != Phase::kStreaming) {
    return;
  }
  on_gone_ = nullptr;
  on_drained_ = nullptr;
  if (stream_terms_.version == HttpVersion::k11 && !stream_terms_.is_head) {
    wire_->queue("0\r\n\r\n");
  }
  complete(after_answer(stream_terms_));
}

Result<std::shared_ptr<WebSocket>> HttpConnection::upgrade(std::string tag,
                                                           const AnswerTerms& terms) {
  if (phase_ != Phase::kAnswering) {
    return Error(ErrorCode::kUnavailable, "cannot upgrade to WebSocket: the peer is gone");
  }
  if (terms.accept.has_error()) {
    HttpResponse response = error_response(400, "invalid_argument", terms.accept.error().message());
    response.headers.emplace_back("Sec-WebSocket-Version", "13");
    answer(response, terms);
    return terms.accept.error();
  }
  wire_->queue(render_upgrade(*terms.accept));
  wire_->flush();
  WebSocketStart start;
  start.wire = std::exchange(wire_, nullptr);
  start.codec.unread = reader_.release();
  start.tag = std::move(tag);
  const auto websocket = std::make_shared<WebSocketConnection>(host_, std::move(start));
  const std::shared_ptr<HttpHost> host = host_;
  host->keep(websocket);
  end();
  return std::shared_ptr<WebSocket>(websocket);
}

void HttpConnection::settle() {
  switch (phase_) {
    case Phase::kReceiving:
      if (host_->is_parked()) {
        // Its deadline begins anew when it comes meanwhile.
        wire_->pause();
      } else if (wire_->unsent_size() > kPipelineBytes) {
        wire_->pause();
        watch_progress();
      } else {
        wire_->resume();
        if (reader_.is_idle()) {
          watch_progress();
        } else if (!is_timing_request_) {
          is_timing_request_ = true;
          host_->lanes().arm(*this, Lane::kRequest);
        }
      }
      return;
    case Phase::kAnswering:
    case Phase::kStreaming:
      DeadlineLanes::disarm(*this);
      if (reader_.unread().size() > kPipelineBytes) {
        wire_->pause();
      }
      return;
    case Phase::kFinishing:
    case Phase::kEnded:
      return;
  }
}

void HttpConnection::watch_progress() {
  is_timing_request_ = false;
  unsent_then_ = wire_->unsent_size();
  host_->lanes().arm(*this, Lane::kIdle);
  note_change();
}

void HttpConnection::on_deadline(Lane lane) {
  if (phase_ == Phase::kReceiving && host_->is_parked()) {
    // Nobody reads what it may have sent.
    host_->lanes().arm(*this, lane);
    return;
  }
  const bool reads_its_answer = lane == Lane::kIdle && wire_->unsent_size() < unsent_then_;
  if (reads_its_answer) {
    watch_progress();
  } else if (lane == Lane::kRequest) {
    refuse({408, "cannot wait longer for the rest of the request"});
  } else {
    end();
  }
}

void HttpConnection::on_written() {
  if (phase_ == Phase::kFinishing) {
    host_->lanes().arm(*this, Lane::kLinger);
    return;
  }
  if (auto task = std::exchange(on_drained_, nullptr)) {
    host_->reactor().post(std::move(task));
  }
  pump();
}

void HttpConnection::on_end() {
  peer_ended_ = true;
  if (phase_ == Phase::kReceiving) {
    // It may have shut only its sending side and wait for the answers to what came before.
    pump();
  } else if (phase_ != Phase::kAnswering) {
    // Of a stream's follower that would be indistinguishable from leaving, so it counts as that.
    end();
  }
}

void HttpConnection::on_broken() {
  end();
}

void HttpConnection::finish() {
  phase_ = Phase::kFinishing;
  note_change();
  wire_->finish();
  if (wire_->unsent_size() > 0) {
    watch_progress();
  } else {
    host_->lanes().arm(*this, Lane::kLinger);
  }
}

void HttpConnection::end() {
  if (phase_ == Phase::kEnded) {
    return;
  }
  tell_gone();
  on_drained_ = nullptr;
  phase_ = Phase::kEnded;
  DeadlineLanes::disarm(*this);
  if (const auto wire = std::exchange(wire_, nullptr)) {
    wire->close();
  }
  const auto self = shared_from_this();
  std::exchange(host_, nullptr)->forget(*this);
}

void HttpConnection::tell_gone() {
  if (auto task = std::exchange(on_gone_, nullptr); task && phase_ == Phase::kStreaming) {
    host_->reactor().post(std::move(task));
  }
}

void HttpConnection::note_change() {
  if (host_) {
    host_->note_change(*this);
  }
}

}  // namespace voicectl
