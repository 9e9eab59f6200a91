// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

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

Json dynamic_parameters(const UltravoxTool& tool) {
  Json out = Json::array();
  for (const DynamicParameter& parameter : tool.dynamic_parameters) {
    out.push_back({{"name", parameter.name},
                   {"location", name_of(parameter.location)},
                   {"schema", parse_json(parameter.schema).value()},
                   {"required", parameter.required}});
  }
  return out;
}

/// In the body a value may be any JSON; text that is none is sent as text.
Json static_value(const StaticParameter& parameter) {
  if (parameter.location == ParameterLocation::kBody) {
    const Result<Json> parsed = parse_json(parameter.value);
    if (parsed.has_value()) {
      return *parsed;
    }
  }
  return parameter.value;
}

Json static_parameters(const UltravoxTool& tool) {
  Json out = Json::array();
  for (const StaticParameter& parameter : tool.static_parameters) {
    out.push_back({{"name", parameter.name},
                   {"location", name_of(parameter.location)},
                   {"value", static_value(parameter)}});
  }
  return out;
}

Json automatic_parameters(const UltravoxTool& tool) {
  Json out = Json::array();
  for (const AutomaticParameter& parameter : tool.automatic_parameters) {
    out.push_back({{"name", parameter.name},
                   {"location", name_of(parameter.location)},
                   {"knownValue", name_of(parameter.known_value)}});
  }
  return out;
}

Json selected_tool(const UltravoxTool& tool) {
  Json definition = {{"modelToolName", tool.name},
                     {"description", tool.description},
                     {"dynamicParameters", dynamic_parameters(tool)},
                     {"staticParameters", static_parameters(tool)},
                     {"automaticParameters", automatic_parameters(tool)},
                     {"timeout", render_seconds(tool.timeout)},
                     {"http", {{"baseUrlPattern", tool.url}, {"httpMethod", tool.method}}}};
  Json selected = Json::object();
  if (tool.token) {
    const Json header = {{"headerApiKey", {{"name", tool.token->header}}}};
    const Json option = {{"requirements", {{kTokenName, header}}}};
    definition["requirements"] = {{"httpSecurityOptions", {{"options", Json::array({option})}}}};
    selected["authTokens"] = {{kTokenName, tool.token->token.reveal()}};
  }
  selected["temporaryTool"] = std::move(definition);
  return selected;
}

Json callback_json(const Callback& callback) {
  Json secrets = Json::array();
  for (const Secret& secret : callback.secrets) {
    secrets.push_back(secret.reveal());
  }
  return {{"url", callback.url}, {"secrets", std::move(secrets)}};
}

Json callbacks_json(const CallCallbacks& callbacks) {
  Json out = Json::object();
  if (callbacks.joined) {
    out["joined"] = callback_json(*callbacks.joined);
  }
  if (callbacks.ended) {
    out["ended"] = callback_json(*callbacks.ended);
  }
  if (callbacks.billed) {
    out["billed"] = callback_json(*callbacks.billed);
  }
  return out;
}

Json first_speaker_settings(const CallRequest& request) {
  if (request.first_speaker == FirstSpeaker::kUser) {
    return {{"user", Json::object()}};
  }
  Json agent = Json::object();
  if (!request.greeting.empty()) {
    agent["text"] = request.greeting;
  }
  return {{"agent", std::move(agent)}};
}

Json medium_json(CallMedium medium) {
  if (medium == CallMedium::kServerWebSocket) {
    return {
        {"serverWebSocket", {{"inputSampleRate", kSampleRate}, {"outputSampleRate", kSampleRate}}}};
  }
  return {{"webRtc", Json::object()}};
}

void set_if_any(Json& object, const char* key, const std::string& text) {
  if (!text.empty()) {
    object[key] = text;
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
    const Result<Json> schema = parse_json(parameter.schema);
    if (schema.has_error() || !schema->is_object()) {
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
  Json tools = Json::array();
  for (const UltravoxTool& tool : request.tools) {
    tools.push_back(selected_tool(tool));
  }
  Json body = {{"systemPrompt", request.system_prompt},
               {"selectedTools", std::move(tools)},
               {"firstSpeakerSettings", first_speaker_settings(request)},
               {"medium", medium_json(request.medium)},
               {"joinTimeout", render_seconds(request.join_timeout)},
               {"maxDuration", render_seconds(request.max_duration)},
               {"recordingEnabled", request.recording_enabled},
               {"metadata", request.metadata}};
  set_if_any(body, "voice", request.voice);
  set_if_any(body, "languageHint", request.language_hint);
  set_if_any(body, "model", request.model);
  Json callbacks = callbacks_json(request.callbacks);
  if (!callbacks.empty()) {
    body["callbacks"] = std::move(callbacks);
  }
  return dump_json(body);
}

}  // namespace voicectl::ultravox
