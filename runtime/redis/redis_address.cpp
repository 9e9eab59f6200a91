// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_address.h"

#include <fmt/core.h>

#include <charconv>
#include <optional>

namespace voicectl {
namespace {

/// Longest path that a unix address holds.
constexpr std::size_t kMostUnixPath = 107;

Error bad_url(std::string_view why) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("cannot use the address of the Redis server: {}; write "
                      "'redis://[user[:password]@]host[:port][/database]' or "
                      "'unix://[user[:password]@]/path/of/socket[?db=database]'",
                      why)};
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = problem == std::errc() && end == text.data() + text.size();
  return is_whole ? std::optional(number) : std::nullopt;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at];
      continue;
    }
    unsigned value = 0;
    const std::string_view digits = text.substr(at + 1, 2);
    const auto [end, problem] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (problem != std::errc() || digits.size() != 2 || end != digits.data() + 2) {
      return std::nullopt;
    }
    decoded += static_cast<char>(value);
    at += 2;
  }
  return decoded;
}

/// Takes "user:password@" off the front of `rest`.
Status read_credentials(std::string_view& rest, RedisAddress& address) {
  // The last one: a password that was not encoded may have some of its own.
  const std::size_t at = rest.substr(0, rest.find('/')).rfind('@');
  if (at == std::string_view::npos) {
    return ok_status();
  }
  const std::string_view before = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  const std::size_t colon = before.find(':');
  const auto user = percent_decoded(before.substr(0, colon));
  const auto password = percent_decoded(colon == std::string_view::npos ? std::string_view()
                                                                        : before.substr(colon + 1));
  if (!user || !password) {
    return bad_url("a '%' in user or password is not followed by two hexadecimal digits");
  }
  address.user = *user;
  address.password = Secret(*password);
  return ok_status();
}

Status read_database(std::string_view text, RedisAddress& address) {
  const auto number = number_of<std::uint32_t>(text);
  if (!number) {
    return bad_url("the database is not a number");
  }
  address.database = *number;
  return ok_status();
}

Status read_host(std::string_view place, RedisAddress& address) {
  const bool is_bracketed = place.starts_with('[');
  const std::size_t end = is_bracketed ? place.find(']') : place.find(':');
  address.host = is_bracketed ? place.substr(1, end == std::string_view::npos ? end : end - 1)
                              : place.substr(0, end);
  const std::size_t after = is_bracketed && end != std::string_view::npos ? end + 1 : end;
  if (address.host.empty() || (is_bracketed && end == std::string_view::npos)) {
    return bad_url("it names no host");
  }
  if (after == std::string_view::npos || after == place.size()) {
    return ok_status();
  }
  const auto port = number_of<std::uint16_t>(place.substr(after + 1));
  if (place[after] != ':' || !port || *port == 0) {
    return bad_url("its port is not a number of 1 to 65535");
  }
  address.port = *port;
  return ok_status();
}

Result<RedisAddress> parse_tcp(std::string_view rest) {
  RedisAddress address;
  VC_TRY(read_credentials(rest, address));
  const std::size_t slash = rest.find('/');
  VC_TRY(read_host(rest.substr(0, slash), address));
  if (slash != std::string_view::npos && slash + 1 < rest.size()) {
    VC_TRY(read_database(rest.substr(slash + 1), address));
  }
  return address;
}

Result<RedisAddress> parse_unix(std::string_view rest) {
  RedisAddress address;
  VC_TRY(read_credentials(rest, address));
  const std::size_t question = rest.find('?');
  address.unix_socket = rest.substr(0, question);
  if (!address.unix_socket.starts_with('/') || address.unix_socket.size() > kMostUnixPath) {
    return bad_url("its path must begin with '/' and have at most 107 characters");
  }
  if (question != std::string_view::npos) {
    const std::string_view option = rest.substr(question + 1);
    if (!option.starts_with("db=")) {
      return bad_url("the only option is 'db'");
    }
    VC_TRY(read_database(option.substr(3), address));
  }
  return address;
}

}  // namespace

std::string RedisAddress::text() const {
  const std::string as = user.empty() ? "" : user + "@";
  if (!unix_socket.empty()) {
    return fmt::format("unix://{}{}?db={}", as, unix_socket, database);
  }
  const bool is_v6 = host.find(':') != std::string::npos;
  return fmt::format("redis://{}{}:{}/{}", as, is_v6 ? "[" + host + "]" : host, port, database);
}

Result<RedisAddress> parse_redis_url(std::string_view url) {
  constexpr std::string_view kTcp = "redis://";
  constexpr std::string_view kUnix = "unix://";
  if (url.find_first_of(std::string_view("\r\n\0 ", 4)) != std::string_view::npos) {
    return bad_url("it has a blank or a line break");
  }
  if (url.starts_with("rediss://")) {
    return bad_url("this version speaks to Redis without TLS only, so 'rediss' cannot be used");
  }
  if (url.starts_with(kTcp)) {
    return parse_tcp(url.substr(kTcp.size()));
  }
  return url.starts_with(kUnix) ? parse_unix(url.substr(kUnix.size()))
                                : Result<RedisAddress>(bad_url("it begins with neither"));
}

}  // namespace voicectl
