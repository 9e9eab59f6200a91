// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/erpnext/stand_in/site_faults.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "runtime/backend/erpnext/stand_in/erpnext_stand_in.h"

namespace voicectl::runtime {
namespace {

constexpr std::int64_t kLongestDelay = 600'000;

Error bad(std::string_view what) {
  return {ErrorCode::kInvalidArgument, fmt::format("cannot set the faults: {}", what)};
}

Result<std::optional<int>> number_in(const Json& body,
                                     std::string_view key,
                                     std::int64_t least,
                                     std::int64_t most) {
  if (!body.contains(key)) {
    return std::optional<int>();
  }
  const std::int64_t number = integer_or(body, key, least - 1);
  if (number < least || number > most) {
    return bad(fmt::format("'{}' must be a number from {} to {}", key, least, most));
  }
  return std::optional(static_cast<int>(number));
}

std::string_view exception_of(int status) {
  switch (status) {
    case 401:
      return "AuthenticationError";
    case 403:
      return "PermissionError";
    case 417:
      return "ValidationError";
    case 429:
      return "TooManyRequestsError";
    case 503:
      return "SessionStopped";
    default:
      return "";
  }
}

}  // namespace

Result<SiteFaults> parse_site_faults(std::string_view text) {
  VC_TRY(const Json body, parse_json(text));
  if (!body.is_object()) {
    return bad("the body must be a JSON object");
  }
  SiteFaults faults;
  VC_TRY(faults.retry_after, number_in(body, "retry_after", 1, 86'400));
  VC_TRY(faults.times, number_in(body, "times", 1, 1'000'000));
  VC_TRY(const std::optional<int> delay, number_in(body, "delay_ms", 0, kLongestDelay));
  faults.delay = std::chrono::milliseconds(delay.value_or(0));
  const std::string word = string_or(body, "status", "");
  if (word == "off" || !body.contains("status")) {
    return faults;
  }
  if (word == "mute") {
    faults.is_mute = true;
    return faults;
  }
  VC_TRY(faults.status, number_in(body, "status", 300, 599));
  return faults;
}

Json to_json(const SiteFaults& faults) {
  const auto or_null = [](const std::optional<int>& number) {
    return number ? Json(*number) : Json(nullptr);
  };
  return {{"status", faults.is_mute ? Json("mute") : or_null(faults.status)},
          {"retry_after", or_null(faults.retry_after)},
          {"times", or_null(faults.times)},
          {"delay_ms", faults.delay.count()}};
}

std::optional<HttpResponse> take_fault(SiteFaults& faults) {
  if (!faults.status) {
    return std::nullopt;
  }
  const int status = *faults.status;
  const std::string exception(exception_of(status));
  HttpResponse response =
      exception.empty() ? HttpResponse{status, {{"Content-Type", "text/html"}}, "<h1>Oops</h1>"}
                        : ErpnextStandIn::failure(status, exception, "As you asked for");
  if (faults.retry_after) {
    response.headers.emplace_back("Retry-After", std::to_string(*faults.retry_after));
  }
  if (faults.times && --*faults.times == 0) {
    faults = SiteFaults{.delay = faults.delay};
  }
  return response;
}

}  // namespace voicectl::runtime
