// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "runtime/ultravox/timestamp.h"
#include "runtime/ultravox/wire.h"

namespace voicectl::ultravox {
namespace {

constexpr std::size_t kMaxCallId = 64;

/// Longest piece of an answer that is quoted in an error.
constexpr std::size_t kMaxQuote = 200;

/// A wait longer than a day is a mistake of the other side, not a plan.
constexpr std::chrono::seconds kMaxRetryAfter{86'400};

std::optional<WallTime> time_in(const Json& object, std::string_view key) {
  const auto at = parse_timestamp(string_or(object, key, ""));
  return at.has_value() ? std::optional(*at) : std::nullopt;
}

std::optional<std::string> text_in(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? std::optional(found->get<std::string>())
                                                     : std::nullopt;
}

std::map<std::string, std::string> texts_in(const Json& object, std::string_view key) {
  std::map<std::string, std::string> out;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_object()) {
    return out;
  }
  for (const auto& [name, value] : found->items()) {
    if (value.is_string()) {
      out.emplace(name, value.get<std::string>());
    }
  }
  return out;
}

/// Only the form with seconds: the service sends no dates there.
std::optional<std::chrono::seconds> retry_after(const HttpResponse& response) {
  const auto header = find_header(response.headers, "Retry-After");
  if (!header) {
    return std::nullopt;
  }
  std::int64_t seconds = 0;
  const char* const end = header->data() + header->size();
  const auto read = std::from_chars(header->data(), end, seconds);
  if (read.ec != std::errc() || read.ptr != end || seconds < 0) {
    return std::nullopt;
  }
  return std::min(std::chrono::seconds(seconds), kMaxRetryAfter);
}

/// The reason that the service gives: `{"detail": "..."}`, else the beginning of its answer.
std::string quote(const HttpResponse& response) {
  const Result<Json> body = parse_json(response.body);
  const std::string detail = body.has_value() ? string_or(*body, "detail", "") : "";
  return (detail.empty() ? response.body : detail).substr(0, kMaxQuote);
}

ErrorCode code_for(int status) {
  switch (status) {
    case 401:
    case 403:
      return ErrorCode::kPermissionDenied;
    case 402:
    case 429:
      return ErrorCode::kResourceExhausted;
    case 404:
      return ErrorCode::kNotFound;
    case 408:
      return ErrorCode::kTimeout;
    case 409:
    case 422:
      return ErrorCode::kConflict;
    default:
      break;
  }
  if (status >= 500) {
    return ErrorCode::kUnavailable;
  }
  return status >= 400 ? ErrorCode::kInvalidArgument : ErrorCode::kCorrupt;
}

std::string_view remedy_for(int status) {
  switch (status) {
    case 401:
    case 403:
      return "; check the API key";
    case 402:
      return "; check the account's payment";
    default:
      return "";
  }
}

UltravoxError refused(const HttpResponse& response, std::string_view what) {
  const std::string reason = quote(response);
  return {Error(code_for(response.status),
                fmt::format("cannot {}: Ultravox answered {}{}{}{}", what, response.status,
                            reason.empty() ? "" : ": ", reason, remedy_for(response.status))),
          response.status, retry_after(response)};
}

UltravoxError nonsense(const HttpResponse& response, std::string_view what, std::string_view why) {
  return {Error(ErrorCode::kCorrupt,
                fmt::format("cannot {}: Ultravox answered {} with a body that makes no sense ({})",
                            what, response.status, why)),
          response.status};
}

UltravoxResult<Call> read_call_with(const HttpResponse& response,
                                    int status,
                                    std::string_view what) {
  if (response.status != status) {
    return refused(response, what);
  }
  const Result<Json> body = parse_json(response.body);
  if (body.has_error()) {
    return nonsense(response, what, body.error().text());
  }
  const Result<Call> call = parse_call(*body);
  if (call.has_error()) {
    return nonsense(response, what, call.error().text());
  }
  return *call;
}

MessageRole role_named(std::string_view name) {
  if (name == "MESSAGE_ROLE_USER") {
    return MessageRole::kUser;
  }
  if (name == "MESSAGE_ROLE_AGENT") {
    return MessageRole::kAgent;
  }
  if (name == "MESSAGE_ROLE_TOOL_CALL") {
    return MessageRole::kToolCall;
  }
  return name == "MESSAGE_ROLE_TOOL_RESULT" ? MessageRole::kToolResult : MessageRole::kUnknown;
}

}  // namespace

Status check_call_id(std::string_view call_id) {
  const bool usable = !call_id.empty() && call_id.size() <= kMaxCallId &&
                      std::all_of(call_id.begin(), call_id.end(), [](char c) {
                        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                               (c >= '0' && c <= '9') || c == '-';
                      });
  if (!usable) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot use '{}' as a call id: it must be 1 to {} letters, digits and "
                             "hyphens",
                             call_id.substr(0, kMaxCallId), kMaxCallId));
  }
  return ok_status();
}

Result<Call> parse_call(const Json& object) {
  Call call;
  call.call_id = string_or(object, "callId", "");
  if (const Status usable = check_call_id(call.call_id); usable.has_error()) {
    return Error(ErrorCode::kCorrupt, usable.error().message());
  }
  call.join_url = text_in(object, "joinUrl");
  call.created = time_in(object, "created");
  call.joined = time_in(object, "joined");
  call.ended = time_in(object, "ended");
  if (const auto reason = text_in(object, "endReason")) {
    call.end_reason = end_reason_named(*reason);
  }
  const auto billed = parse_seconds(string_or(object, "billedDuration", ""));
  if (billed.has_value()) {
    call.billed_duration = *billed;
  }
  call.summary = string_or(object, "summary", "");
  call.short_summary = string_or(object, "shortSummary", "");
  call.metadata = texts_in(object, "metadata");
  return call;
}

UltravoxResult<Call> read_created_call(const HttpResponse& response) {
  constexpr std::string_view kWhat = "create a call";
  UltravoxResult<Call> call = read_call_with(response, 201, kWhat);
  if (call.has_value() && call->join_url.value_or("").empty()) {
    return nonsense(response, kWhat, "it has no joinUrl");
  }
  return call;
}

UltravoxResult<Call> read_call(const HttpResponse& response) {
  return read_call_with(response, 200, "read a call");
}

UltravoxResult<void> read_acknowledgement(const HttpResponse& response, std::string_view what) {
  if (response.status < 200 || response.status > 299) {
    return refused(response, what);
  }
  return {};
}

UltravoxResult<MessagePage> read_messages(const HttpResponse& response) {
  constexpr std::string_view kWhat = "read the messages of a call";
  if (response.status != 200) {
    return refused(response, kWhat);
  }
  const Result<Json> body = parse_json(response.body, JsonBudget{.bytes = 4U << 20});
  if (body.has_error()) {
    return nonsense(response, kWhat, body.error().text());
  }
  const auto results = body->find("results");
  if (results == body->end() || !results->is_array()) {
    return nonsense(response, kWhat, "it has no results");
  }
  MessagePage page;
  page.next = text_in(*body, "next");
  for (const Json& entry : *results) {
    page.messages.push_back({role_named(string_or(entry, "role", "")), string_or(entry, "text", ""),
                             string_or(entry, "toolName", ""),
                             string_or(entry, "invocationId", "")});
  }
  return page;
}

}  // namespace voicectl::ultravox
