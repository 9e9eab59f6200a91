// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "runtime/redis/redis_commands.h"
#include "runtime/redis/redis_keys.h"
#include "runtime/redis/redis_reply.h"

namespace voicectl::runtime {

/// What the fence key says: who holds the store, and its transactions so far.
struct RedisFence {
  FencingToken token;
  std::uint64_t writes = 0;
  std::string text() const;
};
std::optional<RedisFence> parse_redis_fence(std::string_view text);

/// Watches the tenant's fixed keys, then looks at the fence and at what the keys are.
RedisCommands watch_and_look(const std::vector<RedisFixedKey>& keys);

/// Only the watch: one command.
void add_watch(const std::vector<RedisFixedKey>& keys, RedisCommands& to);

/// The fence that `watch_and_look` found; nullopt if there is none. Replies behind are not looked
/// at.
/// ERRORS: kCorrupt if a key is of another type than ours, naming it; those of the server.
Result<std::optional<RedisFence>> found_fence(const std::vector<RedisFixedKey>& keys,
                                              const std::vector<RedisReply>& replies);

}  // namespace voicectl::runtime
