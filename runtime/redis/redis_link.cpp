// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_link.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace voicectl {
namespace {

/// Whether to be refused like that passes without anybody's doing.
bool passes(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kTimeout ||
         code == ErrorCode::kResourceExhausted;
}

}  // namespace

RedisClient::Link::Link(AsioReactor& reactor, Random& random, RedisOptions options)
    : reactor_(reactor), random_(random), options_(std::move(options)) {}

RedisClient::Link::~Link() {
  stop();
}

void RedisClient::Link::stop() {
  state_ = State::kStopped;
  dial_.reset();
  if (wire_) {
    wire_->close();
  }
  for (std::optional<TimerId>* timer : {&attempt_timer_, &deadline_timer_}) {
    if (*timer) {
      reactor_.cancel(**timer);
      timer->reset();
    }
  }
  // Their completions own what may own this client.
  const auto waiting = std::exchange(waiting_, {});
  const auto sent = std::exchange(sent_, {});
}

void RedisClient::Link::send(RedisCommands commands,
                             Done done,
                             std::optional<std::uint64_t> connection) {
  const std::size_t size = commands.bytes().size();
  if (queued_bytes_ + size > options_.queue_bytes) {
    fail_later(std::move(commands), std::move(done),
               Error(ErrorCode::kResourceExhausted,
                     fmt::format("cannot send more to the Redis server: {} bytes wait already",
                                 queued_bytes_)));
    return;
  }
  if (connection && (state_ != State::kReady || *connection != connection_)) {
    fail_later(std::move(commands), std::move(done), last_error_);
    return;
  }
  queued_bytes_ += size;
  Request request{
      std::move(commands), size, std::move(done), reactor_.now() + options_.answer_timeout, {}, {}};
  if (state_ == State::kReady) {
    transmit(std::move(request));
  } else {
    waiting_.push_back(std::move(request));
  }
  watch_deadlines();
  if (state_ == State::kIdle) {
    connect();
  }
}

void RedisClient::Link::fail_later(RedisCommands commands, Done done, Error error) {
  reactor_.post([weak = weak_from_this(), commands = std::move(commands), done = std::move(done),
                 error = std::move(error)] {
    if (!weak.expired()) {
      done(RedisAnswer{{}, RedisFailure{error, RedisEffect::kNone}, 0, commands});
    }
  });
}

void RedisClient::Link::connect() {
  state_ = State::kConnecting;
  attempt_timer_ = reactor_.call_after(options_.connect_timeout, [this] {
    attempt_timer_.reset();
    lose(Error(ErrorCode::kTimeout,
               fmt::format("cannot reach the Redis server at '{}': no answer in {}",
                           options_.address.text(), format_duration(options_.connect_timeout))));
  });
  dial_ = std::make_unique<RedisDial>(reactor_, options_.address, [this](Result<UniqueFd> socket) {
    on_socket(std::move(socket));
  });
}

void RedisClient::Link::on_socket(Result<UniqueFd> socket) {
  if (socket.has_error()) {
    lose(socket.error());
    return;
  }
  ++connection_;
  stream_bytes_ = 0;
  reader_ = std::make_unique<RedisReader>();
  wire_ = std::make_shared<Wire>(reactor_.context(), std::move(*socket), std::string());
  wire_->set_owner(*this);
  wire_->resume();
  greet();
}

void RedisClient::Link::greet() {
  state_ = State::kGreeting;
  const RedisAddress& to = options_.address;
  RedisCommands hello;
  if (!to.password.empty()) {
    to.user.empty() ? hello.add({"AUTH", to.password.reveal()})
                    : hello.add({"AUTH", to.user, to.password.reveal()});
  }
  if (to.database != 0) {
    hello.add({"SELECT", std::to_string(to.database)});
  }
  // Refused while the server is still loading, unlike the others.
  hello.add({"PING"});
  const std::size_t size = hello.bytes().size();
  queued_bytes_ += size;
  transmit({std::move(hello),
            size,
            [this](const RedisAnswer& answer) { on_greeted(answer); },
            reactor_.now() + options_.connect_timeout,
            {},
            {}});
}

void RedisClient::Link::on_greeted(const RedisAnswer& answer) {
  if (answer.failure) {
    return;  // `lose` is on its way already
  }
  if (const RedisReply* refusal = first_error(answer.replies)) {
    lose(error_of_reply(*refusal, fmt::format("use '{}'", options_.address.text())));
    return;
  }
  reactor_.cancel(*std::exchange(attempt_timer_, std::nullopt));
  dial_.reset();
  failures_ = 0;
  state_ = State::kReady;
  for (Request& request : std::exchange(waiting_, {})) {
    transmit(std::move(request));
  }
}

void RedisClient::Link::transmit(Request request) {
  request.begins_at = stream_bytes_;
  stream_bytes_ += request.size;
  sent_.push_back(std::move(request));
  wire_->write(sent_.back().commands.bytes());
}

