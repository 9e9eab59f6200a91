// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/audited_responder.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "provisioner/api/control_protocol.h"

namespace voicectl {
namespace {

using OnOutcome = std::function<void(const CallOutcome&)>;

constexpr std::size_t kLongestMessage = 500;

CallOutcome outcome_of(const HttpResponse& response) {
  if (response.status / 100 == 2) {
    return {"done", ""};
  }
  const Result<Json> body = parse_json(response.body);
  const Json error = body.has_value() && body->is_object() ? body->value("error", Json()) : Json();
  const std::string message = error.is_object() ? string_or(error, "message", "") : "";
  return {"refused", message.substr(0, kLongestMessage)};
}

CallOutcome outcome_of(const api::ApplyOutcome& outcome) {
  const std::size_t not_done = outcome.failed + outcome.skipped + outcome.undone;
  if (not_done == 0) {
    return {"done", ""};
  }
  return {outcome.done > 0 ? "partial" : "failed",
          fmt::format("{} done, {} failed, {} skipped, {} undone", outcome.done, outcome.failed,
                      outcome.skipped, outcome.undone)};
}

class ToldStream final : public ResponseStream {
 public:
  ToldStream(std::shared_ptr<ResponseStream> stream, OnOutcome on_outcome)
      : stream_(std::move(stream)), on_outcome_(std::move(on_outcome)) {}

  void look_at(std::string_view piece) {
    if (on_outcome_ == nullptr || piece.find(R"("type":"finished")") == std::string_view::npos) {
      return;
    }
    while (piece.ends_with('\n')) {
      piece.remove_suffix(1);
    }
    const Result<api::ApplyLine> line = api::parse_apply_line(piece);
    if (line.has_value() && line->finished) {
      std::exchange(on_outcome_, nullptr)(outcome_of(*line->finished));
    }
  }
  void write(std::string_view piece) override {
    look_at(piece);
    stream_->write(piece);
  }
  void end() override { stream_->end(); }
  bool is_open() const override { return stream_->is_open(); }
  std::size_t unsent() const override { return stream_->unsent(); }
  void on_drained(std::function<void()> task) override { stream_->on_drained(std::move(task)); }
  void on_gone(std::function<void()> task) override { stream_->on_gone(std::move(task)); }

 private:
  std::shared_ptr<ResponseStream> stream_;
  OnOutcome on_outcome_;
};

class ToldResponder final : public Responder {
 public:
  ToldResponder(std::shared_ptr<Responder> responder, OnOutcome on_outcome)
      : responder_(std::move(responder)), on_outcome_(std::move(on_outcome)) {}

  void send(HttpResponse response) override {
    if (on_outcome_) {
      std::exchange(on_outcome_, nullptr)(outcome_of(response));
    }
    responder_->send(std::move(response));
  }
  std::shared_ptr<ResponseStream> stream(HttpResponse head) override {
    const std::string first = head.body;
    auto told = std::make_shared<ToldStream>(responder_->stream(std::move(head)),
                                             std::exchange(on_outcome_, nullptr));
    told->look_at(first);
    return told;
  }
  Result<std::shared_ptr<WebSocket>> upgrade(std::string tag) override {
    return responder_->upgrade(std::move(tag));
  }

 private:
  std::shared_ptr<Responder> responder_;
  OnOutcome on_outcome_;
};

}  // namespace

std::shared_ptr<Responder> tell_outcome(std::shared_ptr<Responder> responder,
                                        std::function<void(const CallOutcome&)> on_outcome) {
  return std::make_shared<ToldResponder>(std::move(responder), std::move(on_outcome));
}

}  // namespace voicectl
