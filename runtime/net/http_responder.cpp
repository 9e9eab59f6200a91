// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/http_responder.h"

#include <utility>

namespace voicectl {
namespace {

/// Holds the connection weakly: a follower that keeps its stream does not keep a dead peer.
class ConnectionStream final : public ResponseStream {
 public:
  explicit ConnectionStream(std::weak_ptr<HttpConnection> connection)
      : connection_(std::move(connection)) {}
  ~ConnectionStream() override { end(); }

  void write(std::string_view piece) override {
    if (const auto connection = connection_.lock()) {
      connection->write_piece(piece);
    }
  }
  void end() override {
    const auto connection = std::exchange(connection_, {}).lock();
    if (connection) {
      connection->end_stream();
    }
  }
  bool is_open() const override {
    const auto connection = connection_.lock();
    return connection && connection->is_streaming();
  }
  std::size_t unsent() const override {
    const auto connection = connection_.lock();
    return connection ? connection->unsent() : 0;
  }
  void on_drained(std::function<void()> task) override {
    if (const auto connection = connection_.lock()) {
      connection->on_drained(std::move(task));
    }
  }
  void on_gone(std::function<void()> task) override {
    if (const auto connection = connection_.lock()) {
      connection->on_gone(std::move(task));
    }
  }

 private:
  std::weak_ptr<HttpConnection> connection_;
};

class ConnectionResponder final : public Responder {
 public:
  ConnectionResponder(std::weak_ptr<HttpConnection> connection, AnswerTerms terms)
      : connection_(std::move(connection)), terms_(std::move(terms)) {}
  ~ConnectionResponder() override {
    // The answer is made only for one who waits for it.
    if (const auto connection = use()) {
      connection->answer(error_response(500, "internal", "cannot answer: the request was dropped"),
                         terms_);
    }
  }

  void send(HttpResponse response) override {
    if (const auto connection = use()) {
      connection->answer(response, terms_);
    }
  }

  std::shared_ptr<ResponseStream> stream(HttpResponse head) override {
    const auto connection = use();
    if (connection) {
      connection->begin_stream(head, terms_);
    }
    return std::make_shared<ConnectionStream>(connection);
  }

  Result<std::shared_ptr<WebSocket>> upgrade(std::string tag) override {
    if (const auto connection = use()) {
      return connection->upgrade(std::move(tag), terms_);
    }
    return Error(ErrorCode::kUnavailable, "cannot upgrade to WebSocket: the peer is gone");
  }

 private:
  /// The connection, once.
  std::shared_ptr<HttpConnection> use() { return std::exchange(connection_, {}).lock(); }

  std::weak_ptr<HttpConnection> connection_;
  AnswerTerms terms_;
};

}  // namespace

std::shared_ptr<Responder> make_responder(std::weak_ptr<HttpConnection> connection,
                                          AnswerTerms terms) {
  return std::make_shared<ConnectionResponder>(std::move(connection), std::move(terms));
}

}  // namespace voicectl
