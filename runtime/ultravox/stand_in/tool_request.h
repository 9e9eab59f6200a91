// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/json.h"
#include "base/result.h"
#include "runtime/net/http_client.h"
#include "runtime/ultravox/stand_in/call_record.h"
#include "runtime/ultravox/stand_in/script_run.h"

namespace voicectl::ultravox {

/// The request that the service makes when the agent calls a tool.
///
/// Arguments that the tool does not declare are left out: a model would not have made them. Body
/// parameters become members of one JSON object; elsewhere a value that is no text travels as
/// JSON text.
HttpCall make_tool_call(const UltravoxTool& tool, const Json& arguments, const CallRecord& call);

enum class AfterTool { kGoOn, kHangUp };

/// What the service makes of the tool's answer.
struct ToolAnswer {
  ToolOutcome outcome;
  AfterTool then = AfterTool::kGoOn;
  /// New state of the call (JSON object as text), if the answer changes it.
  std::string state_update;
};
ToolAnswer read_tool_answer(const Result<HttpResponse>& answer);

}  // namespace voicectl::ultravox
