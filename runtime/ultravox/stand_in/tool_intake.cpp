// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/stand_in/tool_intake.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/ultravox/stand_in/json_member.h"
#include "runtime/ultravox/timestamp.h"

namespace voicectl::ultravox {
namespace {

Error refused(std::string_view what) {
  return Error(ErrorCode::kInvalidArgument, fmt::format("cannot read selectedTools: {}", what));
}

std::optional<ParameterLocation> location_named(std::string_view name) {
  if (name == "PARAMETER_LOCATION_QUERY") {
    return ParameterLocation::kQuery;
  }
  if (name == "PARAMETER_LOCATION_PATH") {
    return ParameterLocation::kPath;
  }
  if (name == "PARAMETER_LOCATION_HEADER") {
    return ParameterLocation::kHeader;
  }
  return name == "PARAMETER_LOCATION_BODY" ? std::optional(ParameterLocation::kBody) : std::nullopt;
}

std::optional<KnownValue> known_value_named(std::string_view name) {
  if (name == "KNOWN_PARAM_CALL_ID") {
    return KnownValue::kCallId;
  }
  if (name == "KNOWN_PARAM_CONVERSATION_HISTORY") {
    return KnownValue::kConversationHistory;
  }
  if (name == "KNOWN_PARAM_CALL_STATE") {
    return KnownValue::kCallState;
  }
  if (name == "KNOWN_PARAM_CALL_STAGE_ID") {
    return KnownValue::kCallStageId;
  }
  return name == "KNOWN_PARAM_CALL_METADATA" ? std::optional(KnownValue::kCallMetadata)
                                             : std::nullopt;
}

struct Placed {
  std::string name;
  ParameterLocation location;
};

Result<Placed> read_place(const Json& parameter) {
  const std::string name = string_or(parameter, "name", "");
  const auto location = location_named(string_or(parameter, "location", ""));
  if (name.empty() || !location) {
    return refused("a parameter needs a name and a location");
  }
  return Placed{name, *location};
}

Status read_dynamic(const Json& definition, UltravoxTool& tool) {
  for (const Json& parameter : member_or_null(definition, "dynamicParameters")) {
    VC_TRY(const Placed place, read_place(parameter));
    const Json& schema = member_or_null(parameter, "schema");
    const Json& required = member_or_null(parameter, "required");
    if (!schema.is_object()) {
      return refused(fmt::format("parameter '{}' has no schema", place.name));
    }
    tool.dynamic_parameters.push_back({place.name, place.location, JsonSchema(dump_json(schema)),
                                       required.is_boolean() && required.get<bool>()});
  }
  return ok_status();
}

Status read_fixed(const Json& definition, UltravoxTool& tool) {
  for (const Json& parameter : member_or_null(definition, "staticParameters")) {
    VC_TRY(const Placed place, read_place(parameter));
    const Json& value = member_or_null(parameter, "value");
    const bool as_json = place.location == ParameterLocation::kBody || !value.is_string();
    tool.static_parameters.push_back(
        {place.name, place.location, as_json ? dump_json(value) : value.get<std::string>()});
  }
  for (const Json& parameter : member_or_null(definition, "automaticParameters")) {
    VC_TRY(const Placed place, read_place(parameter));
    if (const auto known = known_value_named(string_or(parameter, "knownValue", ""))) {
      tool.automatic_parameters.push_back({place.name, place.location, *known});
    }
  }
  return ok_status();
}

/// Where one credential travels; nullopt for a kind that is not known here.
std::optional<StaticParameter> credential(const Json& requirement, const std::string& token) {
  if (const Json& header = member_or_null(requirement, "headerApiKey"); header.is_object()) {
    return StaticParameter{string_or(header, "name", ""), ParameterLocation::kHeader, token};
  }
  if (const Json& query = member_or_null(requirement, "queryApiKey"); query.is_object()) {
    return StaticParameter{string_or(query, "name", ""), ParameterLocation::kQuery, token};
  }
  if (const Json& auth = member_or_null(requirement, "httpAuth"); auth.is_object()) {
    return StaticParameter{"Authorization", ParameterLocation::kHeader,
                           string_or(auth, "scheme", "Bearer") + " " + token};
  }
  return std::nullopt;
}

/// All credentials of one option, or nothing if a token is missing.
std::optional<std::vector<StaticParameter>> satisfy(const Json& option, const Json& tokens) {
  std::vector<StaticParameter> out;
  for (const auto& [name, requirement] : member_or_null(option, "requirements").items()) {
    const Json& token = member_or_null(tokens, name);
    const auto parameter =
        token.is_string() ? credential(requirement, token.get<std::string>()) : std::nullopt;
    if (!parameter) {
      return std::nullopt;
    }
    out.push_back(*parameter);
  }
  return out;
}

/// The first option that can be met and asks for something; one that asks for nothing comes last.
Status read_credentials(const Json& definition, const Json& tokens, UltravoxTool& tool) {
  const Json& security =
      member_or_null(member_or_null(definition, "requirements"), "httpSecurityOptions");
  const Json& options = member_or_null(security, "options");
  bool met = options.empty();
  for (const Json& option : options) {
    const auto parameters = satisfy(option, tokens);
    met = met || parameters.has_value();
    if (parameters && !parameters->empty()) {
      tool.static_parameters.insert(tool.static_parameters.end(), parameters->begin(),
                                    parameters->end());
      return ok_status();
    }
  }
  if (!met) {
    return refused(fmt::format("tool '{}' needs authTokens that are not given", tool.name));
  }
  return ok_status();
}

Result<UltravoxTool> read_temporary(const Json& definition, const Json& tokens) {
  UltravoxTool tool;
  tool.name = string_or(definition, "modelToolName", "");
  tool.description = string_or(definition, "description", "");
  const Json& http = member_or_null(definition, "http");
  tool.url = string_or(http, "baseUrlPattern", "");
  tool.method = string_or(http, "httpMethod", "POST");
  if (http.is_object() && !tool.url.starts_with("http://") && !tool.url.starts_with("https://")) {
    return refused(fmt::format("tool '{}' needs a baseUrlPattern with http or https", tool.name));
  }
  if (const Json& timeout = member_or_null(definition, "timeout"); !timeout.is_null()) {
    VC_TRY(tool.timeout, parse_seconds(timeout.is_string() ? timeout.get<std::string>() : ""));
  }
  VC_TRY(read_dynamic(definition, tool));
  VC_TRY(read_fixed(definition, tool));
  VC_TRY(read_credentials(definition, tokens, tool));
  return tool;
}

Result<UltravoxTool> read_selected(const Json& selected) {
  int ways = 0;
  for (const char* way : {"toolId", "toolName", "temporaryTool"}) {
    ways += member_or_null(selected, way).is_null() ? 0 : 1;
  }
  if (ways != 1) {
    return refused("each entry needs exactly one of toolId, toolName and temporaryTool");
  }
  UltravoxTool tool;
  tool.name = string_or(selected, "toolName", string_or(selected, "toolId", ""));
  if (const Json& definition = member_or_null(selected, "temporaryTool"); definition.is_object()) {
    VC_TRY(tool, read_temporary(definition, member_or_null(selected, "authTokens")));
  }
  tool.name = string_or(selected, "nameOverride", tool.name);
  return tool;
}

}  // namespace

Result<std::vector<UltravoxTool>> parse_tools(const Json& selected) {
  std::vector<UltravoxTool> tools;
  if (selected.is_null()) {
    return tools;
  }
  if (!selected.is_array()) {
    return refused("it must be a list");
  }
  for (const Json& entry : selected) {
    VC_TRY(UltravoxTool tool, read_selected(entry));
    tools.push_back(std::move(tool));
  }
  return tools;
}

}  // namespace voicectl::ultravox
