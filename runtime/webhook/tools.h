// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/secret.h"
#include "runtime/backend/business.h"
#include "runtime/ultravox/call.h"

namespace voicectl::runtime {

enum class ToolKind { kPlaceOrder, kBookAppointment, kCreateSupportTicket };
enum class ParameterKind { kText, kDate, kTime, kChoice, kOrderItems };
enum class Presence { kRequired, kOptional };

/// One thing that a tool wants to know.
struct ToolParameter {
  std::string_view name;
  ParameterKind kind = ParameterKind::kText;
  Presence presence = Presence::kRequired;
  /// For the model: what to put here.
  std::string_view description;
  /// How an agent asks for it when it is missing or makes no sense.
  std::string_view question;
  /// For kChoice.
  std::vector<std::string_view> choices = {};
};

/// A tool that the agent may call. The same definition is offered to the agent and checked when
/// the agent calls.
struct ToolDefinition {
  ToolKind kind;
  std::string_view name;
  BusinessType business_type;
  std::string_view description;
  std::vector<ToolParameter> parameters;
};

const std::vector<ToolDefinition>& all_tools();
/// The tools of one type of business; kCustom has none.
std::vector<const ToolDefinition*> tools_of(BusinessType type);
/// nullptr if that type of business has no such tool.
const ToolDefinition* find_tool(BusinessType type, std::string_view name);

/// JSON Schema of a parameter's value.
std::string schema_of(const ToolParameter& parameter);

/// Headers by which a tool call says which session it belongs to, and proves it.
inline constexpr std::string_view kSessionHeader = "X-Voicectl-Session";
inline constexpr std::string_view kToolTokenHeader = "X-Voicectl-Tool-Token";

/// What proves that a tool call comes from the call of `session`.
Secret make_tool_token(const Secret& tool_secret, const SessionId& session);

/// What a message of the business to an agent stands between. Nobody else in the call can write
/// them: they follow from the session's name and the tenant's secret.
struct InstructionMarks {
  std::string begin;
  std::string end;
};
InstructionMarks make_instruction_marks(const Secret& tool_secret, const SessionId& session);

/// How long the agent waits for a tool. The tools answer in less than 300 ms; the rest is room
/// for an instance that is just being replaced.
inline constexpr Duration kToolTimeout = std::chrono::seconds(10);

/// The tools of a business for one session, posting to `<tools_url>/<name>`.
std::vector<ultravox::UltravoxTool> make_call_tools(BusinessType type,
                                                    const std::string& tools_url,
                                                    const SessionId& session,
                                                    const Secret& token);

}  // namespace voicectl::runtime
