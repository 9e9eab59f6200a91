// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "runtime/session/stored_values.h"
#include "runtime/webhook/tool_dispatch.h"

namespace voicectl::runtime {

/// What is to be run: a call, and what its body asks for.
struct ToolJob {
  ToolCall call;
  ToolRequest request;
};

/// A tool call as it is kept in the outbox, and back.
std::string render_tool_job(const ToolCall& call);
/// ERRORS: kInvalidArgument for one that this version does not know; kCorrupt.
Result<ToolJob> recorded_job(const OutboxEntry& entry);

}  // namespace voicectl::runtime
