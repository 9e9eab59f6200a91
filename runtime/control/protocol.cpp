// SPDX-License-Identifier: Apache-2.0
#include "runtime/control/protocol.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/os/fd_channel.h"

namespace voicectl::control {
namespace {

constexpr std::string_view kBodyKey = R"(,"body":)";

/// Whether it is one pair of braces with whatever between them: its strings end, and so does it.
/// Whoever takes a body reads it.
bool looks_like_object(std::string_view text) {
  std::size_t depth = 0;
  bool is_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_string) {
      i += c == '\\' ? 1 : 0;
      is_string = c != '"';
    } else if (c == '"') {
      is_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return c == '}' && i + 1 == text.size();
    }
    if (depth == 0) {
      return false;
    }
  }
  return false;
}

/// A message as encode() writes it, its body last, in two: {"v":1,"type":"ok","re":3} and the body.
/// Nullopt: it is written otherwise. In a string the quotes around the key would stand behind
/// backslashes.
std::optional<std::pair<std::string, std::string_view>> split(std::string_view text) {
  const std::size_t at = text.find(kBodyKey);
  if (at == std::string_view::npos || !text.ends_with('}')) {
    return std::nullopt;
  }
  std::string_view body = text.substr(at + kBodyKey.size());
  body.remove_suffix(1);
  return looks_like_object(body)
             ? std::optional(std::pair(std::string(text.substr(0, at)) + "}", body))
             : std::nullopt;
}

Result<Message> message_of(const Json& head, std::string body) {
  if (!head.is_object() || integer_or(head, "v", 0) != kVersion) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot read a control message: it is not of version {}", kVersion));
  }
  Message message;
  VC_TRY(message.type, require_string(head, "type"));
  if (const std::int64_t id = integer_or(head, "id", -1); id >= 0) {
    message.id = static_cast<std::uint64_t>(id);
  }
  if (const std::int64_t re = integer_or(head, "re", -1); re >= 0) {
    message.re = static_cast<std::uint64_t>(re);
  }
  if (body.empty()) {
    return Error(ErrorCode::kInvalidArgument, "cannot read a control message: it has no body");
  }
  message.body = std::move(body);
  return message;
}

}  // namespace

std::string encode(const Message& message) {
  // The body is JSON already: it is set in as it is, so that a message is rendered once.
  std::string out = fmt::format(R"({{"v":{},"type":"{}")", kVersion, message.type);
  if (message.id) {
    out += fmt::format(R"(,"id":{})", *message.id);
  }
  if (message.re) {
    out += fmt::format(R"(,"re":{})", *message.re);
  }
  return out.append(kBodyKey).append(message.body) + "}";
}

Result<Message> decode(std::string_view text) {
  const JsonBudget budget{.bytes = kMaxChannelMessage};
  // Most of a message is its body, which is not read twice.
  if (const auto parts = text.size() <= budget.bytes ? split(text) : std::nullopt) {
    if (const Result<Json> head = parse_json(parts->first, budget); head.has_value()) {
      return message_of(*head, std::string(parts->second));
    }
  }
  VC_TRY(const Json parsed, parse_json(text, budget));
  const auto body = parsed.is_object() ? parsed.find("body") : parsed.end();
  return message_of(parsed, body != parsed.end() && body->is_object() ? dump_json(*body) : "");
}

Message make_error_reply(std::uint64_t re, const Error& error) {
  const Json body = {{"code", name_of(error.code())}, {"message", error.text()}};
  return Message{std::string(reply::kError), std::nullopt, re, dump_json(body)};
}

Error error_of(const Message& message) {
  const Result<Json> body = parse_json(message.body);
  if (body.has_error()) {
    return Error(ErrorCode::kCorrupt, "cannot read the answer of an instance");
  }
  return Error(error_code_named(string_or(*body, "code", "internal")),
               string_or(*body, "message", "cannot tell: the instance gave no message"));
}

}  // namespace voicectl::control
