// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace voicectl {

/// Where a Redis server listens, and as whom we come.
struct RedisAddress {
  /// A name or an IP address; empty if `unix_socket` is set.
  std::string host;
  std::uint16_t port = 6379;
  std::string unix_socket;
  /// Empty: the server's "default" user.
  std::string user;
  /// Empty: no AUTH.
  Secret password;
  std::uint32_t database = 0;

  /// For people and logs: everything but the password.
  std::string text() const;

  friend bool operator==(const RedisAddress&, const RedisAddress&) = default;
};

/// Reads "redis://[user[:password]@]host[:port][/database]" (an IPv6 address in brackets) or
/// "unix://[user[:password]@]/path/of/socket[?db=database]". User and password may be
/// percent-encoded.
/// ERRORS: kInvalidArgument; the message never has the password. "rediss://" is refused: there is
/// no TLS to Redis yet.
Result<RedisAddress> parse_redis_url(std::string_view url);

}  // namespace voicectl
