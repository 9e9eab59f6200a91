// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "runtime/net/http_message.h"
#include "runtime/net/http_text.h"

namespace voicectl {

/// Why a request is not served. The connection answers once with `status` and ends: after bytes
/// that two readers may understand differently, the next request has no safe beginning.
struct Refusal {
  int status = 400;
  std::string message;

  friend bool operator==(const Refusal&, const Refusal&) = default;
};

enum class HttpVersion { k10, k11 };

/// How the body of a request is delimited.
enum class RequestBody { kNone, kLength, kChunked };

/// Everything in front of a request's body, checked.
struct RequestHead {
  HttpRequest request;  ///< without body
  HttpVersion version = HttpVersion::k11;
  AfterAnswer after = AfterAnswer::kKeepAlive;
  RequestBody body = RequestBody::kNone;
  std::size_t body_length = 0;  ///< with kLength
  /// The client waits for "100 Continue" before it sends the body.
  bool expects_continue = false;
};

/// Parses a request's head: request line, headers, blank line.
///
/// Strict where leniency lets two readers disagree about where a request ends: see the tests.
/// REQUIRES: `head` ends with the first CR LF CR LF in it.
std::variant<RequestHead, Refusal> parse_request_head(std::string_view head);

}  // namespace voicectl
