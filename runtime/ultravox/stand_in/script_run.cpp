// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/stand_in/script_run.h"

#include <nlohmann/json.hpp>

#include "runtime/ultravox/stand_in/placeholders.h"

namespace voicectl::ultravox {

ScriptRun::ScriptRun(std::shared_ptr<const Script> script,
                     const Json& facts,
                     std::chrono::sys_days today)
    : script_(std::move(script)),
      facts_(std::make_unique<Json>(facts)),
      today_(today),
      stack_{{&script_->steps, 0}} {}

ScriptRun::~ScriptRun() = default;

ScriptRun::Next ScriptRun::next() {
  while (!stack_.empty() && stack_.back().index == stack_.back().steps->size()) {
    stack_.pop_back();
  }
  if (stack_.empty()) {
    return Finished{};
  }
  const ScriptStep& step = (*stack_.back().steps)[stack_.back().index++];
  if (const auto* line = std::get_if<ScriptLine>(&step.what)) {
    return ScriptLine{line->speaker, fill_in_text(line->text, *facts_, today_)};
  }
  last_tool_ = &step;
  const auto& tool = std::get<ScriptTool>(step.what);
  const Json arguments = fill_in(parse_json(tool.arguments).value(), *facts_, today_);
  return ScriptTool{tool.tool, dump_json(arguments)};
}

void ScriptRun::take(const ToolOutcome& outcome) {
  const Result<Json> result = parse_json(outcome.result);
  (*facts_)["result"] = result.has_value() ? *result : Json(outcome.result);
  if (last_tool_ == nullptr) {
    return;
  }
  auto branch = last_tool_->on.find(outcome.kind);
  if (branch == last_tool_->on.end()) {
    branch = last_tool_->on.find("otherwise");
  }
  if (branch != last_tool_->on.end()) {
    stack_.push_back({&branch->second, 0});
  }
  last_tool_ = nullptr;
}

}  // namespace voicectl::ultravox
