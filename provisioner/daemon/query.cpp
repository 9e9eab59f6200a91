// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/query.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "provisioner/model/text_rules.h"

namespace voicectl {

std::string query_or(const HttpRequest& request, const std::string& key, std::string fallback) {
  const auto found = request.query.find(key);
  return found == request.query.end() ? std::move(fallback) : found->second;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = problem == std::errc() && end == text.data() + text.size() && number >= 0;
  return is_whole ? std::optional(number) : std::nullopt;
}

Result<Json> parse_body(std::string_view text, const JsonBudget& budget) {
  VC_TRY(Json body, parse_json(text, budget));
  if (!body.is_object()) {
    return Error(ErrorCode::kInvalidArgument, "cannot take the request: its body is no object");
  }
  return body;
}

bool flag_in(const Json& body, std::string_view key) {
  const auto found = body.find(key);
  return found != body.end() && found->is_boolean() && found->get<bool>();
}

std::string one_line(std::string text, std::size_t most) {
  text.resize(std::min(text.size(), most));
  while (const auto bad = find_unprintable(text, Lines::kOne)) {
    text[*bad] = '?';
  }
  return text;
}

}  // namespace voicectl
