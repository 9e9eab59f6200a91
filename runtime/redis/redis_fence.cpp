// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_fence.h"

#include <fmt/core.h>

#include <charconv>

#include "base/check.h"

namespace voicectl::runtime {

std::string RedisFence::text() const {
  return fmt::format("{}.{}", token.value, writes);
}

std::optional<RedisFence> parse_redis_fence(std::string_view text) {
  RedisFence fence;
  const char* const end = text.data() + text.size();
  const auto token = std::from_chars(text.data(), end, fence.token.value);
  if (token.ec != std::errc() || token.ptr == end || *token.ptr != '.') {
    return std::nullopt;
  }
  const auto writes = std::from_chars(token.ptr + 1, end, fence.writes);
  return writes.ec == std::errc() && writes.ptr == end ? std::optional(fence) : std::nullopt;
}

void add_watch(const std::vector<RedisFixedKey>& keys, RedisCommands& to) {
  to.begin(1 + keys.size()).word("WATCH");
  for (const RedisFixedKey& key : keys) {
    to.word(key.name);
  }
}

RedisCommands watch_and_look(const std::vector<RedisFixedKey>& keys) {
  RedisCommands commands;
  add_watch(keys, commands);
  commands.add({"GET", keys.front().name});
  for (const RedisFixedKey& key : keys) {
    commands.add({"TYPE", key.name});
  }
  return commands;
}

Result<std::optional<RedisFence>> found_fence(const std::vector<RedisFixedKey>& keys,
                                              const std::vector<RedisReply>& replies) {
  VC_CHECK(replies.size() >= keys.size() + 2, "watch_and_look asked first");
  // The types first: GET of a list is an error that does not name the key.
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const RedisReply& type = replies[i + 2];
    if (!type.is_error() && type.text != "none" && type.text != keys[i].type) {
      return Error(ErrorCode::kCorrupt,
                   fmt::format("cannot use the key '{}': it is a {}, not a {} of ours; look at "
                               "who has written it, and remove or rename it",
                               keys[i].name, type.text, keys[i].type));
    }
  }
  if (const RedisReply* refusal = first_error(replies)) {
    return error_of_reply(*refusal, "look at the session store");
  }
  if (replies[1].is_nil()) {
    return std::optional<RedisFence>();
  }
  const auto fence = parse_redis_fence(replies[1].text);
  if (!fence) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("cannot use the key '{}': it says '{}', which is no fence of ours",
                             keys.front().name, replies[1].text.substr(0, 64)));
  }
  return fence;
}

}  // namespace voicectl::runtime
