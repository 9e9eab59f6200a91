// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/os/unique_fd.h"
#include "base/os/work_account.h"
#include "runtime/net/wire.h"
#include "runtime/redis/redis_client.h"
#include "runtime/redis/redis_dial.h"
#include "runtime/redis/redis_reader.h"

namespace voicectl {

/// The inner life of a RedisClient: connect, be let in, send, match replies, lose, try again.
///
///   kIdle --send--> kConnecting --socket--> kGreeting --let in--> kReady
///     ^                 | failed                | failed             | lost
///     +----- nothing waits / kPausing (backoff) +--------------------+
class RedisClient::Link final : public std::enable_shared_from_this<Link>, private WireOwner {
 public:
  Link(AsioReactor& reactor, Random& random, RedisOptions options);
  ~Link();

  void send(RedisCommands commands, Done done, std::optional<std::uint64_t> connection);
  /// Nothing is called afterwards.
  void stop();

 private:
  enum class State { kIdle, kConnecting, kGreeting, kReady, kPausing, kStopped };
  struct Request {
    RedisCommands commands;
    std::size_t size = 0;
    Done done;
    MonoTime deadline;
    std::vector<RedisReply> replies;
    /// Bytes of the connection's stream in front of it, once it was transmitted.
    std::optional<std::uint64_t> begins_at;
  };

  void connect();
  void on_socket(Result<UniqueFd> socket);
  void greet();
  void on_greeted(const RedisAnswer& answer);
  void transmit(Request request);
  void on_reply(RedisReply reply);
  /// Ends the connection or the attempt; what was sent has an unknown effect.
  void lose(const Error& error);
  void pause_then_connect();
  void fail_later(RedisCommands commands, Done done, Error error);
  void settle(std::vector<Request> requests, const Error& error, std::uint64_t sent);
  void watch_deadlines();
  void on_deadline();

  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_written() override {}

  AsioReactor& reactor_;
  Random& random_;
  RedisOptions options_;
  /// Of whoever made it: a wire is told of in a turn that is nobody's.
  WorkAccountPtr account_{present_account()};
  State state_ = State::kIdle;
  std::uint64_t connection_ = 0;
  std::unique_ptr<RedisDial> dial_;
  std::shared_ptr<Wire> wire_;
  std::unique_ptr<RedisReader> reader_;
  /// Without a connection yet, and sent; both in the order of their deadlines.
  std::deque<Request> waiting_;
  std::deque<Request> sent_;
  std::size_t queued_bytes_ = 0;
  /// Bytes given to the wire of this connection.
  std::uint64_t stream_bytes_ = 0;
  int failures_ = 0;
  Error last_error_{ErrorCode::kUnavailable, "cannot reach the Redis server: no connection yet"};
  std::optional<TimerId> attempt_timer_;
  std::optional<TimerId> deadline_timer_;
};

}  // namespace voicectl
