// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <variant>

#include "base/json.h"
#include "runtime/backend/backend.h"
#include "runtime/webhook/tools.h"

namespace voicectl::runtime {

/// What an agent asked for, or the question that it has to put to the caller first.
using ToolRequest = std::variant<OrderRequest, AppointmentRequest, TicketRequest, Refusal>;

/// Reads the parameters of a tool call and checks them by the tool's definition. Pure.
///
/// Lenient where agents are known to be loose: a number as text, a choice in another case, unknown
/// parameters.
ToolRequest read_tool_request(const ToolDefinition& tool, const Json& parameters);

}  // namespace voicectl::runtime
