// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/http_message.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "runtime/net/http_text.h"

namespace voicectl {

std::optional<std::string_view> find_header(const HttpHeaders& headers, std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& header) {
    return equals_ignoring_case(header.first, name);
  });
  if (found == headers.end()) {
    return std::nullopt;
  }
  return found->second;
}

HttpResponse json_response(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

HttpResponse error_response(int status, std::string_view code, std::string_view message) {
  const Json body = {{"error", {{"code", code}, {"message", message}}}};
  return json_response(status, dump_json(body));
}

std::string render_response(const HttpResponse& response, bool keep_alive) {
  const AfterAnswer after = keep_alive ? AfterAnswer::kKeepAlive : AfterAnswer::kClose;
  std::string text = render_head(response, BodyFraming::kLength, after);
  if (response.status != 204 && response.status != 304) {
    text += response.body;
  }
  return text;
}

}  // namespace voicectl
