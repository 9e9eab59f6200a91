// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace voicectl {

/// What a Redis server says to one command.
struct RedisReply {
  enum class Kind { kNil, kText, kStatus, kInteger, kError, kList };
  Kind kind = Kind::kNil;
  /// Of kText, kStatus and kError; any bytes.
  std::string text;
  std::int64_t integer = 0;
  std::vector<RedisReply> elements;

  bool is_nil() const { return kind == Kind::kNil; }
  bool is_error() const { return kind == Kind::kError; }
};

/// The kind of failure that a server's error means, by its first word:
/// kPermissionDenied: NOAUTH, WRONGPASS, NOPERM; kResourceExhausted: OOM; kCorrupt: WRONGTYPE;
/// kInvalidArgument: MOVED, ASK, CROSSSLOT (a node of a cluster), and a database that is not there;
/// kUnavailable: LOADING, READONLY, MISCONF, BUSY and what else passes by itself or with help.
/// REQUIRES: `reply.is_error()`.
Error error_of_reply(const RedisReply& reply, std::string_view doing);

/// The first error among the replies, with those of an EXEC; nullptr if there is none.
const RedisReply* first_error(const std::vector<RedisReply>& replies);

}  // namespace voicectl
