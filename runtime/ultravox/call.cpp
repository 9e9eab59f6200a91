// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/call.h"

#include <array>

namespace voicectl::ultravox {

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
