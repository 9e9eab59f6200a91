// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "runtime/redis/redis_reply.h"

struct redisReader;

namespace voicectl {

/// What a reply may cost; a server that says more is no server of ours.
struct RedisReplyBudget {
  std::size_t bytes = std::size_t{64} << 20;
  /// Of one list.
  std::size_t elements = std::size_t{1} << 20;
};

/// Makes replies of the bytes that a server sends (RESP2). Built on hiredis, which does no I/O
/// here; replies are built in their final form, not copied.
class RedisReader {
 public:
  explicit RedisReader(const RedisReplyBudget& budget = {});
  ~RedisReader();
  RedisReader(const RedisReader&) = delete;
  RedisReader& operator=(const RedisReader&) = delete;

  /// ERRORS: kCorrupt if a reply is over its budget. After an error the reader is of no more use.
  Status feed(std::string_view bytes);

  /// The next whole reply; nullopt if more bytes are needed.
  /// ERRORS: kCorrupt if the bytes are no RESP.
  Result<std::optional<RedisReply>> next();

 private:
  RedisReplyBudget budget_;
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader_;
  /// Bytes since the last whole reply.
  std::size_t unfinished_ = 0;
};

}  // namespace voicectl
