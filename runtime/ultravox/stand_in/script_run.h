// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "runtime/ultravox/stand_in/script.h"

namespace voicectl::ultravox {

/// What a tool answered, in the words that scripts branch on.
struct ToolOutcome {
  /// "success", "partial", "error", or whatever other status the tool named.
  std::string kind;
  /// JSON as text; a string if the answer was none.
  std::string result;
};

/// Walks through a script: no time, no connection. Says what comes next and is told what came of
/// it.
class ScriptRun {
 public:
  struct Finished {};
  /// Placeholders are filled in.
  using Next = std::variant<ScriptLine, ScriptTool, Finished>;

  /// `facts` is what placeholders may name; the last tool's answer joins it as `result`.
  ScriptRun(std::shared_ptr<const Script> script, const Json& facts, std::chrono::sys_days today);
  ~ScriptRun();

  Next next();

  /// What came of the tool that `next` gave last; picks the branch that follows.
  void take(const ToolOutcome& outcome);

 private:
  struct Position {
    const std::vector<ScriptStep>* steps;
    std::size_t index;
  };

  std::shared_ptr<const Script> script_;
  std::unique_ptr<Json> facts_;
  std::chrono::sys_days today_;
  std::vector<Position> stack_;
  const ScriptStep* last_tool_ = nullptr;
};

}  // namespace voicectl::ultravox
