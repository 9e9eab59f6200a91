// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/stand_in/tool_request.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

namespace voicectl::ultravox {
namespace {

std::string as_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : dump_json(value);
}

/// RFC 3986, 2.3: everything but unreserved characters.
std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string out;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

/// Puts parameters where they travel.
class RequestBuilder {
 public:
  explicit RequestBuilder(const UltravoxTool& tool) : url_(tool.url) {}

  void place(const std::string& name, ParameterLocation location, const Json& value) {
    switch (location) {
      case ParameterLocation::kBody:
        body_[name] = value;
        return;
      case ParameterLocation::kHeader:
        headers_.emplace_back(name, as_text(value));
        return;
      case ParameterLocation::kQuery:
        query_ += (query_.empty() ? "" : "&") + percent_encoded(name) + "=" +
                  percent_encoded(as_text(value));
        return;
      case ParameterLocation::kPath:
        break;
    }
    const std::string pattern = "{" + name + "}";
    if (const std::size_t at = url_.find(pattern); at != std::string::npos) {
      url_.replace(at, pattern.size(), percent_encoded(as_text(value)));
    }
  }

  HttpCall build(const UltravoxTool& tool) && {
    HttpCall call;
    call.method = tool.method;
    call.url = std::move(url_);
    if (!query_.empty()) {
      call.url += (call.url.find('?') == std::string::npos ? "?" : "&") + query_;
    }
    call.headers = std::move(headers_);
    call.timeout = tool.timeout;
    if (call.method != "GET" && call.method != "HEAD") {
      call.headers.emplace_back("Content-Type", "application/json");
      call.body = dump_json(body_);
    }
    return call;
  }

 private:
  std::string url_;
  std::string query_;
  HttpHeaders headers_;
  Json body_ = Json::object();
};

Json json_or_text(const std::string& text) {
  const Result<Json> parsed = parse_json(text);
  return parsed.has_value() ? *parsed : Json(text);
}

Json known(KnownValue value, const CallRecord& call) {
  switch (value) {
    case KnownValue::kConversationHistory:
      return conversation_history(call);
    case KnownValue::kCallState:
      return json_or_text(call.state);
    case KnownValue::kCallMetadata:
      return call.request.metadata;
    case KnownValue::kCallStageId:
    case KnownValue::kCallId:
      break;
  }
  // A call that never changes its stage has one, and it may as well be named like the call.
  return call.call_id;
}

/// Tools name their status in their own words. One that has words for it is believed before its
/// flag: "partial" is no success, but no error either.
std::string kind_of(const Json& result) {
  if (!result.is_object()) {
    return "success";
  }
  const auto error = result.find("error");
  if (error != result.end() && !error->is_null() && *error != false) {
    return "error";
  }
  const auto success = result.find("success");
  const bool failed = success != result.end() && *success == false;
  const std::string status = string_or(result, "status", failed ? "error" : "success");
  return status == "failed" || status == "failure" ? "error" : status;
}

}  // namespace

HttpCall make_tool_call(const UltravoxTool& tool, const Json& arguments, const CallRecord& call) {
  RequestBuilder builder(tool);
  for (const DynamicParameter& parameter : tool.dynamic_parameters) {
    const auto argument = arguments.find(parameter.name);
    if (argument != arguments.end()) {
      builder.place(parameter.name, parameter.location, *argument);
    }
  }
  for (const StaticParameter& parameter : tool.static_parameters) {
    const bool in_body = parameter.location == ParameterLocation::kBody;
    builder.place(parameter.name, parameter.location,
                  in_body ? json_or_text(parameter.value) : Json(parameter.value));
  }
  for (const AutomaticParameter& parameter : tool.automatic_parameters) {
    builder.place(parameter.name, parameter.location, known(parameter.known_value, call));
  }
  return std::move(builder).build(tool);
}

ToolAnswer read_tool_answer(const Result<HttpResponse>& answer) {
  if (answer.has_error()) {
    return {{"error", dump_json(answer.error().text())}, AfterTool::kGoOn, ""};
  }
  const Json result = json_or_text(answer->body);
  const bool good = answer->status >= 200 && answer->status <= 299;
  ToolAnswer out{{good ? kind_of(result) : "error", dump_json(result)}, AfterTool::kGoOn, ""};
  if (find_header(answer->headers, "X-Ultravox-Response-Type") == "hang-up") {
    out.then = AfterTool::kHangUp;
  }
  if (const auto update = find_header(answer->headers, "X-Ultravox-Update-Call-State")) {
    out.state_update = std::string(*update);
  }
  return out;
}

}  // namespace voicectl::ultravox
