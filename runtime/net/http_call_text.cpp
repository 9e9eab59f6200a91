// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/http_call_text.h"

#include <algorithm>
#include <string_view>

#include "runtime/net/http_text.h"

namespace voicectl {
namespace {

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7F;
  });
}

/// The part of a URL that may be shown.
std::string shown(const std::string& url) {
  const std::size_t begin = url.find("://");
  const std::size_t host = begin == std::string::npos ? 0 : begin + 3;
  const std::size_t end = url.find_first_of("?#", host);
  const std::string head = url.substr(0, end);
  const std::size_t path = head.find('/', host);
  const std::size_t user_end = head.substr(0, path).rfind('@');
  return user_end == std::string::npos ? head : head.substr(0, host) + head.substr(user_end + 1);
}

}  // namespace

Status check_call(const HttpCall& call) {
  if (!is_token(call.method)) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot send a request with method '" + call.method + "': it is no token");
  }
  for (const auto& [name, value] : call.headers) {
    if (!is_token(name) || has_control(value)) {
      return Error(ErrorCode::kInvalidArgument,
                   "cannot send header '" + name + "': its name or value is not allowed");
    }
  }
  return ok_status();
}

Error call_forbidden(const HttpCall& call, const std::string& address) {
  return call_failed(
      call, ErrorCode::kPermissionDenied,
      "it leads to " + address + ", which is neither public nor in a network that is allowed here");
}

Error call_failed(const HttpCall& call, ErrorCode code, const std::string& reason) {
  return Error(code,
               "cannot get an answer to " + call.method + " '" + shown(call.url) + "': " + reason);
}

}  // namespace voicectl
