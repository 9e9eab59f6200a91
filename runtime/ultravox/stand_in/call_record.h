// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "runtime/ultravox/call.h"

namespace voicectl::ultravox {

/// All that the stand-in knows about one call.
struct CallRecord {
  std::string call_id;
  std::string join_url;
  /// The body that asked for it: most of a call object repeats it.
  std::shared_ptr<const Json> asked;
  CallRequest request;
  WallTime created{};
  std::optional<WallTime> joined;
  std::optional<WallTime> ended;
  std::optional<EndReason> end_reason;
  bool billed = false;
  std::vector<CallMessage> messages;
  /// State that tools may update, a JSON object as text.
  std::string state = "{}";
};

/// Joined and not ended.
inline bool is_live(const CallRecord& call) {
  return call.joined && !call.ended;
}

/// The call object of the API, with every member that the real one always has.
std::string render_call(const CallRecord& call);

/// One message object of the API; `index` is its place in the call.
std::string render_message(const CallMessage& message, std::size_t index);

/// The whole conversation as a JSON list: what KNOWN_PARAM_CONVERSATION_HISTORY stands for.
Json conversation_history(const CallRecord& call);

}  // namespace voicectl::ultravox
