// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/stand_in/call_record.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "runtime/ultravox/timestamp.h"

namespace voicectl::ultravox {
namespace {

std::string_view name_of(MessageRole role) {
  switch (role) {
    case MessageRole::kUser:
      return "MESSAGE_ROLE_USER";
    case MessageRole::kAgent:
      return "MESSAGE_ROLE_AGENT";
    case MessageRole::kToolCall:
      return "MESSAGE_ROLE_TOOL_CALL";
    case MessageRole::kToolResult:
      return "MESSAGE_ROLE_TOOL_RESULT";
    case MessageRole::kUnknown:
      break;
  }
  return "MESSAGE_ROLE_UNSPECIFIED";
}

Json time_or_null(const std::optional<WallTime>& at) {
  return at ? Json(format_wall_time(*at)) : Json();
}

/// Whole seconds, rounded up: a call that was joined has cost something.
std::optional<std::chrono::seconds> billed_length(const CallRecord& call) {
  if (!call.billed || !call.ended) {
    return std::nullopt;
  }
  return call.joined ? std::chrono::ceil<std::chrono::seconds>(*call.ended - *call.joined)
                     : std::chrono::seconds(0);
}

std::string_view billing_status(const CallRecord& call) {
  if (!call.billed) {
    return "BILLING_STATUS_PENDING";
  }
  return call.joined ? "BILLING_STATUS_BILLED" : "BILLING_STATUS_FREE_ZERO_EFFECTIVE_DURATION";
}

/// What is always there, with the values of a call of which nothing is known.
Json blank_call() {
  return Json::parse(R"({
    "clientVersion": null, "billedSideInputTokens": null, "billedSideOutputTokens": null,
    "firstSpeaker": "FIRST_SPEAKER_AGENT", "firstSpeakerSettings": {"agent": {}},
    "initialOutputMedium": "MESSAGE_MEDIUM_VOICE", "shortSummary": null, "summary": null,
    "agent": null, "agentId": null, "experimentalSettings": null, "initialState": {},
    "requestContext": {}, "sipDetails": null, "inactivityMessages": [], "languageHint": null,
    "medium": {"webRtc": {}}, "model": "ultravox-v0.7", "recordingEnabled": false,
    "retentionPolicy": "retain", "systemPrompt": null, "temperature": 0,
    "timeExceededMessage": null, "voice": null, "externalVoice": null, "voiceOverrides": null,
    "transcriptOptional": false, "vadSettings": null, "dataConnectionConfig": null,
    "callbacks": null})");
}

/// Requests and call objects share most names; one that means something else is left out.
void repeat_request(const Json& asked, Json& call) {
  for (const auto& [key, value] : asked.items()) {
    if (!value.is_null() && key != "retentionPolicy" && call.contains(key)) {
      call[key] = value;
    }
  }
  const auto connection = asked.find("dataConnection");
  if (connection != asked.end()) {
    call["dataConnectionConfig"] = *connection;
  }
  // Secrets are written once and never read back.
  if (call["callbacks"].is_object()) {
    for (auto& callback : call["callbacks"]) {
      callback.erase("secrets");
    }
  }
}

}  // namespace

std::string render_call(const CallRecord& call) {
  Json out = blank_call();
  repeat_request(*call.asked, out);
  out["callId"] = call.call_id;
  out["joinUrl"] = call.join_url;
  out["created"] = format_wall_time(call.created);
  out["joined"] = time_or_null(call.joined);
  out["ended"] = time_or_null(call.ended);
  out["endReason"] = call.end_reason ? Json(name_of(*call.end_reason)) : Json();
  const auto billed = billed_length(call);
  out["billedDuration"] = billed ? Json(render_seconds(*billed)) : Json();
  out["billingStatus"] = billing_status(call);
  out["joinTimeout"] = render_seconds(call.request.join_timeout);
  out["maxDuration"] = render_seconds(call.request.max_duration);
  out["metadata"] = call.request.metadata;
  if (call.ended && call.joined) {
    out["shortSummary"] = fmt::format("A played conversation of {} lines", call.messages.size());
    out["summary"] = out["shortSummary"];
  }
  return dump_json(out);
}

std::string render_message(const CallMessage& message, std::size_t index) {
  Json out = {{"role", name_of(message.role)},
              {"text", message.text},
              {"medium", "MESSAGE_MEDIUM_VOICE"},
              {"callStageMessageIndex", index}};
  if (!message.tool_name.empty()) {
    out["toolName"] = message.tool_name;
    out["invocationId"] = message.invocation_id;
  }
  return dump_json(out);
}

Json conversation_history(const CallRecord& call) {
  Json out = Json::array();
  for (std::size_t i = 0; i < call.messages.size(); ++i) {
    out.push_back(Json::parse(render_message(call.messages[i], i)));
  }
  return out;
}

}  // namespace voicectl::ultravox
