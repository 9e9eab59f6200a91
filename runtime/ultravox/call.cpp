// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/call.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl::ultravox {

JsonSchema::JsonSchema() {
  static const JsonSchema kAnyText(R"({"type":"string"})");
  read_ = kAnyText.read_;
}

JsonSchema::JsonSchema(std::string text) {
  const Result<Json> parsed = parse_json(text);
  const bool is_object = parsed.has_value() && parsed->is_object();
  read_ = std::make_shared<const Read>(Read{std::move(text), is_object});
}

std::string_view name_of(EndReason reason) {
  switch (reason) {
    case EndReason::kUnjoined:
      return "unjoined";
    case EndReason::kHangup:
      return "hangup";
    case EndReason::kAgentHangup:
      return "agent_hangup";
    case EndReason::kTimeout:
      return "timeout";
    case EndReason::kConnectionError:
      return "connection_error";
    case EndReason::kSystemError:
      return "system_error";
    case EndReason::kUnknown:
      break;
  }
  return "unknown";
}

EndReason end_reason_named(std::string_view name) {
  constexpr std::array kAll = {EndReason::kUnjoined,        EndReason::kHangup,
                               EndReason::kAgentHangup,     EndReason::kTimeout,
                               EndReason::kConnectionError, EndReason::kSystemError};
  for (const EndReason reason : kAll) {
    if (name_of(reason) == name) {
      return reason;
    }
  }
  return EndReason::kUnknown;
}

}  // namespace voicectl::ultravox
