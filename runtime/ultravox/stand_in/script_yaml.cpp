// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "runtime/ultravox/stand_in/script.h"

namespace voicectl::ultravox {
namespace {

Error wrong(const YAML::Node& where, std::string_view what) {
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot read the script: line {}: {}", where.Mark().line + 1, what));
}

/// Text that was quoted stays text; `2` and `true` become what they look like.
Json scalar(const YAML::Node& node) {
  const bool quoted = node.Tag() == "!";
  if (!quoted) {
    if (const Result<Json> parsed = parse_json(node.Scalar()); parsed.has_value()) {
      return *parsed;
    }
  }
  return node.Scalar();
}

Json to_json(const YAML::Node& node) {
  if (node.IsSequence()) {
    Json out = Json::array();
    for (const auto& element : node) {
      out.push_back(to_json(element));
    }
    return out;
  }
  if (node.IsMap()) {
    Json out = Json::object();
    for (const auto& member : node) {
      out[member.first.as<std::string>()] = to_json(member.second);
    }
    return out;
  }
  return node.IsScalar() ? scalar(node) : Json();
}

Result<std::vector<ScriptStep>> read_steps(const YAML::Node& node);

Result<ScriptStep> read_tool(const YAML::Node& node) {
  ScriptTool tool;
  tool.tool = node["tool"].as<std::string>();
  if (node["arguments"]) {
    tool.arguments = dump_json(to_json(node["arguments"]));
  }
  ScriptStep step{std::move(tool), {}};
  for (const auto& branch : node["on"]) {
    VC_TRY(step.on[branch.first.as<std::string>()], read_steps(branch.second));
  }
  return step;
}

Result<ScriptStep> read_step(const YAML::Node& node) {
  if (!node.IsMap()) {
    return wrong(node, "a step must be one of agent, user and tool");
  }
  if (node["tool"]) {
    return read_tool(node);
  }
  const bool by_agent = static_cast<bool>(node["agent"]);
  const YAML::Node text = by_agent ? node["agent"] : node["user"];
  if (!text || !text.IsScalar() || node.size() != 1) {
    return wrong(node, "a step must be one of agent, user and tool");
  }
  const MessageRole speaker = by_agent ? MessageRole::kAgent : MessageRole::kUser;
  return ScriptStep{ScriptLine{speaker, text.Scalar()}, {}};
}

Result<std::vector<ScriptStep>> read_steps(const YAML::Node& node) {
  if (!node.IsSequence()) {
    return wrong(node, "steps must be a list");
  }
  std::vector<ScriptStep> steps;
  for (const auto& entry : node) {
    VC_TRY(ScriptStep step, read_step(entry));
    steps.push_back(std::move(step));
  }
  return steps;
}

Result<Script> read_script(const YAML::Node& document) {
  if (!document.IsMap() || !document["name"] || !document["steps"]) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot read the script: it must have a name and steps");
  }
  Script script;
  script.name = document["name"].as<std::string>();
  script.tool = document["tool"] ? document["tool"].as<std::string>() : "";
  VC_TRY(script.steps, read_steps(document["steps"]));
  return script;
}

}  // namespace

Result<Script> parse_script(std::string_view yaml, std::string_view source) {
  const std::string context = fmt::format("reading '{}'", source);
  try {
    Result<Script> script = read_script(YAML::Load(std::string(yaml)));
    if (script.has_error()) {
      return script.error().with_context(context);
    }
    return script;
  } catch (const YAML::Exception& problem) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot read the script: {}", problem.what()))
        .with_context(context);
  }
}

}  // namespace voicectl::ultravox
