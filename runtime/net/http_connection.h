// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/net/connection.h"
#include "runtime/net/http_server.h"
#include "runtime/net/http_text.h"
#include "runtime/net/request_reader.h"
#include "runtime/net/wire.h"

namespace voicectl {

/// What an HTTP connection asks of its server.
class HttpHost : public ConnectionHost {
 public:
  virtual void on_request(HttpRequest request, std::shared_ptr<Responder> responder) = 0;
  /// Connections end after their present answer.
  virtual bool is_draining() const = 0;
  /// No further request is taken.
  virtual bool is_parked() const = 0;
  /// A connection that began as HTTP goes on as `websocket`.
  virtual void keep(std::shared_ptr<Connection> websocket) = 0;
};

/// What a request's head said about its answer.
struct AnswerTerms {
  bool is_head = false;  ///< the method is HEAD: no body
  HttpVersion version = HttpVersion::k11;
  AfterAnswer after = AfterAnswer::kKeepAlive;
  /// Sec-WebSocket-Accept for the request's handshake, or why it is none.
  Result<std::string> accept = Error();
};

/// Reads requests from a Wire, one at a time, and writes their answers.
class HttpConnection final : public Connection,
                             public std::enable_shared_from_this<HttpConnection>,
                             private WireOwner {
 public:
  HttpConnection(std::shared_ptr<HttpHost> host,
                 std::shared_ptr<Wire> wire,
                 std::optional<PeerProcess> peer);
  ~HttpConnection() override;

  /// Begins to read, going on where `state` ends. What it has of a request is acted on in a later
  /// turn; if the host is held, at `go`.
  void start(const ConnectionState& state);

  // For the responder of the request being answered, and its stream. All do nothing when the
  // connection is gone.
  void answer(const HttpResponse& response, const AnswerTerms& terms);
  void begin_stream(const HttpResponse& head, const AnswerTerms& terms);
  void write_piece(std::string_view piece);
  void end_stream();
  bool is_streaming() const { return phase_ == Phase::kStreaming; }
  void on_gone(std::function<void()> task) { on_gone_ = std::move(task); }
  std::size_t unsent() const { return wire_ ? wire_->unsent_size() : 0; }
  void on_drained(std::function<void()> task);
  Result<std::shared_ptr<WebSocket>> upgrade(std::string tag, const AnswerTerms& terms);

  bool is_websocket() const override { return false; }
  bool is_movable() const override { return phase_ == Phase::kReceiving; }
  ConnectionState state() const override;
  int lend() override { return wire_->lend(); }
  bool is_in_pieces() const override { return is_streaming(); }
  void stay() override;
  UniqueFd let_go() override;
  void drain(std::uint16_t code, std::string_view reason) override;
  void abandon() override;
  void go() override { pump(); }
  std::size_t buffered() const override { return reader_.unread().size() + unsent(); }
  void park() override;
  void unpark() override;
  void on_deadline(Lane lane) override;

 private:
  enum class Phase {
    kReceiving,
    kAnswering,
    kStreaming,
    kFinishing,  ///< the last answer is queued
    kEnded,
  };

  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_written() override;
  void on_unsent_changed() override { note_change(); }

  /// Takes requests as long as they are whole and answered at once.
  void pump();
  /// Takes the next request; false if it is not whole.
  bool take_request();
  void hand_over(ReceivedRequest received);
  void refuse(const Refusal& refusal);
  /// The answer is queued: go on or finish.
  void complete(AfterAnswer after);
  AfterAnswer after_answer(const AnswerTerms& terms) const;
  /// Sets reading and the deadline that fit the phase.
  void settle();
  void watch_progress();
  void finish();
  void end();
  void note_change();
  void tell_gone();

  std::shared_ptr<HttpHost> host_;
  std::shared_ptr<Wire> wire_;
  RequestReader reader_;
  std::optional<PeerProcess> peer_;
  Phase phase_ = Phase::kReceiving;
  AnswerTerms stream_terms_;
  std::function<void()> on_gone_;
  std::function<void()> on_drained_;
  /// Unsent bytes when the deadline was set: fewer at the deadline is progress.
  std::size_t unsent_then_ = 0;
  /// It ends after its present answer.
  bool is_last_ = false;
  bool is_pumping_ = false;
  bool is_timing_request_ = false;
  bool peer_ended_ = false;
};

}  // namespace voicectl
