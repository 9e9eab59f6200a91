// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/tool_job.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/json_text.h"

namespace voicectl::runtime {
namespace {

const ToolDefinition* tool_named(std::string_view name) {
  for (const ToolDefinition& tool : all_tools()) {
    if (tool.name == name) {
      return &tool;
    }
  }
  return nullptr;
}

}  // namespace

std::string render_tool_job(const ToolCall& call) {
  constexpr std::size_t kWords = 128;
  JsonText out(kWords + call.body.size());
  return out.text("tool", call.tool->name)
      .json("parameters", call.body)
      .text("request_key", call.request_key.value_or(""))
      .take();
}

Result<ToolJob> recorded_job(const OutboxEntry& entry) {
  VC_TRY(SessionId session, SessionId::parse(entry.session));
  VC_TRY(const Json payload, parse_json(entry.payload));
  const ToolDefinition* tool = tool_named(string_or(payload, "tool", ""));
  const auto parameters = payload.find("parameters");
  if (tool == nullptr || parameters == payload.end()) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot run '{}': this version does not know it", entry.kind));
  }
  const std::string request_key = string_or(payload, "request_key", "");
  return ToolJob{{std::move(session), tool, dump_json(*parameters),
                  request_key.empty() ? std::nullopt : std::optional(request_key)},
                 read_tool_request(*tool, *parameters)};
}

}  // namespace voicectl::runtime
