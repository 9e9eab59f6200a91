// SPDX-License-Identifier: Apache-2.0
#include "runtime/control/protocol.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/os/fd_channel.h"

namespace voicectl::control {

std::string encode(const Message& message) {
  // The body is JSON already: it is set in as it is, so that a message is rendered once.
  std::string out = fmt::format(R"({{"v":{},"type":"{}")", kVersion, message.type);
  if (message.id) {
    out += fmt::format(R"(,"id":{})", *message.id);
  }
  if (message.re) {
    out += fmt::format(R"(,"re":{})", *message.re);
  }
  return out + R"(,"body":)" + message.body + "}";
}

Result<Message> decode(std::string_view text) {
  VC_TRY(const Json parsed, parse_json(text, JsonBudget{.bytes = kMaxChannelMessage}));
  if (!parsed.is_object() || integer_or(parsed, "v", 0) != kVersion) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot read a control message: it is not of version {}", kVersion));
  }
  Message message;
  VC_TRY(message.type, require_string(parsed, "type"));
  if (const std::int64_t id = integer_or(parsed, "id", -1); id >= 0) {
    message.id = static_cast<std::uint64_t>(id);
  }
  if (const std::int64_t re = integer_or(parsed, "re", -1); re >= 0) {
    message.re = static_cast<std::uint64_t>(re);
  }
  const auto body = parsed.find("body");
  if (body == parsed.end() || !body->is_object()) {
    return Error(ErrorCode::kInvalidArgument, "cannot read a control message: it has no body");
  }
  message.body = dump_json(*body);
  return message;
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
