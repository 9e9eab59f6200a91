// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_reply.h"

#include <fmt/core.h>

namespace voicectl {
namespace {

struct Meaning {
  std::string_view word;
  ErrorCode code;
  std::string_view remedy;
};

constexpr Meaning kMeanings[] = {
    {"NOAUTH", ErrorCode::kPermissionDenied,
     "put the password into the file keys/redis.password of the daemon's state folder"},
    {"WRONGPASS", ErrorCode::kPermissionDenied, "check user and password of the store"},
    {"NOPERM", ErrorCode::kPermissionDenied, "let the user run the command on these keys"},
    {"OOM", ErrorCode::kResourceExhausted, "give the server more memory"},
    {"WRONGTYPE", ErrorCode::kCorrupt, "somebody else has written there"},
    {"MOVED", ErrorCode::kInvalidArgument, "this version needs a server that is no cluster"},
    {"ASK", ErrorCode::kInvalidArgument, "this version needs a server that is no cluster"},
    {"CROSSSLOT", ErrorCode::kInvalidArgument, "this version needs a server that is no cluster"},
    {"CLUSTERDOWN", ErrorCode::kUnavailable, "the cluster does not serve"},
    {"LOADING", ErrorCode::kUnavailable, "the server is reading its data; try again"},
    {"READONLY", ErrorCode::kUnavailable, "the server is a replica; name its primary"},
    {"MISCONF", ErrorCode::kUnavailable, "the server cannot write to its disk"},
    {"MASTERDOWN", ErrorCode::kUnavailable, "the replica has lost its primary"},
    {"NOREPLICAS", ErrorCode::kUnavailable, "too few replicas are in step"},
    {"BUSY", ErrorCode::kUnavailable, "a script keeps the server busy; try again"},
    {"EXECABORT", ErrorCode::kUnavailable, "nothing was written"},
};

}  // namespace

Error error_of_reply(const RedisReply& reply, std::string_view doing) {
  const std::string_view text = reply.text;
  const std::string_view word = text.substr(0, text.find(' '));
  for (const Meaning& meaning : kMeanings) {
    if (word == meaning.word) {
      return {meaning.code, fmt::format("cannot {}: the Redis server says '{}'; {}", doing, text,
                                        meaning.remedy)};
    }
  }
  return {ErrorCode::kInternal, fmt::format("cannot {}: the Redis server says '{}'", doing, text)};
}

const RedisReply* first_error(const std::vector<RedisReply>& replies) {
  for (const RedisReply& reply : replies) {
    if (reply.is_error()) {
      return &reply;
    }
    if (const RedisReply* inside = first_error(reply.elements)) {
      return inside;
    }
  }
  return nullptr;
}

}  // namespace voicectl
