// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "runtime/ultravox/call.h"

namespace voicectl::ultravox {

/// Something that is said, with placeholders.
struct ScriptLine {
  MessageRole speaker = MessageRole::kAgent;
  std::string text;
};

/// A tool that the agent calls; `arguments` is a JSON object as text, with placeholders.
struct ScriptTool {
  std::string tool;
  std::string arguments = "{}";
};

struct ScriptStep {
  std::variant<ScriptLine, ScriptTool> what;
  /// After a tool: what follows for each kind of outcome; "otherwise" for all that are not named.
  std::map<std::string, std::vector<ScriptStep>> on;
};

/// A conversation as data.
struct Script {
  std::string name;
  /// It is played in calls that offer this tool; empty: in calls that no other script fits.
  std::string tool;
  std::vector<ScriptStep> steps;
};

/// Reads a script; `source` names it in errors.
/// ERRORS: kInvalidArgument with the line.
Result<Script> parse_script(std::string_view yaml, std::string_view source);

/// The scripts that a stand-in plays.
class ScriptBook {
 public:
  /// The scripts that are compiled in.
  static ScriptBook built_in();

  void add(Script script);

  /// The script for a call with these tools; null if there is none.
  std::shared_ptr<const Script> find(const std::vector<UltravoxTool>& tools) const;

 private:
  std::vector<std::shared_ptr<const Script>> scripts_;
};

}  // namespace voicectl::ultravox
