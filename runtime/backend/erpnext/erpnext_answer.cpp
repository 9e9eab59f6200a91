// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/erpnext/erpnext_answer.h"

#include <fmt/core.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "runtime/backend/erpnext/erpnext_text.h"

namespace voicectl::runtime {
namespace {

/// How long a site is left alone that refuses for the number of requests and does not say.
constexpr Duration kQuietUntold = std::chrono::seconds(60);

std::optional<std::int64_t> number_in(const HttpHeaders& headers, std::string_view name) {
  const auto text = find_header(headers, name);
  std::int64_t number = 0;
  if (!text) {
    return std::nullopt;
  }
  const auto [end, problem] = std::from_chars(text->data(), text->data() + text->size(), number);
  const bool whole = problem == std::errc() && end == text->data() + text->size() && number >= 0;
  return whole ? std::optional(number) : std::nullopt;
}

/// The budget is processing time of the whole site: what remains is told in microseconds, when it
/// is renewed in seconds.
std::optional<Duration> quiet_of(const HttpResponse& response) {
  const auto after = number_in(response.headers, "Retry-After");
  const auto reset = number_in(response.headers, "X-RateLimit-Reset");
  if (response.status == 429 || response.status == 503) {
    const auto seconds = after ? after : reset;
    const bool told = seconds && *seconds > 0;
    if (told) {
      return std::chrono::seconds(*seconds);
    }
    return response.status == 429 ? std::optional(kQuietUntold) : std::nullopt;
  }
  const auto remaining = number_in(response.headers, "X-RateLimit-Remaining");
  const bool spent = remaining && *remaining == 0 && reset && *reset > 0;
  return spent ? std::optional<Duration>(std::chrono::seconds(*reset)) : std::nullopt;
}

/// `_server_messages` is JSON in JSON in JSON, and HTML in the middle of it.
std::string words_of(const Json& body) {
  const Result<Json> list = parse_json(string_or(body, "_server_messages", ""));
  std::string words;
  if (list.has_value() && list->is_array()) {
    for (const Json& text : *list) {
      const Result<Json> message =
          text.is_string() ? parse_json(text.get_ref<const std::string&>()) : Result<Json>(text);
      if (message.has_value() && message->is_object()) {
        words = plain_words(string_or(*message, "message", ""));
      }
    }
  }
  const auto errors = body.find("errors");
  if (words.empty() && errors != body.end() && errors->is_array() && !errors->empty() &&
      errors->front().is_object()) {
    words = plain_words(string_or(errors->front(), "message", ""));
  }
  constexpr std::string_view kPrefix = "Error: ";
  return words.starts_with(kPrefix) ? words.substr(kPrefix.size()) : words;
}

std::string exception_of(const Json& body) {
  const auto errors = body.find("errors");
  const bool listed =
      errors != body.end() && errors->is_array() && !errors->empty() && errors->front().is_object();
  return listed ? string_or(errors->front(), "type", "") : string_or(body, "exc_type", "");
}

/// Methods answer with a message, resources with data; a method that returns nothing with neither.
Json content_of(Json body) {
  for (const std::string_view key : {"message", "data"}) {
    const auto found = body.find(key);
    if (found != body.end()) {
      return std::move(*found);
    }
  }
  return nullptr;
}

ErpnextVerdict verdict_of_417(const std::string& exception) {
  if (exception == "UniqueValidationError") {
    return ErpnextVerdict::kDuplicate;
  }
  if (exception == "TimestampMismatchError") {
    return ErpnextVerdict::kStale;
  }
  // A field that the site does not know is our mistake or its administrator's, not the caller's.
  return exception == "DataError" ? ErpnextVerdict::kBroken : ErpnextVerdict::kInvalid;
}

ErpnextVerdict verdict_of_500(const std::string& exception) {
  const bool passes =
      exception.empty() || exception == "QueryDeadlockError" || exception == "QueryTimeoutError";
  return passes ? ErpnextVerdict::kHiccup : ErpnextVerdict::kBroken;
}

ErpnextVerdict verdict_of(int status, const std::string& exception) {
  switch (status) {
    case 401:
      return ErpnextVerdict::kUnauthorized;
    case 403:
      return ErpnextVerdict::kForbidden;
    case 404:
      return exception == "DoesNotExistError" ? ErpnextVerdict::kMissing : ErpnextVerdict::kBroken;
    case 409:
      return ErpnextVerdict::kDuplicate;
    case 417:
      return verdict_of_417(exception);
    case 429:
      return ErpnextVerdict::kBusy;
    case 500:
      return verdict_of_500(exception);
    case 502:
    case 503:
    case 504:
      return ErpnextVerdict::kAway;
    default:
      return ErpnextVerdict::kBroken;
  }
}

ErrorCode code_of(ErpnextVerdict verdict) {
  switch (verdict) {
    case ErpnextVerdict::kBusy:
      return ErrorCode::kResourceExhausted;
    case ErpnextVerdict::kAway:
      return ErrorCode::kUnavailable;
    case ErpnextVerdict::kHiccup:
    case ErpnextVerdict::kDuplicate:
    case ErpnextVerdict::kStale:
      return ErrorCode::kConflict;
    case ErpnextVerdict::kUnauthorized:
      return ErrorCode::kPermissionDenied;
    case ErpnextVerdict::kMissing:
      return ErrorCode::kNotFound;
    case ErpnextVerdict::kGarbled:
      return ErrorCode::kCorrupt;
    case ErpnextVerdict::kOk:
    case ErpnextVerdict::kInvalid:
    case ErpnextVerdict::kForbidden:
    case ErpnextVerdict::kBroken:
      return ErrorCode::kInvalidArgument;
  }
  return ErrorCode::kInvalidArgument;
}

std::string_view remedy_of(const ErpnextAnswer& answer) {
  if (answer.verdict == ErpnextVerdict::kUnauthorized) {
    return "; put a valid <key>:<secret> into the credentials file";
  }
  if (answer.verdict == ErpnextVerdict::kForbidden) {
    return "; give the API user the roles for it";
  }
  if (answer.verdict == ErpnextVerdict::kGarbled) {
    return " with what is no JSON; what came of it is looked up with the next attempt";
  }
  if (answer.status == 501) {
    return "; set up an outgoing mail account on the site";
  }
  if (answer.status >= 300 && answer.status < 400) {
    return "; redirects are not followed: put the address that the site answers at into "
           "backend.url";
  }
  return answer.status == 404 && answer.exception.empty() ? "; check the site's address" : "";
}

}  // namespace

std::string_view name_of(ErpnextVerdict verdict) {
  switch (verdict) {
    case ErpnextVerdict::kOk:
      return "ok";
    case ErpnextVerdict::kBusy:
      return "busy";
    case ErpnextVerdict::kAway:
      return "away";
    case ErpnextVerdict::kHiccup:
      return "hiccup";
    case ErpnextVerdict::kDuplicate:
      return "duplicate";
    case ErpnextVerdict::kStale:
      return "stale";
    case ErpnextVerdict::kInvalid:
      return "invalid";
    case ErpnextVerdict::kMissing:
      return "missing";
    case ErpnextVerdict::kUnauthorized:
      return "unauthorized";
    case ErpnextVerdict::kForbidden:
      return "forbidden";
    case ErpnextVerdict::kGarbled:
      return "garbled";
    case ErpnextVerdict::kBroken:
      return "broken";
  }
  return "broken";
}

ErpnextAnswer read_erpnext_answer(const HttpResponse& response) {
  ErpnextAnswer answer;
  answer.status = response.status;
  answer.quiet = quiet_of(response);
  Result<Json> body = parse_json(response.body, JsonBudget{.bytes = kMaxErpnextAnswer});
  const bool readable = body.has_value() && body->is_object();
  if (response.status >= 200 && response.status < 300) {
    answer.verdict = readable ? ErpnextVerdict::kOk : ErpnextVerdict::kGarbled;
    answer.content = std::make_shared<const Json>(readable ? content_of(std::move(*body)) : Json());
    return answer;
  }
  if (readable) {
    answer.exception = exception_of(*body);
    answer.words = words_of(*body);
  }
  answer.verdict = verdict_of(response.status, answer.exception);
  return answer;
}

ErpnextAnswer read_erpnext_body(std::string_view text) {
  ErpnextAnswer answer;
  const Result<Json> body = parse_json(text, JsonBudget{.bytes = kMaxErpnextAnswer});
  if (body.has_error() || !body->is_object()) {
    answer.verdict = ErpnextVerdict::kBroken;
    return answer;
  }
  answer.exception = exception_of(*body);
  answer.words = words_of(*body);
  answer.content = std::make_shared<const Json>(content_of(*body));
  const bool is_refused = !answer.exception.empty() || body->contains("errors");
  answer.verdict = is_refused ? ErpnextVerdict::kInvalid : ErpnextVerdict::kOk;
  return answer;
}

Error error_of(const ErpnextAnswer& answer, std::string_view what) {
  std::string text = fmt::format("cannot {}: ERPNext answered {}", what, answer.status);
  if (!answer.exception.empty()) {
    text += " " + plain_words(answer.exception);
  }
  if (!answer.words.empty()) {
    text += fmt::format(" ('{}')", answer.words);
  }
  return {code_of(answer.verdict), text + std::string(remedy_of(answer))};
}

}  // namespace voicectl::runtime
