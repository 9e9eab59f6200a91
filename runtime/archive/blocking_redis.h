// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/os/asio_reactor.h"
#include "base/random.h"
#include "base/result.h"
#include "runtime/redis/redis_client.h"

namespace voicectl::runtime {

/// A Redis client for a program that waits for each answer.
class BlockingRedis {
 public:
  using Replies = std::vector<RedisReply>;

  explicit BlockingRedis(RedisOptions options);

  /// All replies. ERRORS: those of RedisClient; of the first command that the server refused.
  Result<Replies> ask(RedisCommands commands);
  Result<RedisReply> ask_one(std::initializer_list<std::string_view> words);

  /// Names of all keys that begin so. REQUIRES: `beginning` has no character that a pattern reads
  /// otherwise; slugs have none.
  Result<std::vector<std::string>> keys(const std::string& beginning);
  /// Fields and values of a hash, in pages.
  Result<std::vector<std::pair<std::string, std::string>>> hash(const std::string& key);

 private:
  AsioReactor reactor_;
  SystemRandom random_;
  RedisClient client_;
};

}  // namespace voicectl::runtime