void RedisClient::Link::on_bytes(std::string_view bytes) {
  const auto self = shared_from_this();
  const WorkScope scope(account_.get());
  const std::uint64_t connection = connection_;
  Status fed = reader_->feed(bytes);
  while (fed.has_value() && connection == connection_ && reader_ && state_ != State::kStopped) {
    Result<std::optional<RedisReply>> reply = reader_->next();
    if (reply.has_error()) {
      fed = reply.error();
    } else if (!*reply) {
      return;
    } else {
      on_reply(std::move(**reply));
    }
  }
  if (fed.has_error()) {
    lose(fed.error());
  }
}

void RedisClient::Link::on_reply(RedisReply reply) {
  if (sent_.empty()) {
    lose(Error(ErrorCode::kCorrupt,
               "cannot go on with the Redis server: it answers what was not asked"));
    return;
  }
  Request& front = sent_.front();
  front.replies.push_back(std::move(reply));
  if (front.replies.size() < front.commands.count()) {
    return;
  }
  Request whole = std::move(front);
  sent_.pop_front();
  queued_bytes_ -= whole.size;
  whole.done(
      RedisAnswer{std::move(whole.replies), std::nullopt, connection_, std::move(whole.commands)});
}

void RedisClient::Link::on_end() {
  lose(Error(ErrorCode::kUnavailable,
             fmt::format("cannot go on with the Redis server at '{}': it closed the connection",
                         options_.address.text())));
}

void RedisClient::Link::on_broken() {
  lose(Error(ErrorCode::kUnavailable,
             fmt::format("cannot go on with the Redis server at '{}': the connection broke",
                         options_.address.text())));
}

void RedisClient::Link::lose(const Error& error) {
  if (state_ == State::kStopped) {
    return;
  }
  const auto self = shared_from_this();
  const std::uint64_t sent_bytes = wire_ ? stream_bytes_ - wire_->unsent_size() : 0;
  const bool was_ready = state_ == State::kReady;
  if (attempt_timer_) {
    reactor_.cancel(*std::exchange(attempt_timer_, std::nullopt));
  }
  dial_.reset();
  reader_.reset();
  if (wire_) {
    wire_->close();
    wire_.reset();
  }
  last_error_ = error;
  failures_ += was_ready ? 0 : 1;
  std::vector<Request> lost(std::make_move_iterator(sent_.begin()),
                            std::make_move_iterator(sent_.end()));
  sent_.clear();
  state_ = State::kPausing;
  if (!was_ready && !passes(error.code()) && error.code() != ErrorCode::kNotFound) {
    lost.insert(lost.end(), std::make_move_iterator(waiting_.begin()),
                std::make_move_iterator(waiting_.end()));
    waiting_.clear();
  }
  pause_then_connect();
  settle(std::move(lost), error, sent_bytes);
}

void RedisClient::Link::pause_then_connect() {
  const Duration wait =
      failures_ == 0 ? Duration::zero() : backoff(options_.reconnect, failures_, random_);
  attempt_timer_ = reactor_.call_after(wait, [this] {
    attempt_timer_.reset();
    state_ = State::kIdle;
    if (!waiting_.empty()) {
      connect();
    }
  });
}

void RedisClient::Link::settle(std::vector<Request> requests,
                               const Error& error,
                               std::uint64_t sent) {
  for (Request& request : requests) {
    queued_bytes_ -= request.size;
    const bool left = request.begins_at && *request.begins_at < sent;
    request.done(RedisAnswer{{},
                             RedisFailure{error, left ? RedisEffect::kUnknown : RedisEffect::kNone},
                             0,
                             std::move(request.commands)});
    if (state_ == State::kStopped) {
      return;
    }
  }
}

void RedisClient::Link::watch_deadlines() {
  // A greeting has its own timer.
  const bool expects = state_ == State::kReady && !sent_.empty();
  if (deadline_timer_ || (!expects && waiting_.empty())) {
    return;
  }
  const MonoTime first = std::min(expects ? sent_.front().deadline : MonoTime::max(),
                                  waiting_.empty() ? MonoTime::max() : waiting_.front().deadline);
  deadline_timer_ = reactor_.call_at(first, [this] {
    deadline_timer_.reset();
    on_deadline();
  });
}

void RedisClient::Link::on_deadline() {
  const auto self = shared_from_this();
  const MonoTime now = reactor_.now();
  std::vector<Request> late;
  while (!waiting_.empty() && waiting_.front().deadline <= now) {
    late.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  if (state_ == State::kReady && !sent_.empty() && sent_.front().deadline <= now) {
    lose(Error(ErrorCode::kTimeout,
               fmt::format("cannot wait longer for the Redis server at '{}': no answer in {}",
                           options_.address.text(), format_duration(options_.answer_timeout))));
  }
  if (state_ != State::kStopped) {
    watch_deadlines();
    settle(std::move(late), last_error_, 0);
  }
}

RedisClient::RedisClient(AsioReactor& reactor, Random& random, RedisOptions options)
    : link_(std::make_shared<Link>(reactor, random, std::move(options))) {}

RedisClient::~RedisClient() {
  link_->stop();
}

void RedisClient::send(RedisCommands commands, Done done, std::optional<std::uint64_t> connection) {
  link_->send(std::move(commands), std::move(done), connection);
}

}  // namespace voicectl
