// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/stand_in/call_intake.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/ultravox/stand_in/json_member.h"
#include "runtime/ultravox/stand_in/tool_intake.h"
#include "runtime/ultravox/timestamp.h"
#include "runtime/ultravox/wire.h"

namespace voicectl::ultravox {
namespace {

Error refused(std::string_view what) {
  return Error(ErrorCode::kInvalidArgument, fmt::format("cannot create this call: {}", what));
}

/// An object, or null.
Result<const Json*> section(const Json& body, std::string_view key) {
  const Json& found = member_or_null(body, key);
  if (!found.is_null() && !found.is_object()) {
    return refused(fmt::format("'{}' must be an object", key));
  }
  return &found;
}

std::size_t present_members(const Json& object) {
  std::size_t count = 0;
  for (const Json& value : object) {
    count += value.is_null() ? 0 : 1;
  }
  return count;
}

Result<std::string> text(const Json& body, std::string_view key) {
  const Json& found = member_or_null(body, key);
  if (!found.is_null() && !found.is_string()) {
    return refused(fmt::format("'{}' must be text", key));
  }
  return found.is_string() ? found.get<std::string>() : std::string();
}

Result<Duration> length(const Json& body, std::string_view key, Duration fallback) {
  VC_TRY(const std::string found, text(body, key));
  if (found.empty()) {
    return fallback;
  }
  return parse_seconds(found);
}

Status read_texts(const Json& body, CallRequest& request) {
  VC_TRY(request.system_prompt, text(body, "systemPrompt"));
  VC_TRY(request.voice, text(body, "voice"));
  VC_TRY(request.language_hint, text(body, "languageHint"));
  VC_TRY(request.model, text(body, "model"));
  VC_TRY(request.join_timeout, length(body, "joinTimeout", request.join_timeout));
  VC_TRY(request.max_duration, length(body, "maxDuration", request.max_duration));
  return ok_status();
}

Status read_metadata(const Json& body, CallRequest& request) {
  VC_TRY(const Json* metadata, section(body, "metadata"));
  for (const auto& [key, value] : metadata->items()) {
    if (!value.is_string()) {
      return refused(fmt::format("the metadata '{}' must be text", key));
    }
    request.metadata.emplace(key, value.get<std::string>());
  }
  return ok_status();
}

Status read_first_speaker(const Json& body, CallRequest& request) {
  VC_TRY(const Json* settings, section(body, "firstSpeakerSettings"));
  if (settings->is_null()) {
    const bool by_user = string_or(body, "firstSpeaker", "") == "FIRST_SPEAKER_USER";
    request.first_speaker = by_user ? FirstSpeaker::kUser : FirstSpeaker::kAgent;
    return ok_status();
  }
  if (present_members(*settings) != 1) {
    return refused("'firstSpeakerSettings' needs exactly one of user and agent");
  }
  if (const Json& agent = member_or_null(*settings, "agent"); agent.is_object()) {
    request.greeting = string_or(agent, "text", "");
    return ok_status();
  }
  request.first_speaker = FirstSpeaker::kUser;
  return ok_status();
}

Status read_medium(const Json& body, CallRequest& request) {
  VC_TRY(const Json* medium, section(body, "medium"));
  if (present_members(*medium) > 1) {
    return refused("'medium' can be one thing only");
  }
  const Json& socket = member_or_null(*medium, "serverWebSocket");
  if (socket.is_object() && !member_or_null(socket, "inputSampleRate").is_number_integer()) {
    return refused("'medium.serverWebSocket' needs an inputSampleRate");
  }
  request.medium = socket.is_object() ? CallMedium::kServerWebSocket : CallMedium::kWebRtc;
  return ok_status();
}

Result<std::optional<Callback>> read_callback(const Json& callbacks, std::string_view key) {
  VC_TRY(const Json* given, section(callbacks, key));
  if (given->is_null()) {
    return std::optional<Callback>();
  }
  Callback callback{string_or(*given, "url", ""), {}};
  if (callback.url.empty()) {
    return refused(fmt::format("the callback '{}' needs a url", key));
  }
  for (const Json& secret : member_or_null(*given, "secrets")) {
    if (!secret.is_string()) {
      return refused(fmt::format("the secrets of the callback '{}' must be texts", key));
    }
    callback.secrets.emplace_back(secret.get<std::string>());
  }
  return std::optional(std::move(callback));
}

Status read_callbacks(const Json& body, CallCallbacks& out) {
  VC_TRY(const Json* callbacks, section(body, "callbacks"));
  VC_TRY(out.joined, read_callback(*callbacks, "joined"));
  VC_TRY(out.ended, read_callback(*callbacks, "ended"));
  VC_TRY(out.billed, read_callback(*callbacks, "billed"));
  return ok_status();
}

}  // namespace

Result<CallRequest> parse_call_request(const Json& body) {
  if (!body.is_object()) {
    return refused("the body must be a JSON object");
  }
  CallRequest request;
  VC_TRY(read_texts(body, request));
  VC_TRY(read_metadata(body, request));
  VC_TRY(read_first_speaker(body, request));
  VC_TRY(read_medium(body, request));
  VC_TRY(read_callbacks(body, request.callbacks));
  VC_TRY(request.tools, parse_tools(member_or_null(body, "selectedTools")));
  // Tools that are known to the service by name have their address there.
  CallRequest checked = request;
  std::erase_if(checked.tools, [](const UltravoxTool& tool) { return tool.url.empty(); });
  VC_TRY(check_request(checked));
  return request;
}

}  // namespace voicectl::ultravox
