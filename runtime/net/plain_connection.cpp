// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/plain_connection.h"

#include <utility>

#include "runtime/net/http_call_text.h"

namespace voicectl {

PlainConnection::PlainConnection(AsioReactor& reactor, std::weak_ptr<Pool> pool)
    : reactor_(reactor), pool_(std::move(pool)), socket_(reactor.context()) {}

PlainConnection::~PlainConnection() {
  close();
}

void PlainConnection::begin(PlainCall call) {
  const bool is_head = call.call.method == "HEAD";
  reader_.emplace(
      is_head ? ResponseReader::RequestKind::kHead : ResponseReader::RequestKind::kOther,
      call.call.max_body);
  timer_ = reactor_.call_at(call.deadline, [this] {
    timer_.reset();
    fail(ErrorCode::kTimeout, "no answer in " + format_duration(call_->call.timeout));
  });
  call_.emplace(std::move(call));
}

void PlainConnection::connect(PlainCall call) {
  namespace ip = boost::asio::ip;
  boost::system::error_code error;
  const ip::tcp::endpoint endpoint(ip::make_address_v4(call.target.address, error),
                                   call.target.port);
  begin(std::move(call));
  socket_.async_connect(endpoint, [weak = weak_from_this()](boost::system::error_code problem) {
    if (const auto self = weak.lock()) {
      self->on_connected(problem);
    }
  });
}

void PlainConnection::on_connected(boost::system::error_code error) {
  if (!call_) {
    return;
  }
  if (error) {
    fail(ErrorCode::kUnavailable, error.message());
    return;
  }
  UniqueFd socket(socket_.release(error));
  wire_ = std::make_shared<Wire>(reactor_.context(), std::move(socket), call_->request);
  wire_->set_owner(*this);
  wire_->resume();
}

void PlainConnection::ask(PlainCall call) {
  is_used_ = true;
  begin(std::move(call));
  wire_->write(call_->request);
}

void PlainConnection::close() {
  if (timer_) {
    reactor_.cancel(*timer_);
    timer_.reset();
  }
  call_.reset();
  if (const auto wire = std::exchange(wire_, nullptr)) {
    wire->close();
  }
  boost::system::error_code ignored;
  socket_.close(ignored);
}

PlainCall PlainConnection::take_call() {
  if (timer_) {
    reactor_.cancel(*timer_);
    timer_.reset();
  }
  PlainCall call = std::move(*call_);
  call_.reset();
  return call;
}

void PlainConnection::on_bytes(std::string_view bytes) {
  if (!call_) {
    lose("it sent an answer that nobody asked for");
    return;
  }
  const WorkScope scope(call_->account.get());
  const Result<bool> is_whole = reader_->feed(bytes);
  if (is_whole.has_error()) {
    const Error error = is_whole.error();
    fail(error.code(), error.message());
  } else if (*is_whole) {
    succeed();
  }
}

void PlainConnection::on_end() {
  if (call_ && reader_->has_begun() && reader_->end().has_value()) {
    succeed();
  } else {
    lose("the server hung up");
  }
}

void PlainConnection::on_broken() {
  lose("the connection broke");
}

void PlainConnection::lose(const std::string& why) {
  const auto self = shared_from_this();
  const std::shared_ptr<Pool> pool = pool_.lock();
  // A server may close a kept connection at any time, also while a request is on its way there.
  const bool again = call_ && pool && is_used_ && !reader_->has_begun() && !call_->was_sent;
  if (!again && call_) {
    fail(ErrorCode::kUnavailable, why);
    return;
  }
  std::optional<PlainCall> call;
  if (call_) {
    call = take_call();
    call->was_sent = true;
  }
  if (pool) {
    pool->forget(self);
  }
  close();
  if (call) {
    pool->carry(std::move(*call));
  }
}

void PlainConnection::succeed() {
  const auto self = shared_from_this();
  const PlainCall call = take_call();
  HttpResponse response = reader_->take();
  if (const std::shared_ptr<Pool> pool = pool_.lock()) {
    if (reader_->keeps_connection() && wire_->unsent_size() == 0) {
      idle_since_ = reactor_.now();
      pool->keep(self, call.target.authority);
    } else {
      pool->forget(self);
      close();
    }
  }
  call.done(std::move(response));
}

void PlainConnection::fail(ErrorCode code, const std::string& reason) {
  const auto self = shared_from_this();
  const PlainCall call = take_call();
  const WorkScope scope(call.account.get());
  if (const std::shared_ptr<Pool> pool = pool_.lock()) {
    pool->forget(self);
  }
  close();
  call.done(call_failed(call.call, code, reason));
}

}  // namespace voicectl
