// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/stand_in/script.h"

#include <algorithm>

#include "base/check.h"
#include "runtime/ultravox/stand_in/built_in_scripts.h"

namespace voicectl::ultravox {

ScriptBook ScriptBook::built_in() {
  ScriptBook book;
  for (const ScriptSource& source : built_in_scripts()) {
    Result<Script> script = parse_script(source.yaml, source.name);
    VC_CHECK(script.has_value(), "the scripts that are compiled in are sound: a test reads them");
    book.add(std::move(*script));
  }
  return book;
}

void ScriptBook::add(Script script) {
  scripts_.push_back(std::make_shared<const Script>(std::move(script)));
}

std::shared_ptr<const Script> ScriptBook::find(const std::vector<UltravoxTool>& tools) const {
  std::shared_ptr<const Script> fallback;
  for (const auto& script : scripts_) {
    if (script->tool.empty()) {
      fallback = script;
      continue;
    }
    const bool offered = std::any_of(tools.begin(), tools.end(), [&](const UltravoxTool& tool) {
      return tool.name == script->tool;
    });
    if (offered) {
      return script;
    }
  }
  return fallback;
}

}  // namespace voicectl::ultravox
