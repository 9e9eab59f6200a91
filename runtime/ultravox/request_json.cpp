// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json_text.h"
#include "runtime/ultravox/timestamp.h"
#include "runtime/ultravox/wire.h"

namespace voicectl::ultravox {
namespace {

/// Name of the one security requirement that our tools have.
constexpr std::string_view kTokenName = "voicectl";

constexpr std::size_t kMaxToolName = 64;
constexpr std::size_t kMaxLanguageHint = 16;

std::string_view name_of(ParameterLocation location) {
  switch (location) {
    case ParameterLocation::kQuery:
      return "PARAMETER_LOCATION_QUERY";
    case ParameterLocation::kPath:
      return "PARAMETER_LOCATION_PATH";
    case ParameterLocation::kHeader:
      return "PARAMETER_LOCATION_HEADER";
    case ParameterLocation::kBody:
      break;
  }
  return "PARAMETER_LOCATION_BODY";
}

std::string_view name_of(KnownValue value) {
  switch (value) {
    case KnownValue::kConversationHistory:
      return "KNOWN_PARAM_CONVERSATION_HISTORY";
    case KnownValue::kCallState:
      return "KNOWN_PARAM_CALL_STATE";
    case KnownValue::kCallStageId:
      return "KNOWN_PARAM_CALL_STAGE_ID";
    case KnownValue::kCallMetadata:
      return "KNOWN_PARAM_CALL_METADATA";
    case KnownValue::kCallId:
      break;
  }
  return "KNOWN_PARAM_CALL_ID";
}

/// Elements as the text of a JSON array.
template <typename Elements, typename Render>
std::string list_of(const Elements& elements, const Render& render) {
  std::string out = "[";
  for (const auto& element : elements) {
    out += out.size() == 1 ? "" : ",";
    out += render(element);
  }
  return out + "]";
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string dynamic_json(const DynamicParameter& parameter) {
  JsonText out;
  return out.text("name", parameter.name)
      .text("location", name_of(parameter.location))
      .json("schema", parameter.schema.text())
      .flag("required", parameter.required)
      .take();
}

/// In the body a value may be any JSON; text that is none is sent as text.
std::string static_value(const StaticParameter& parameter) {
  const bool is_json =
      parameter.location == ParameterLocation::kBody && parse_json(parameter.value).has_value();
  return is_json ? parameter.value : json_string(parameter.value);
}

std::string static_json(const StaticParameter& parameter) {
  JsonText out;
  return out.text("name", parameter.name)
      .text("location", name_of(parameter.location))
      .json("value", static_value(parameter))
      .take();
}

std::string automatic_json(const AutomaticParameter& parameter) {
  JsonText out;
  return out.text("name", parameter.name)
      .text("location", name_of(parameter.location))
      .text("knownValue", name_of(parameter.known_value))
      .take();
}

/// An object with one member.
std::string only(std::string_view key, std::string_view json) {
  JsonText out;
  return out.json(key, json).take();
}

std::string requirements_json(const ToolToken& token) {
  const std::string way = token.header.empty()
                              ? only("httpAuth", only("scheme", json_string(token.scheme)))
                              : only("headerApiKey", only("name", json_string(token.header)));
  const std::string option = only("requirements", only(kTokenName, way));
  return only("httpSecurityOptions", only("options", "[" + option + "]"));
}

std::string selected_tool(const UltravoxTool& tool) {
  JsonText http;
  http.text("baseUrlPattern", tool.url).text("httpMethod", tool.method);
  JsonText definition;
  definition.text("modelToolName", tool.name)
      .text("description", tool.description)
      .json("dynamicParameters", list_of(tool.dynamic_parameters, dynamic_json))
      .json("staticParameters", list_of(tool.static_parameters, static_json))
      .json("automaticParameters", list_of(tool.automatic_parameters, automatic_json))
      .text("timeout", render_seconds(tool.timeout))
      .json("http", http.take());
  JsonText selected;
  if (tool.token) {
    definition.json("requirements", requirements_json(*tool.token));
    selected.json("authTokens", only(kTokenName, json_string(tool.token->token.reveal())));
  }
  return selected.json("temporaryTool", definition.take()).take();
}

std::string callback_json(const Callback& callback) {
  JsonText out;
  return out.text("url", callback.url)
      .json("secrets", list_of(callback.secrets,
                               [](const Secret& secret) { return json_string(secret.reveal()); }))
      .take();
}

std::string callbacks_json(const CallCallbacks& callbacks) {
  JsonText out;
  for (const auto& [name, callback] :
       {std::pair("joined", &callbacks.joined), std::pair("ended", &callbacks.ended),
        std::pair("billed", &callbacks.billed)}) {
    if (*callback) {
      out.json(name, callback_json(**callback));
    }
  }
  return out.take();
}

std::string first_speaker_settings(const CallRequest& request) {
  if (request.first_speaker == FirstSpeaker::kUser) {
    return R"({"user":{}})";
  }
  return only("agent",
              request.greeting.empty() ? "{}" : only("text", json_string(request.greeting)));
}

std::string medium_json(CallMedium medium) {
  if (medium == CallMedium::kWebRtc) {
    return R"({"webRtc":{}})";
  }
  JsonText rates;
  rates.number("inputSampleRate", kSampleRate).number("outputSampleRate", kSampleRate);
  return only("serverWebSocket", rates.take());
}

std::string metadata_json(const std::map<std::string, std::string>& metadata) {
  // Keys may be anybody's words.
  std::string out = "{";
  for (const auto& [key, value] : metadata) {
    out += out.size() == 1 ? "" : ",";
    append_json_string(out, key);
    out += ':';
    append_json_string(out, value);
  }
  return out + "}";
}

void put_if_any(JsonText& out, std::string_view key, const std::string& text) {
  if (!text.empty()) {
    out.text(key, text);
  }
}

Error refused(std::string reason) {
  return Error(ErrorCode::kInvalidArgument, "cannot create a call: " + std::move(reason));
}

bool is_tool_name(std::string_view name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !name.empty() && name.size() <= kMaxToolName &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

Status check_tool(const UltravoxTool& tool) {
  if (!is_tool_name(tool.name)) {
    return refused(fmt::format("'{}' is no tool name (1 to {} of a-z, A-Z, 0-9, _ and -)",
                               tool.name.substr(0, kMaxToolName), kMaxToolName));
  }
  if (tool.url.empty()) {
    return refused(fmt::format("tool '{}' has no address", tool.name));
  }
  if (tool.timeout <= Duration::zero() || tool.timeout > kMaxToolTimeout) {
    return refused(fmt::format("the time-out of tool '{}' is {}; it must be above 0 and at most {}",
                               tool.name, format_duration(tool.timeout),
                               format_duration(kMaxToolTimeout)));
  }
  for (const DynamicParameter& parameter : tool.dynamic_parameters) {
    if (!parameter.schema.is_object()) {
      return refused(fmt::format("the schema of '{}' of tool '{}' is no JSON object",
                                 parameter.name, tool.name));
    }
  }
  return ok_status();
}

}  // namespace

Status check_request(const CallRequest& request) {
  std::set<std::string> names;
  for (const UltravoxTool& tool : request.tools) {
    VC_TRY(check_tool(tool));
    if (!names.insert(tool.name).second) {
      return refused(fmt::format("two tools are named '{}'", tool.name));
    }
  }
  if (request.language_hint.size() > kMaxLanguageHint) {
    return refused(fmt::format("the language hint '{}' is longer than {} characters",
                               request.language_hint.substr(0, 64), kMaxLanguageHint));
  }
  if (request.join_timeout <= Duration::zero() || request.max_duration <= Duration::zero()) {
    return refused("the join time-out and the longest duration must be above 0");
  }
  if (request.first_speaker == FirstSpeaker::kUser && !request.greeting.empty()) {
    return refused("a greeting needs the agent as first speaker");
  }
  for (const auto& [key, value] : request.metadata) {
    if (key.starts_with("ultravox.")) {
      return refused(fmt::format("the metadata key '{}' begins with 'ultravox.'", key));
    }
  }
  return ok_status();
}

std::string render_call_request(const CallRequest& request) {
  JsonText body;
  body.text("systemPrompt", request.system_prompt)
      .json("selectedTools", list_of(request.tools, selected_tool))
      .json("firstSpeakerSettings", first_speaker_settings(request))
      .json("medium", medium_json(request.medium))
      .text("joinTimeout", render_seconds(request.join_timeout))
      .text("maxDuration", render_seconds(request.max_duration))
      .flag("recordingEnabled", request.recording_enabled)
      .json("metadata", metadata_json(request.metadata));
  put_if_any(body, "voice", request.voice);
  put_if_any(body, "languageHint", request.language_hint);
  put_if_any(body, "model", request.model);
  if (request.callbacks.joined || request.callbacks.ended || request.callbacks.billed) {
    body.json("callbacks", callbacks_json(request.callbacks));
  }
  return body.take();
}

}  // namespace voicectl::ultravox
