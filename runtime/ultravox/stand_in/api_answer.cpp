// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/stand_in/api_answer.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl::ultravox {
namespace {

constexpr std::size_t kPageSize = 100;
constexpr std::size_t kMaxPageSize = 1000;

std::size_t number_in(const HttpRequest& request, const char* key, std::size_t fallback) {
  const auto found = request.query.find(key);
  std::size_t number = fallback;
  if (found != request.query.end()) {
    const std::string& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), number);
  }
  return number;
}

int status_for(ErrorCode code) {
  if (code == ErrorCode::kInvalidArgument || code == ErrorCode::kResourceExhausted) {
    return 400;
  }
  if (code == ErrorCode::kNotFound) {
    return 404;
  }
  return code == ErrorCode::kConflict ? 422 : 500;
}

}  // namespace

HttpResponse detail(int status, std::string_view text) {
  const Json body = {{"detail", text}};
  return json_response(status, dump_json(body));
}

HttpResponse refusal(const Error& error) {
  return detail(status_for(error.code()), error.text());
}

HttpResponse no_content() {
  return HttpResponse{204, {}, ""};
}

HttpResponse page(const std::vector<std::string>& items,
                  const HttpRequest& request,
                  const std::string& url) {
  const std::size_t size =
      std::clamp<std::size_t>(number_in(request, "pageSize", kPageSize), 1, kMaxPageSize);
  const std::size_t first = std::min(number_in(request, "cursor", 0), items.size());
  const std::size_t last = std::min(first + size, items.size());
  const auto address = [&](std::size_t cursor) {
    return Json(fmt::format("{}?cursor={}&pageSize={}", url, cursor, size));
  };
  const Json next = last < items.size() ? address(last) : Json();
  const Json previous = first > 0 ? address(first - std::min(first, size)) : Json();
  std::string results;
  for (std::size_t i = first; i < last; ++i) {
    results += (i == first ? "" : ",") + items[i];
  }
  return json_response(
      200, fmt::format(R"({{"next":{},"previous":{},"total":{},"results":[{}]}})", dump_json(next),
                       dump_json(previous), items.size(), results));
}

}  // namespace voicectl::ultravox
