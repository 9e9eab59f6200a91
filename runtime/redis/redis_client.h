// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/backoff.h"
#include "base/os/asio_reactor.h"
#include "base/random.h"
#include "base/result.h"
#include "runtime/redis/redis_address.h"
#include "runtime/redis/redis_commands.h"
#include "runtime/redis/redis_reply.h"

namespace voicectl {

struct RedisOptions {
  RedisAddress address;
  /// For connecting and being let in. Shorter than `answer_timeout`, so that whoever waits sees a
  /// second try.
  Duration connect_timeout = std::chrono::seconds(1);
  /// From `send` to the last reply; then the connection is given up, since what it still brings
  /// could not be told apart.
  Duration answer_timeout = std::chrono::seconds(3);
  BackoffPolicy reconnect{.first = std::chrono::milliseconds(50), .cap = std::chrono::seconds(2)};
  /// Bytes of commands that wait for a reply; more are refused.
  std::size_t queue_bytes = std::size_t{64} << 20;
};

/// What is known of commands that got no replies.
enum class RedisEffect {
  kNone,     ///< they never left: sending them again is safe
  kUnknown,  ///< they left and the connection was lost: they may have been carried out
};

struct RedisFailure {
  Error error;
  RedisEffect effect = RedisEffect::kNone;
};

/// What came of one `send`: one reply per command (the server's errors among them), or a failure.
struct RedisAnswer {
  std::vector<RedisReply> replies;
  std::optional<RedisFailure> failure;
  /// Which connection brought the replies. What WATCH watches ends with it.
  std::uint64_t connection = 0;
  /// What was sent, for whoever wants to send it again.
  RedisCommands commands = {};
};

/// One connection to a Redis server, made when it is needed and made again with backoff when it was
/// lost. Commands go out at once and in their order; nobody waits for the replies of others.
///
/// THREADS: loop thread only. Completions run in a later turn, and not after the client's death.
class RedisClient {
 public:
  using Done = std::function<void(RedisAnswer)>;

  /// REQUIRES: `reactor` and `random` outlive it.
  RedisClient(AsioReactor& reactor, Random& random, RedisOptions options);
  ~RedisClient();
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;

  /// Sends the commands in one piece; without a connection they wait for one. With `connection`
  /// they go over that one or fail. ERRORS: kUnavailable (no connection; lost); kTimeout;
  /// kPermissionDenied and kInvalidArgument (the server does not let us in); kResourceExhausted
  /// (too much waits); kCorrupt (no RESP).
  void send(RedisCommands commands, Done done, std::optional<std::uint64_t> connection = {});

 private:
  class Link;
  std::shared_ptr<Link> link_;
};

}  // namespace voicectl
